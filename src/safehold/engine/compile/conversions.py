"""CEL's conversions: `int()`, `uint()`, `double()`, `string()`, `bytes()`, `bool()`, `timestamp()`, `duration()`.

cel-spec, doc/langdef.md, "List of Standard Definitions".
"""

import math
import re
from decimal import Decimal
from typing import Any

from safehold.engine.compile.arithmetic import int64, make_timestamp, no_overload, type_name, uint64
from safehold.engine.compile.faults import EvalError
from safehold.engine.language.values import (
    INT_MAX,
    INT_MIN,
    SECOND,
    UINT_MAX,
    Duration,
    Timestamp,
    TypeValue,
    Uint,
    parse_duration,
    parse_timestamp,
)

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:nan|inf|infinity)", re.ASCII | re.I
)
_BOOLS = {
    **dict.fromkeys(("1", "t", "true", "T", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "false", "F", "FALSE", "False"), False),
}
_TYPE_NAMES = {
    "null": "null_type", "timestamp": "google.protobuf.Timestamp", "duration": "google.protobuf.Duration",
}  # fmt: skip


def to_int(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is Uint:
        return int64(int(value))
    if type(value) is float:
        if not INT_MIN < value < INT_MAX:
            raise EvalError("integer overflow")
        return int(value)
    if type(value) is str:
        if not _INTEGER.fullmatch(value) or len(value) > 40:
            raise EvalError(f"`{value[:40]}` is not an integer")
        return int64(int(value))
    if type(value) is Timestamp:
        return int(value) // SECOND
    raise no_overload("int", value)


def to_uint(value: Any) -> Uint:
    if type(value) in (int, Uint):
        return uint64(int(value))
    if type(value) is float:
        if not -1.0 < value < UINT_MAX:
            raise EvalError("unsigned integer overflow")
        return uint64(int(value)) if value >= 0 else uint64(-1)
    if type(value) is str:
        if not _INTEGER.fullmatch(value) or len(value) > 40 or value[0] in "+-":
            raise EvalError(f"`{value[:40]}` is not an unsigned integer")
        return uint64(int(value))
    raise no_overload("uint", value)


def to_double(value: Any) -> float:
    if type(value) in (int, Uint, float):
        return float(value)
    if type(value) is str:
        if not _NUMBER.fullmatch(value):
            raise EvalError(f"`{value[:40]}` is not a number")
        return float(value)
    raise no_overload("double", value)


def format_double(value: float) -> str:
    """The shortest digits that read back as the same number, in C's `%g` style: `0.1`, `3`, `1e+06`, `inf`, `nan`."""
    if not math.isfinite(value):
        return str(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text, point = "".join(map(str, digits)), len(digits) + int(exponent)
    if value == 0:
        return "-0" if sign else "0"
    if not -4 <= point - 1 < 6:
        mantissa = f"{text[0]}.{text[1:]}" if len(text) > 1 else text
        return f"{'-' * sign}{mantissa}e{point - 1:+03d}"
    text = text.ljust(point, "0") if point > 0 else "0" * (1 - point) + text
    whole, part = text[: max(point, 1)], text[max(point, 1) :]
    return f"{'-' * sign}{whole}.{part}" if part else f"{'-' * sign}{whole}"


def to_string(value: Any) -> str:
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float:
        return format_double(value)
    if type(value) is bytes:
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise EvalError("these bytes are not UTF-8") from None
    if type(value) in (int, Uint):
        return str(int(value))
    if type(value) in (Timestamp, Duration):
        return str(value)
    raise no_overload("string", value)


def to_bytes(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    if type(value) is str:
        return encode(value)
    raise no_overload("bytes", value)


def encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise EvalError("this text has half of a surrogate pair, which is not Unicode") from None


def to_bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str:
        if value not in _BOOLS:
            raise EvalError(f"`{value[:40]}` is not a boolean")
        return _BOOLS[value]
    raise no_overload("bool", value)


def to_timestamp(value: Any) -> Timestamp:
    if type(value) is Timestamp:
        return value
    if type(value) is str:
        try:
            return parse_timestamp(value)
        except ValueError as error:
            raise EvalError(str(error)) from None
    if type(value) is int:
        return make_timestamp(value * SECOND)
    raise no_overload("timestamp", value)


def to_duration(value: Any) -> Duration:
    if type(value) is Duration:
        return value
    if type(value) is str:
        try:
            return parse_duration(value)
        except ValueError as error:
            raise EvalError(str(error)) from None
    raise no_overload("duration", value)


def to_dyn(value: Any) -> Any:
    return value


def type_of(value: Any) -> TypeValue:
    name = type_name(value)
    return TypeValue(_TYPE_NAMES.get(name, name))
