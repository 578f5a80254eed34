"""Costly signals that are looked at before cheap tests of the event.

`&&` and `||` are decided from left to right. The engine itself puts the parts of a condition's outermost `&&` in the order of
their costs, so that there only what is really dear is worth a remark; inside `||`, brackets and a window's `where` it keeps the
author's order.
"""

from collections.abc import Iterable

from safehold.engine.authoring.lint.satisfy import certain_reads
from safehold.engine.language.guards import when
from safehold.engine.language.tree import Call, Macro, Node, Path, Present, children, walk
from safehold.engine.policies.scope import Scope

#: Microseconds from which a signal is dear: where the author's order is kept, and where the engine changes it.
DEAR, VERY_DEAR = 200.0, 1_000.0
_COSTLY = ("signals", "windows", "labels")


def dear_before_cheap(tree: Node, scope: Scope, *, reordered: bool) -> Iterable[tuple[Node, Node, float]]:
    """(the dear operand, the cheap one behind it, the dear one's microseconds). `reordered` is for a rule's condition."""
    yield from _chain(tree, scope, VERY_DEAR if reordered and _is(tree, "_&&_") else DEAR)


def _chain(node: Node, scope: Scope, dear: float) -> Iterable[tuple[Node, Node, float]]:
    if not isinstance(node, Call) or node.function not in ("_&&_", "_||_"):
        for child in children(node):
            yield from _chain(child, scope, DEAR)
        return
    operands = _operands(node, node.function)
    for at, operand in enumerate(operands):
        cost = _signals(operand, scope)
        cheap = next(
            (other for other in operands[at + 1 :] if _is_cheap(other) and not _needs(other, operand, node)), None
        )
        if cost >= dear and cheap is not None:
            yield operand, cheap, cost
        yield from _chain(operand, scope, DEAR)


def _operands(node: Node, function: str) -> list[Node]:
    if isinstance(node, Call) and node.function == function:
        return [part for argument in node.arguments for part in _operands(argument, function)]
    return [node]


def _is(node: Node, function: str) -> bool:
    return isinstance(node, Call) and node.function == function


def _signals(node: Node, scope: Scope) -> float:
    """The microseconds of all signals without which the operand has no value."""
    names = {parts[1] for parts in certain_reads(node) if parts[0] == "signals" and len(parts) > 1}
    return sum(float(scope.signals[name].cost) for name in names)


def _is_cheap(node: Node) -> bool:
    read = [part.parts for part in walk(node) if isinstance(part, (Path, Present))]
    dear = any(isinstance(part, Macro) or _is(part, "matches") for part in walk(node))
    return bool(read) and not dear and not any(parts[0] in _COSTLY for parts in read)


def _needs(later: Node, earlier: Node, chain: Call) -> bool:
    """Whether the later operand reads what the earlier one vouches for, so that it cannot stand before it."""
    vouched = when(earlier, chain.function == "_&&_")
    read = [part.parts for part in walk(later) if isinstance(part, Path)]
    return any(parts[: len(prefix)] == prefix for parts in read for prefix in vouched)
