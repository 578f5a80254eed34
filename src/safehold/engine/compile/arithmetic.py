"""CEL's operators over values of any type: arithmetic that checks its range, equality and order.

Here is the meaning (cel-spec, doc/langdef.md); `compile.emit` has shorter forms of the commonest cases. Every
function raises EvalError for values that it does not work on.
"""

import math
from collections.abc import Callable
from typing import Any

from safehold.engine.compile.bounds import joined
from safehold.engine.compile.faults import EvalError
from safehold.engine.language.values import (
    INT_MAX,
    INT_MIN,
    NONE,
    TIMESTAMP_MAX,
    TIMESTAMP_MIN,
    UINT_MAX,
    Duration,
    Optional,
    Timestamp,
    TypeValue,
    Uint,
)

_KINDS = {
    bool: "bool", int: "number", Uint: "number", float: "number", str: "string", bytes: "bytes", type(None): "null",
    Timestamp: "timestamp", Duration: "duration", list: "list", dict: "map", TypeValue: "type", Optional: "optional_type",
}  # fmt: skip
_NAMES = {int: "int", Uint: "uint", float: "double"}
_ORDERED = {"bool", "number", "string", "bytes", "timestamp", "duration"}


def type_name(value: Any) -> str:
    """CEL's name of a value's type."""
    return _NAMES.get(type(value)) or _KINDS[type(value)]


def no_overload(function: str, *values: Any) -> EvalError:
    return EvalError(f"no such overload: {function}({', '.join(map(type_name, values))})")


def int64(value: int) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvalError("integer overflow")


def uint64(value: int) -> Uint:
    if 0 <= value <= UINT_MAX:
        return Uint(value)
    raise EvalError("unsigned integer overflow")


def make_timestamp(nanoseconds: int) -> Timestamp:
    if TIMESTAMP_MIN <= nanoseconds <= TIMESTAMP_MAX:
        return Timestamp(nanoseconds)
    raise EvalError("timestamp out of range: it must lie in the years 1 to 9999")


def make_duration(nanoseconds: int) -> Duration:
    if INT_MIN <= nanoseconds <= INT_MAX:
        return Duration(nanoseconds)
    raise EvalError("duration out of range")


_Operation = Callable[[Any, Any], Any]
_SUMS: dict[tuple[type, type], _Operation] = {
    (int, int): lambda a, b: int64(a + b),
    (Uint, Uint): lambda a, b: uint64(int(a) + int(b)),
    (float, float): lambda a, b: a + b,
    (str, str): joined,
    (bytes, bytes): joined,
    (list, list): joined,
    (Timestamp, Duration): lambda a, b: make_timestamp(int(a) + int(b)),
    (Duration, Timestamp): lambda a, b: make_timestamp(int(a) + int(b)),
    (Duration, Duration): lambda a, b: make_duration(int(a) + int(b)),
}
_DIFFERENCES: dict[tuple[type, type], _Operation] = {
    (int, int): lambda a, b: int64(a - b),
    (Uint, Uint): lambda a, b: uint64(int(a) - int(b)),
    (float, float): lambda a, b: a - b,
    (Timestamp, Timestamp): lambda a, b: make_duration(int(a) - int(b)),
    (Timestamp, Duration): lambda a, b: make_timestamp(int(a) - int(b)),
    (Duration, Duration): lambda a, b: make_duration(int(a) - int(b)),
}


def add(a: Any, b: Any) -> Any:
    operation = _SUMS.get((type(a), type(b)))
    if operation is None:
        raise no_overload("+", a, b)
    return operation(a, b)


def subtract(a: Any, b: Any) -> Any:
    operation = _DIFFERENCES.get((type(a), type(b)))
    if operation is None:
        raise no_overload("-", a, b)
    return operation(a, b)


def multiply(a: Any, b: Any) -> Any:
    if type(a) is type(b):
        if type(a) is int:
            return int64(a * b)
        if type(a) is float:
            return a * b
        if type(a) is Uint:
            return uint64(int(a) * int(b))
    raise no_overload("*", a, b)


def divide(a: Any, b: Any) -> Any:
    """Integers are cut towards zero; doubles follow IEEE 754, where a division by zero has an answer."""
    if type(a) is type(b):
        if type(a) is int:
            if b == 0:
                raise EvalError("division by zero")
            quotient = abs(a) // abs(b)
            return int64(quotient if (a < 0) == (b < 0) else -quotient)
        if type(a) is float:
            if b != 0.0:
                return a / b
            sign = math.copysign(1.0, a) * math.copysign(1.0, b)
            return math.nan if a == 0.0 or a != a else sign * math.inf
        if type(a) is Uint:
            if b == 0:
                raise EvalError("division by zero")
            return Uint(int(a) // int(b))
    raise no_overload("/", a, b)


def modulo(a: Any, b: Any) -> Any:
    """The remainder has the sign of the dividend, as in C."""
    if type(a) is type(b) and type(a) in (int, Uint):
        if b == 0:
            raise EvalError("modulus by zero")
        if a == INT_MIN and b == -1:
            raise EvalError("integer overflow")
        rest = abs(int(a)) % abs(int(b))
        return Uint(rest) if type(a) is Uint else -rest if a < 0 else rest
    raise no_overload("%", a, b)


def negate(a: Any) -> Any:
    if type(a) is int:
        return int64(-a)
    if type(a) is float:
        return -a
    raise no_overload("-", a)


def negation(a: Any) -> bool:
    if type(a) is bool:
        return not a
    raise no_overload("!", a)


def equal(a: Any, b: Any) -> bool:
    """Equality across all types: numbers by their mathematical value, NaN unequal to itself, other types apart."""
    kind = _KINDS[type(a)]
    if kind != _KINDS[type(b)]:
        return False
    if kind == "list":
        return len(a) == len(b) and all(map(equal, a, b))
    if kind == "optional_type":
        return a is b or (a is not NONE and b is not NONE and equal(a.value, b.value))
    if kind == "map":
        return len(a) == len(b) and all(key in b and equal(value, b[key]) for key, value in a.items())
    return bool(a == b) if kind != "number" else _same_number(a, b)


def _same_number(a: Any, b: Any) -> bool:
    a, b = _alike(a, b)
    return bool(a == b)


def _alike(a: Any, b: Any) -> tuple[Any, Any]:
    """An integer is compared with a double as a double, as cel-cpp and the conformance tests have it."""
    if type(a) is float or type(b) is float:
        return float(a), float(b)
    return a, b


def unequal(a: Any, b: Any) -> bool:
    return not equal(a, b)


def _ordered(symbol: str, a: Any, b: Any) -> tuple[Any, Any]:
    kind = _KINDS[type(a)]
    if kind not in _ORDERED or kind != _KINDS[type(b)]:
        raise no_overload(symbol, a, b)
    return _alike(a, b) if kind == "number" else (a, b)


def less(a: Any, b: Any) -> bool:
    a, b = _ordered("<", a, b)
    return bool(a < b)


def less_equal(a: Any, b: Any) -> bool:
    a, b = _ordered("<=", a, b)
    return bool(a <= b)


def greater(a: Any, b: Any) -> bool:
    a, b = _ordered(">", a, b)
    return bool(a > b)


def greater_equal(a: Any, b: Any) -> bool:
    a, b = _ordered(">=", a, b)
    return bool(a >= b)


def map_key(key: Any) -> Any:
    """How a key is kept in a dict. Python cannot tell True from 1, so that booleans are kept as `("bool", key)`."""
    return ("bool", key) if type(key) is bool else key


def from_map_key(key: Any) -> Any:
    return key[1] if type(key) is tuple else key


def index(container: Any, key: Any) -> Any:
    if type(container) is dict:
        if type(key) not in (str, int, Uint, bool, float):
            raise no_overload("[ ]", container, key)
        try:
            return container[map_key(key)]
        except KeyError:
            raise EvalError(f"no such key: {key!r}") from None
    if type(container) is list and type(key) in (int, Uint, float):
        if type(key) is float and not key.is_integer():
            raise EvalError("the index of a list must be a whole number")
        if not 0 <= key < len(container):
            raise EvalError(f"index {int(key)} is outside a list of {len(container)}")
        return container[int(key)]
    raise no_overload("[ ]", container, key)


def contained(item: Any, container: Any) -> bool:
    if type(container) is list:
        return any(equal(item, element) for element in container)
    if type(container) is dict:
        return type(item) in (str, int, Uint, bool, float) and map_key(item) in container
    if hasattr(container, "is_policy_list"):
        return item in container
    raise no_overload("in", item, container)
