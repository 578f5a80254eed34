"""All rules of one event type as one generated Python function.

    def run(reading, only_windows):
        data = reading.event.data ...           # each field read once, and only a value of its type kept
        <windows are fed>
        if only_windows: return [], []
        <each rule, in its own try: hits or retries>

A rule whose code raises is asked again by the exact evaluator: the generated function is an optimisation, never the
judge. Signals, windows and labels are loaded when a rule's cheaper conditions have not already said no.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

from safehold.engine.compile.emit import Emitter, call, compare, constant, name
from safehold.engine.language.tree import Call, Macro, Node, Path, Present, children, walk
from safehold.engine.language.values import INT_MAX, INT_MIN
from safehold.engine.policies.model import Policy, Rule, Window
from safehold.engine.policies.scope import Scope

Parts = tuple[str, ...]
#: What the generated function calls on the Reading.
_METHODS = ("load", "load_field", "present", "feed", "feed_exactly")
_ROOTS = ("actor", "target", "context", "data")
_DIRECT = {"string": "str", "int": "int", "double": "float", "bool": "bool"}
#: Expected microseconds of what is not a plain comparison, to ask the cheap first. Signals say their own.
_COSTS = {"matches": 1.0, "contains": 0.1, "windows": 2.0, "labels": 1.0, "macro": 0.5, "call": 0.1, "field": 1.0}


class RuleSet:
    """The rules and windows of an event type, compiled. `run` answers (hits, retries): positions in `rules`."""

    def __init__(self, scope: Scope, policies: tuple[Policy, ...], lists: Mapping[str, Any]) -> None:
        self.scope, self.lists = scope, lists
        kind = scope.event_type.name
        self.rules: list[tuple[Policy, Rule]] = [
            (policy, rule)
            for policy in policies
            for rule in policy.rules
            if kind in rule.when and rule.mode not in ("draft", "retired")
        ]
        self.windows: dict[tuple[str, str], Window] = {
            (policy.key, window.name): window for policy in policies for window in policy.windows if kind in window.on
        }
        self.lazies: list[tuple[str, Parts]] = []
        self._direct: dict[Parts, str] = {}
        self._policy = ""
        self.emitter = Emitter(self._path, self._present, lists)
        self.function: ast.Module
        self.run: Callable[..., tuple[list[int], list[int]]] = self._compile()

    # -- paths -----------------------------------------------------------------------------------------------------

    def _path(self, node: Path) -> ast.expr:
        variable = self._variable(node.parts)
        if variable.startswith("v"):
            return name(variable)
        load = call(name("load"), constant(int(variable[1:])))
        return ast.IfExp(compare(name(variable), ast.IsNot(), name("PENDING")), name(variable), load)

    def _variable(self, parts: Parts) -> str:
        """`v3` for a field that is read at the start, `s3` for a value that is loaded when it is first needed."""
        if self._is_direct(parts):
            return self._direct.setdefault(parts, f"v{len(self._direct)}")
        lazy = (self._policy if parts[0] == "windows" else "", parts)
        if lazy not in self.lazies:
            self.lazies.append(lazy)
        return f"s{self.lazies.index(lazy)}"

    def _is_direct(self, parts: Parts) -> bool:
        if len(parts) != 2 or parts[0] not in _ROOTS:
            return False
        field = self.scope.variables[parts[0]].fields[parts[1]]
        return field.type.name in _DIRECT

    def _present(self, node: Present) -> ast.expr:
        if len(node.parts) == 2 and node.parts[0] in _ROOTS and node.parts[1] != "age":
            found = call(ast.Attribute(name(node.parts[0]), "get", ast.Load()), constant(node.parts[1]))
            return compare(found, ast.IsNot(), constant(None))
        return call(name("present"), ast.Tuple([constant(part) for part in node.parts], ast.Load()))

    # -- the function ----------------------------------------------------------------------------------------------

    def _compile(self) -> Callable[..., tuple[list[int], list[int]]]:
        feeding = [self._feed(key, window) for key, window in self.windows.items()]
        rules = [self._rule(position, policy, rule) for position, (policy, rule) in enumerate(self.rules)]
        stop = ast.If(name("only_windows"), [ast.Return(_pair())], [])
        body = [*self._prologue(), *feeding, stop, *rules, ast.Return(_pair())]
        parameters = ast.arguments([], [ast.arg("reading"), ast.arg("only_windows")], None, [], [], None, [])
        function = ast.FunctionDef("run", parameters, body, [], None)
        self.function = ast.fix_missing_locations(ast.Module([function], []))
        namespace = {**self.emitter.namespace, "type": type, "Exception": Exception}
        namespace |= {"str": str, "int": int, "float": float, "bool": bool, "__builtins__": {}}
        exec(compile(self.function, f"<rules of {self.scope.event_type.name}>", "exec"), namespace)  # noqa: S102
        run: Callable[..., tuple[list[int], list[int]]] = namespace["run"]
        return run

    def _prologue(self) -> list[ast.stmt]:
        reading = name("reading")
        event = ast.Attribute(reading, "event", ast.Load())
        lines: list[ast.stmt] = [_assign(root, ast.Attribute(event, root, ast.Load())) for root in _ROOTS]
        lines += [_assign(part, ast.Attribute(reading, part, ast.Load())) for part in _METHODS]
        lines += [_assign(part, ast.List([], ast.Load())) for part in ("hits", "retries")]
        for parts, variable in self._direct.items():
            lines += self._read_direct(parts, variable)
        return lines + [_assign(f"s{index}", name("PENDING")) for index in range(len(self.lazies))]

    def _read_direct(self, parts: Parts, variable: str) -> list[ast.stmt]:
        """Read a field; whatever is not plainly of its type goes through the Reading, which may make it MISSING."""
        kind = _DIRECT[self.scope.variables[parts[0]].fields[parts[1]].type.name]
        found = call(ast.Attribute(name(parts[0]), "get", ast.Load()), constant(parts[1]))
        wrong = compare(call(name("type"), name(variable)), ast.IsNot(), name(kind))
        if kind == "int":
            inside = ast.Compare(constant(INT_MIN), [ast.LtE(), ast.LtE()], [name(variable), constant(INT_MAX)])
            wrong = ast.BoolOp(ast.Or(), [wrong, ast.UnaryOp(ast.Not(), inside)])
        slow = call(name("load_field"), ast.Tuple([constant(part) for part in parts], ast.Load()))
        absent = compare(name(variable), ast.Is(), constant(None))
        otherwise = _assign(variable, ast.IfExp(absent, name("MISSING"), slow))
        return [_assign(variable, found), ast.If(wrong, [otherwise], [])]

    def _feed(self, key: tuple[str, str], window: Window) -> ast.stmt:
        """`if where: feed(window, key, value)`, in its own try like a rule."""
        kind = self.scope.event_type.name
        emit = self.emitter.certain
        parts = ast.Tuple([emit(part, {}) for part in window.by[kind]], ast.Load())
        value = emit(window.value[kind], {}) if kind in window.value else constant(True)
        where = self.emitter.condition(window.where[kind], {}) if kind in window.where else constant(True)
        identity = self.emitter.bind("window", key, key)
        body: list[ast.stmt] = [
            _assign("key", parts),
            ast.If(
                where,
                [_do("feed", identity, name("key"), value)],
                [_do("feed", identity, name("key"), name("MISSING"))],
            ),
        ]
        return _guarded(body, _do("feed_exactly", identity))

    def _rule(self, position: int, policy: Policy, rule: Rule) -> ast.stmt:
        self._policy = policy.key
        tree = rule.when[self.scope.event_type.name]
        parts = sorted(_conjuncts(tree), key=self._cost)
        body: list[ast.stmt] = [_append("hits", position)]
        for part in reversed(parts):
            test: ast.stmt = ast.If(self.emitter.condition(part, {}), body, [])
            body = [*self._loads(part), test]
        return _guarded(body, _append("retries", position))

    def _loads(self, node: Node) -> list[ast.stmt]:
        """Load what the condition reads for certain into its variable."""
        lines: list[ast.stmt] = []
        for parts in dict.fromkeys(path.parts for path in _certain_reads(node)):
            variable = self._variable(parts)
            if variable.startswith("s"):
                load = _assign(variable, call(name("load"), constant(int(variable[1:]))))
                lines.append(ast.If(compare(name(variable), ast.Is(), name("PENDING")), [load], []))
        return lines

    def _cost(self, node: Node) -> float:
        cost = 0.0
        for part in walk(node):
            if isinstance(part, (Path, Present)):
                cost += self._path_cost(part.parts, isinstance(part, Present))
            elif isinstance(part, Macro):
                cost += _COSTS["macro"]
            elif isinstance(part, Call):
                cost += _COSTS.get(part.function, _COSTS["call"] if part.function[0].isalpha() else 0.03)
        return cost

    def _path_cost(self, parts: Parts, only_present: bool) -> float:
        if parts[0] == "signals":
            return float(self.scope.signals[parts[1]].cost) + 1.0
        if parts[0] in _COSTS:
            return _COSTS[parts[0]]
        return 0.01 if only_present or parts[0] == "lists" or self._is_direct(parts) else _COSTS["field"]


def _conjuncts(node: Node) -> list[Node]:
    if isinstance(node, Call) and node.function == "_&&_":
        return [part for argument in node.arguments for part in _conjuncts(argument)]
    return [node]


def _certain_reads(node: Node) -> list[Path]:
    """Paths that are read whatever the values are: not behind `&&`, `||`, `? :` or inside a macro's body."""
    match node:
        case Path(parts=parts):
            return [node] if parts[0] != "lists" else []
        case Call(function="_&&_" | "_||_" | "_?_:_", arguments=arguments):
            return _certain_reads(arguments[0])
        case Macro(over=over):
            return _certain_reads(over)
    return [path for child in children(node) for path in _certain_reads(child)]


def _assign(variable: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(variable, ast.Store())], value)


def _do(function: str, *arguments: ast.expr) -> ast.stmt:
    return ast.Expr(call(name(function), *arguments))


def _append(to: str, position: int) -> ast.stmt:
    return ast.Expr(call(ast.Attribute(name(to), "append", ast.Load()), constant(position)))


def _guarded(body: list[ast.stmt], otherwise: ast.stmt) -> ast.stmt:
    return ast.Try(body, [ast.ExceptHandler(name("Exception"), None, [otherwise])], [], [])


def _pair() -> ast.expr:
    return ast.Tuple([name("hits"), name("retries")], ast.Load())
