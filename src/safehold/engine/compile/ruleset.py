"""All rules of one event type as one generated Python function.

    def run(reading):
        data = reading.event.data ...           # each field read once, and only a value of its type kept
        <each rule, in its own try: hits or retries>

A rule whose code raises is asked again by the exact evaluator: the generated function is an optimisation, never the
judge. Signals, windows and labels are loaded when a rule's cheaper conditions have not already said no. What the event
puts into the windows is another function, `compile.feeding`.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

from safehold.engine.compile.emit import Emitter, constant, name
from safehold.engine.compile.feeding import Feeding
from safehold.engine.compile.reads import NAMESPACE, Parts, Reads, append, assign, guarded
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
        #: What a Reading loads by number, for both functions.
        self.lazies: list[tuple[str, Parts]] = []
        self.feeding = Feeding(scope, policies, lists, self.lazies)
        self._reads = Reads(scope, self.lazies)
        self.emitter = Emitter(self._reads.path, self._reads.present, lists)
        self.function: ast.Module
        self.run: Callable[..., tuple[list[int], list[int]]] = self._compile()
        #: The lazies that are windows: their number there -> their number among the feeds.
        self.window_numbers = {
            number: self.feeding.index[policy, parts[1]]
            for number, (policy, parts) in enumerate(self.lazies)
            if parts[0] == "windows" and (policy, parts[1]) in self.feeding.index
        }

    def _compile(self) -> Callable[..., tuple[list[int], list[int]]]:
        rules = [self._rule(position, policy, rule) for position, (policy, rule) in enumerate(self.rules)]
        lists: list[ast.stmt] = [assign(part, ast.List([], ast.Load())) for part in ("hits", "retries")]
        body = [*self._reads.prologue(), *lists, *rules, ast.Return(_pair())]
        parameters = ast.arguments([], [ast.arg("reading")], None, [], [], None, [])
        function = ast.FunctionDef("run", parameters, body, [], None)
        self.function = ast.fix_missing_locations(ast.Module([function], []))
        namespace = {**self.emitter.namespace, **NAMESPACE}
        exec(compile(self.function, f"<rules of {self.scope.event_type.name}>", "exec"), namespace)  # noqa: S102
        run: Callable[..., tuple[list[int], list[int]]] = namespace["run"]
        return run

    def _rule(self, position: int, policy: Policy, rule: Rule) -> ast.stmt:
        self._reads.policy = policy.key
        tree = rule.when[self.scope.event_type.name]
        parts = sorted(_conjuncts(tree), key=self._cost)
        body: list[ast.stmt] = [append("hits", constant(position))]
        for part in reversed(parts):
            test: ast.stmt = ast.If(self.emitter.condition(part, {}), body, [])
            body = [*self._loads(part), test]
        return guarded(body, append("retries", constant(position)))

    def _loads(self, node: Node) -> list[ast.stmt]:
        """Load what the condition reads for certain into its variable."""
        variables = [self._reads.variable(parts) for parts in dict.fromkeys(p.parts for p in _certain_reads(node))]
        return [self._reads.load(variable) for variable in variables if variable.startswith("s")]

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
        return 0.01 if only_present or parts[0] == "lists" or self._reads.is_direct(parts) else _COSTS["field"]


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


def _pair() -> ast.expr:
    return ast.Tuple([name("hits"), name("retries")], ast.Load())
