"""What a window can count, compare and add: one meaning of equal, of order and of sum for every store."""

import math
from collections.abc import Sequence
from typing import Any

from safehold.engine.language.values import Uint

#: One object, because a dict finds what is not equal to itself by identity only.
NAN = float("nan")
#: `true` and 1.0 are one key to a Python dict and two values to CEL.
_BOOLS = {True: ("bool", True), False: ("bool", False)}


def countable(value: Any) -> Any:
    """A value of unknown type, or a double, as something that is equal in a dict exactly where it is equal in CEL.

    Raises ValueError for a list or a map, which are neither a key nor a value to be counted.
    """
    if type(value) is float:
        return NAN if value != value else value + 0.0  # which makes -0.0 zero
    if type(value) is bool:
        return _BOOLS[value]
    if isinstance(value, (list, dict)):
        raise ValueError("a window cannot count lists or maps")
    return int(value) if type(value) is Uint else value


def ordered(value: Any) -> Any:
    """Raises ValueError for NaN, which is neither less nor more than anything."""
    if value != value:
        raise ValueError("NaN has no place in an order")
    return value


def exact_sum(values: Sequence[Any]) -> Any:
    """Integers exactly; doubles exactly and rounded once, so that no order of events changes the result."""
    if not values or type(values[0]) is not float:  # a window's values are all of one type
        return sum(values)
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # beyond the largest double on the way, or infinities of both signs
        return _sum_beyond(values)


def _sum_beyond(values: Sequence[Any]) -> float:
    from fractions import Fraction  # rarely needed

    if not all(math.isfinite(value) for value in values):
        return float(sum(value for value in values if not math.isfinite(value)))
    total = sum(map(Fraction, values), Fraction())
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf
