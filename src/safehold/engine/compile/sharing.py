"""Sub-expressions that several rules of one generated function have: each is computed when a rule first needs it, and kept.

`c3 if c3 is not PENDING else (c3 := <the expression>)`. One that raises is computed again by the next rule, which then raises as
well: each rule's failure stays its own. Who calls: `compile.ruleset`, for the rules that are not indexed.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from safehold.engine.compile.atoms import shape
from safehold.engine.compile.emit import compare, name
from safehold.engine.compile.reads import assign
from safehold.engine.language.tree import Call, Local, Macro, Node, Path, walk

#: Microseconds below which computing it again costs no more than looking whether it was computed.
_LEAST = 0.1
_LOGIC = ("_&&_", "_||_", "_?_:_", "!_")


class Sharing:
    """`conditions` are the rules' with the policy they belong to, which says whose windows `windows.x` means."""

    def __init__(self, conditions: Iterable[tuple[str, Node]], cost: Callable[[Node], float]) -> None:
        self.policy = ""
        counts: Counter[Any] = Counter()
        for policy, condition in conditions:
            worth = [node for node in walk(condition) if _is_pure(node) and cost(node) >= _LEAST]
            counts.update({_key(policy, node) for node in worth})
        self._variables = {key: f"c{n}" for n, key in enumerate(key for key, count in counts.items() if count > 1)}

    def __call__(self, node: Node, compute: Callable[[], ast.expr]) -> ast.expr:
        """The node's value: the shared one, or `compute()`."""
        if not self._variables or not _is_pure(node):
            return compute()
        variable = self._variables.get(_key(self.policy, node))
        if variable is None:
            return compute()
        made = ast.NamedExpr(ast.Name(variable, ast.Store()), compute())
        return ast.IfExp(compare(name(variable), ast.IsNot(), name("PENDING")), name(variable), made)

    def prologue(self) -> list[ast.stmt]:
        return [assign(variable, name("PENDING")) for variable in self._variables.values()]


def _is_pure(node: Node) -> bool:
    """Whether the node is a call or a macro whose value depends on nothing around it."""
    if not isinstance(node, (Call, Macro)) or (isinstance(node, Call) and node.function in _LOGIC):
        return False
    bound = {name for part in walk(node) if isinstance(part, Macro) for name in (part.variable, part.second)}
    return all(part.name in bound for part in walk(node) if isinstance(part, Local))


def _key(policy: str, node: Node) -> Any:
    own = any(isinstance(part, Path) and part.parts[0] == "windows" for part in walk(node))
    return (policy if own else "", shape(node))
