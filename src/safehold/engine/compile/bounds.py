"""What one expression may cost at one event, whatever the policy says and whatever the event holds.

Without bounds, `cel.bind(b, a + a, cel.bind(c, b + b, ...))` fills the memory and three macros within each other hold up
every event behind them. Both evaluators call these at the same places, so that they refuse the same things.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from safehold.engine.compile.faults import EvalError
from safehold.engine.language.tree import Literal, Local, Node, Path

#: What `+`, `join`, `replace` and `format` may make at most, in characters, bytes or elements.
MAX_RESULT = 1_000_000
#: What all the values of one list or map that an expression makes may hold together, in the same units.
MAX_GATHERED = 10_000_000
#: Rounds that the macros within one macro may take together. (The outermost goes once over what the event sent.)
MAX_STEPS = 100_000
#: Characters of a pattern, also of one that is made at run time. RE2 bounds the memory it takes once more.
MAX_PATTERN = 10_000
#: Types whose values are all of the same small size.
_SMALL = {"int", "uint", "double", "bool", "timestamp", "duration", "null"}


def bounded(length: int) -> None:
    """Raises EvalError for the length of a result that is too long to be made."""
    if length > MAX_RESULT:
        raise EvalError(f"the result has more than {MAX_RESULT:,} characters or elements")


def joined(a: Any, b: Any) -> Any:
    """`a + b` of two strings, bytes or lists."""
    bounded(len(a) + len(b))
    return a + b


def steps() -> list[int]:
    """A counter for the macros within one macro: the rounds that are left."""
    return [MAX_STEPS]


def spend(left: list[int], over: Sequence[Any]) -> Sequence[Any]:
    """What an inner macro goes over, after its rounds were taken from those that are left."""
    left[0] -= len(over) + 1
    if left[0] < 0:
        raise EvalError(f"macros within macros take more than {MAX_STEPS:,} rounds")
    return over


def is_held(node: Node) -> bool:
    """Whether the node's value takes no memory of its own worth counting: a number, or something that is there anyway."""
    return isinstance(node, (Literal, Path, Local)) or node.type.name in _SMALL


def gathered(values: Iterable[Any]) -> list[Any]:
    """The values as a list, refused while it is made once they hold too much together."""
    kept, left = [], MAX_GATHERED
    for value in values:
        left -= _weight(value)
        if left < 0:
            raise EvalError(f"the values of a list have more than {MAX_GATHERED:,} characters or elements")
        kept.append(value)
    return kept


def _weight(value: Any) -> int:
    if type(value) is list:
        return 1 + sum(map(_weight, value))
    if type(value) is dict:
        return 1 + sum(map(_weight, value)) + sum(map(_weight, value.values()))
    return len(value) if type(value) in (str, bytes) else 1
