"""CEL's `math` extension, as cel-go documents it (ext/README.md, "Math")."""

import math
from collections.abc import Callable
from typing import Any

from safehold.engine.compile.arithmetic import int64, less, no_overload, uint64
from safehold.engine.compile.faults import EvalError
from safehold.engine.language.values import UINT_MAX, Uint

_NUMBERS = (int, Uint, float)


def _members(name: str, values: tuple[Any, ...]) -> list[Any]:
    members = values[0] if len(values) == 1 and type(values[0]) is list else list(values)
    if not members:
        raise EvalError(f"{name} of an empty list")
    if not all(type(member) in _NUMBERS for member in members):
        raise no_overload(name, *values)
    return list(members)


def greatest(*values: Any) -> Any:
    best, *rest = _members("math.greatest", values)
    for value in rest:
        best = value if less(best, value) else best
    return best


def least(*values: Any) -> Any:
    best, *rest = _members("math.least", values)
    for value in rest:
        best = value if less(value, best) else best
    return best


def _rounded(name: str, whole: Callable[[float], float]) -> Callable[[Any], float]:
    def function(value: Any) -> float:
        if type(value) is not float:
            raise no_overload(name, value)
        return whole(value) if math.isfinite(value) else value

    return function


def _half_away(value: float) -> float:
    return math.copysign(math.floor(abs(value) + 0.5), value) if abs(value) < 2**52 else value


def absolute(value: Any) -> Any:
    if type(value) not in _NUMBERS:
        raise no_overload("math.abs", value)
    return value if type(value) is Uint else int64(abs(value)) if type(value) is int else abs(value)


def sign(value: Any) -> Any:
    if type(value) not in _NUMBERS:
        raise no_overload("math.sign", value)
    if value != value:
        return value
    return type(value)((value > 0) - (value < 0))


def square_root(value: Any) -> float:
    if type(value) not in _NUMBERS:
        raise no_overload("math.sqrt", value)
    number = float(value)
    return math.sqrt(number) if number >= 0 else math.nan


def _test(name: str, test: Callable[[float], bool]) -> Callable[[Any], bool]:
    def function(value: Any) -> bool:
        if type(value) is not float:
            raise no_overload(name, value)
        return test(value)

    return function


def _bits(name: str, operation: Callable[[int, int], int]) -> Callable[[Any, Any], Any]:
    def function(a: Any, b: Any) -> Any:
        if type(a) is not type(b) or type(a) not in (int, Uint):
            raise no_overload(name, a, b)
        return type(a)(operation(int(a), int(b)))

    return function


def bit_not(value: Any) -> Any:
    if type(value) is int:
        return ~value
    if type(value) is Uint:
        return Uint(UINT_MAX ^ int(value))
    raise no_overload("math.bitNot", value)


def shift_left(value: Any, by: Any) -> Any:
    bits = _shift("math.bitShiftLeft", value, by)
    shifted = int(value) << bits & UINT_MAX if bits < 64 else 0
    return uint64(shifted) if type(value) is Uint else _signed(shifted)


def shift_right(value: Any, by: Any) -> Any:
    """The bits that come in are zeros, also for negative integers."""
    bits = _shift("math.bitShiftRight", value, by)
    shifted = (int(value) & UINT_MAX) >> bits if bits < 64 else 0
    return uint64(shifted) if type(value) is Uint else _signed(shifted)


def _shift(name: str, value: Any, by: Any) -> int:
    if type(value) not in (int, Uint) or type(by) is not int:
        raise no_overload(name, value, by)
    if by < 0:
        raise EvalError(f"{name} by a negative number")
    return int(by)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "math.@max": greatest,
    "math.@min": least,
    "math.ceil": _rounded("math.ceil", lambda value: float(math.ceil(value))),
    "math.floor": _rounded("math.floor", lambda value: float(math.floor(value))),
    "math.round": _rounded("math.round", _half_away),
    "math.trunc": _rounded("math.trunc", lambda value: float(math.trunc(value))),
    "math.abs": absolute,
    "math.sign": sign,
    "math.sqrt": square_root,
    "math.isNaN": _test("math.isNaN", math.isnan),
    "math.isInf": _test("math.isInf", math.isinf),
    "math.isFinite": _test("math.isFinite", math.isfinite),
    "math.bitAnd": _bits("math.bitAnd", lambda a, b: a & b),
    "math.bitOr": _bits("math.bitOr", lambda a, b: a | b),
    "math.bitXor": _bits("math.bitXor", lambda a, b: a ^ b),
    "math.bitNot": bit_not,
    "math.bitShiftLeft": shift_left,
    "math.bitShiftRight": shift_right,
}
