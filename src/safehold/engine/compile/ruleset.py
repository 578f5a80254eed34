"""All rules of one event type as one generated Python function.

    def run(reading):
        data = reading.event.data ...           # each field read once, and only a value of its type kept
        <the index: what each value leaves over of the rules that compare values with constants>
        <each other rule, in its own try: hits or retries>

A rule whose code raises is asked again by the exact evaluator: the generated function is an optimisation, never the
judge. Signals, windows and labels are loaded when a rule's cheaper conditions have not already said no. What the event
puts into the windows is another function, `compile.feeding`.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from safehold.engine.compile.atoms import operands
from safehold.engine.compile.emit import Emitter, call, constant, name
from safehold.engine.compile.feeding import Feeding
from safehold.engine.compile.index import Index
from safehold.engine.compile.reads import NAMESPACE, Parts, Reads, append, assign, guarded
from safehold.engine.compile.sharing import Sharing
from safehold.engine.language.tree import Call, Macro, Node, Path, Present, children, walk
from safehold.engine.policies.model import Policy, Rule
from safehold.engine.policies.scope import Scope

#: Expected microseconds of what is not a plain comparison, to ask the cheap first. Signals say their own.
_COSTS = {"matches": 1.0, "contains": 0.1, "windows": 2.0, "labels": 1.0, "macro": 0.5, "call": 0.1, "field": 1.0}


class RuleSet:
    """The rules of an event type, compiled, and its windows. `run` answers (hits, retries): positions in `rules`."""

    def __init__(self, scope: Scope, policies: tuple[Policy, ...], lists: Mapping[str, Any]) -> None:
        self.scope, self.lists = scope, lists
        kind = scope.event_type.name
        self.rules: list[tuple[Policy, Rule]] = [
            (policy, rule)
            for policy in policies
            for rule in policy.rules
            if kind in rule.when and rule.mode not in ("draft", "retired")
        ]
        trees = [rule.when[kind] for _, rule in self.rules]
        #: The lists that rules of this type ask and that change while the engine lives.
        self.managed = tuple(lists[part] for part in sorted(_lists_of(trees)) if lists[part].managed)
        #: What a Reading loads by number, for both functions.
        self.lazies: list[tuple[str, Parts]] = []
        self.feeding = Feeding(scope, policies, lists, self.lazies)
        self._reads = Reads(scope, self.lazies)
        self.emitter = Emitter(self._reads.path, self._reads.present, lists)
        self.function: ast.Module
        self.run: Callable[..., tuple[list[int], list[int]]] = self._compile()
        #: The lazies that are windows: their number there -> the number of their feed, and their place in its stream.
        self.window_places = {
            number: self.feeding.index[policy, parts[1]]
            for number, (policy, parts) in enumerate(self.lazies)
            if parts[0] == "windows" and (policy, parts[1]) in self.feeding.index
        }

    def _compile(self) -> Callable[..., tuple[list[int], list[int]]]:
        kind = self.scope.event_type.name
        index = Index([rule.when[kind] for _, rule in self.rules], self._reads.is_direct)
        lines: list[ast.stmt] = [assign(part, ast.List([], ast.Load())) for part in ("hits", "retries")]
        if index:
            lines += index.statements(self.emitter, self._reads, self.lists)
            settled = call(name("settle"), *map(name, ("may", "doubt", "reading", "hits", "retries")))
            lines.append(ast.If(name("may"), [ast.Expr(settled)], []))
        rests: dict[int, ast.stmt] = {}
        others = [
            (policy.key, rule) for position, (policy, rule) in enumerate(self.rules) if index.rest(position) is None
        ]
        self._sharing = Sharing([(policy, rule.when[kind]) for policy, rule in others], self.cost)
        lines += self._sharing.prologue()
        for position, (policy, rule) in enumerate(self.rules):
            left = index.rest(position)
            if left is None:
                lines.append(self._rule(position, policy, rule))
            elif left:
                rests[position] = self._rest(f"rest_{position}", policy, left)
        body = [*self._reads.prologue(), *lines, ast.Return(_pair())]
        run = _function("run", body)
        self.function = ast.fix_missing_locations(ast.Module([run, *rests.values()], []))
        self._namespace = namespace = {**self.emitter.namespace, **NAMESPACE}
        exec(compile(self.function, f"<rules of {kind}>", "exec"), namespace)  # noqa: S102
        namespace["settle"] = index.settle({position: namespace[f"rest_{position}"] for position in rests})
        compiled: Callable[..., tuple[list[int], list[int]]] = namespace["run"]
        return compiled

    def alone(self, position: int) -> Callable[[Any], bool]:
        """One rule's whole condition as a function of a Reading, sharing nothing with other rules: what it costs by itself.
        Raises where only the exact evaluator could tell. Compiled at each call, in about half a millisecond."""
        policy, rule = self.rules[position]
        kind = self.scope.event_type.name
        called = f"alone_{position}"
        function = self._rest(called, policy, operands(rule.when[kind], "_&&_"))
        self._namespace |= self.emitter.namespace
        module = ast.fix_missing_locations(ast.Module([function], []))
        exec(compile(module, f"<a rule of {kind}>", "exec"), self._namespace)  # noqa: S102
        compiled: Callable[[Any], bool] = self._namespace[called]
        return compiled

    def _rule(self, position: int, policy: Policy, rule: Rule) -> ast.stmt:
        self._reads.policy = self._sharing.policy = policy.key
        conditions = operands(rule.when[self.scope.event_type.name], "_&&_")
        self.emitter.share = self._sharing
        tests = self._tests(self._reads, conditions, append("hits", constant(position)))
        self.emitter.share = None
        return guarded(tests, append("retries", constant(position)))

    def _rest(self, called: str, policy: Policy, conditions: list[Node]) -> ast.stmt:
        """The conditions that the index does not answer, as a function of the Reading."""
        reads = Reads(self.scope, self.lazies)
        reads.policy = policy.key
        self.emitter.path, self.emitter.present = reads.path, reads.present
        tests = self._tests(reads, conditions, ast.Return(constant(True)))
        self.emitter.path, self.emitter.present = self._reads.path, self._reads.present
        return _function(called, [*reads.prologue(), *tests, ast.Return(constant(False))])

    def _tests(self, reads: Reads, conditions: list[Node], then: ast.stmt) -> list[ast.stmt]:
        """`then` where all hold, the cheapest asked first."""
        body = [then]
        for part in sorted(conditions, key=self.cost, reverse=True):
            test: ast.stmt = ast.If(self.emitter.condition(part, {}), body, [])
            body = [*_loads(reads, part), test]
        return body

    def cost(self, node: Node) -> float:
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
        return 0.01 if only_present or parts[0] == "lists" or self._reads.is_direct(parts) else _COSTS["field"]


def _loads(reads: Reads, node: Node) -> list[ast.stmt]:
    """Load what the condition reads for certain into its variable."""
    variables = [reads.variable(parts) for parts in dict.fromkeys(path.parts for path in _certain_reads(node))]
    return [reads.load(variable) for variable in variables if variable.startswith("s")]


def _lists_of(trees: Iterable[Node]) -> set[str]:
    paths = (node.parts for tree in trees for node in walk(tree) if isinstance(node, Path))
    return {parts[1] for parts in paths if parts[0] == "lists"}


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


def _pair() -> ast.expr:
    return ast.Tuple([name("hits"), name("retries")], ast.Load())


def _function(called: str, body: list[ast.stmt]) -> ast.stmt:
    parameters = ast.arguments([], [ast.arg("reading")], None, [], [], None, [])
    return ast.FunctionDef(called, parameters, body, [], None)
