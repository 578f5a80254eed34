"""CEL's values in Python, and how JSON becomes them.

`bool`, `float`, `str`, `bytes`, `None`, `list` and `dict` stand for themselves, and `int` for CEL's int (64 bits, which
the arithmetic checks). What Python cannot tell apart has a class of its own: `Uint`, `Timestamp` and `Duration`
are integers, so that comparing them costs what comparing integers costs.
"""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from safehold.engine.language.types import Type

INT_MIN, INT_MAX, UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1
SECOND = 1_000_000_000
#: Nanoseconds since 1970 of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z, CEL's range of timestamps.
TIMESTAMP_MIN, TIMESTAMP_MAX = -62135596800 * SECOND, 253402300800 * SECOND - 1
#: A duration that is written down may have about 10,000 years either way, as in protobuf; one that is computed must fit
#: into 64 bits of nanoseconds, as in cel-cpp and cel-go.
DURATION_MAX = 315_576_000_000 * SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:([Zz])|([+-]\d\d:\d\d))", re.ASCII)
_DURATION = re.compile(r"([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|s|us|µs|μs|ns))+|0)", re.ASCII)
_DURATION_PART = re.compile(r"(\d*)\.?(\d*)(h|ms|m|s|us|µs|μs|ns)", re.ASCII)
_UNITS = {"h": 3600 * SECOND, "m": 60 * SECOND, "s": SECOND, "ms": 10**6, "us": 1000, "µs": 1000, "μs": 1000, "ns": 1}


class Uint(int):
    """CEL's uint: 0 to 2^64 - 1."""

    __slots__ = ()


class Timestamp(int):
    """Nanoseconds since 1970-01-01T00:00:00Z."""

    __slots__ = ()

    def to_datetime(self) -> datetime:
        """The same instant in UTC, cut to microseconds."""
        return _EPOCH + timedelta(microseconds=int(self) // 1000)

    def __str__(self) -> str:
        whole, fraction = divmod(int(self), SECOND)
        text = (_EPOCH + timedelta(seconds=whole)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
        return f"{text}.{_fraction(fraction)}Z" if fraction else f"{text}Z"


class Duration(int):
    """Nanoseconds."""

    __slots__ = ()

    def __str__(self) -> str:
        whole, fraction = divmod(abs(int(self)), SECOND)
        sign = "-" if self < 0 else ""
        return f"{sign}{whole}.{_fraction(fraction)}s" if fraction else f"{sign}{whole}s"


class TypeValue:
    """A type as a value: what `type(1)` is and what the name `int` means in an expression."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypeValue) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"type({self.name})"


class Optional:
    """A value that may be nothing. `NONE` is the one that is; all others have their `value`."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "optional.none()" if self is NONE else f"optional.of({self.value!r})"


NONE = Optional(None)


def _fraction(nanoseconds: int) -> str:
    """Three, six or nine digits, as protobuf's JSON form prescribes."""
    digits = f"{nanoseconds:09d}"
    return digits[:3] if digits.endswith("000000") else digits[:6] if digits.endswith("000") else digits


def timestamp_from_datetime(value: datetime) -> Timestamp:
    """Raises ValueError for a time without an offset."""
    if value.tzinfo is None:
        raise ValueError("a time without an offset")
    delta = value - _EPOCH
    return Timestamp((delta.days * 86400 + delta.seconds) * SECOND + delta.microseconds * 1000)


def parse_timestamp(text: str) -> Timestamp:
    """Read RFC 3339, to the nanosecond. Raises ValueError."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text[:60]}` is not an RFC 3339 time such as 2026-03-01T12:00:00Z")
    day, clock, fraction, _, offset = match.groups()
    leap = clock.endswith(":60")  # a leap second is the first second of the next minute, as in POSIX time
    whole = datetime.fromisoformat(f"{day}T{clock[:6]}{'59' if leap else clock[6:]}+00:00") - _EPOCH
    value = (whole.days * 86400 + whole.seconds + leap) * SECOND + int((fraction or "0")[:9].ljust(9, "0"))
    if offset:
        hours, minutes = int(offset[1:3]), int(offset[4:6])
        if hours > 23 or minutes > 59:
            raise ValueError(f"`{text[:60]}` has no valid offset")
        value -= (1 if offset[0] == "+" else -1) * (hours * 60 + minutes) * 60 * SECOND
    if not TIMESTAMP_MIN <= value <= TIMESTAMP_MAX:
        raise ValueError(f"`{text[:60]}` lies outside the years 1 to 9999")
    return Timestamp(value)


def parse_duration(text: str) -> Duration:
    """Read Go's notation, which is CEL's: `72h`, `1.5s`, `1h30m`. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text[:60]}` is not a duration such as 72h, 15m or 1.5s")
    total = 0
    for whole, fraction, unit in _DURATION_PART.findall(match[2]):
        scale = _UNITS[unit]
        total += int(whole or "0") * scale + (int(fraction) * scale // 10 ** len(fraction) if fraction else 0)
    total = -total if match[1] == "-" else total
    if abs(total) > DURATION_MAX:
        raise ValueError(f"`{text[:60]}` is more than 10,000 years")
    return Duration(total)


def _int(value: Any) -> int:
    if type(value) is int and INT_MIN <= value <= INT_MAX:
        return value
    if type(value) is float and value.is_integer() and INT_MIN <= value <= INT_MAX:
        return int(value)
    raise ValueError("an integer of 64 bits")


def _uint(value: Any) -> Uint:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= UINT_MAX:
        return Uint(value)
    raise ValueError("an integer from 0 to 2^64 - 1")


def _double(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise ValueError("a number of 64 bits") from None
    raise ValueError("a number")


def _timestamp(value: Any) -> Timestamp:
    if isinstance(value, str):
        return parse_timestamp(value)
    if isinstance(value, Timestamp):
        return value
    if isinstance(value, datetime):
        return timestamp_from_datetime(value)
    raise ValueError("an RFC 3339 time")


def _duration(value: Any) -> Duration:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, Duration):
        return value
    if isinstance(value, timedelta):
        return Duration((value.days * 86400 + value.seconds) * SECOND + value.microseconds * 1000)
    raise ValueError("a duration such as 72h")


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return base64.b64decode(value, validate=True)
    raise ValueError("bytes, in base64")


def _exactly(kind: type, words: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if type(value) is kind:
            return value
        raise ValueError(words)

    return convert


def _list(item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def convert(value: Any) -> list[Any]:
        if isinstance(value, (list, tuple)):
            return [item(element) for element in value]
        raise ValueError("a list")

    return convert


def _map(value_of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def convert(value: Any) -> dict[Any, Any]:
        if isinstance(value, Mapping):
            return {key: value_of(element) for key, element in value.items()}
        raise ValueError("an object")

    return convert


def dynamic(value: Any) -> Any:
    """JSON of unknown type: every number is a double, as in protobuf's `Value`, whether it has a fraction or not."""
    if type(value) is int:
        return _double(value)
    if isinstance(value, (list, tuple)):
        return [dynamic(element) for element in value]
    if isinstance(value, Mapping):
        return {key: dynamic(element) for key, element in value.items()}
    if value is None or isinstance(value, (str, float, bool, bytes, Uint, Timestamp, Duration)):
        return value
    raise ValueError("JSON")


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "bool": _exactly(bool, "true or false"),
    "string": _exactly(str, "a string"),
    "null": _exactly(type(None), "null"),
    "object": _exactly(dict, "an object"),
    "int": _int,
    "uint": _uint,
    "double": _double,
    "bytes": _bytes,
    "timestamp": _timestamp,
    "duration": _duration,
    "dyn": dynamic,
}


def converter(kind: Type) -> Callable[[Any], Any]:
    """A function from JSON (or Python's own dates) to the CEL value of that type; it raises ValueError otherwise.

    The error's message says what would have fitted.
    """
    if kind.name == "list":
        return _list(converter(kind.parameters[0]))
    if kind.name == "map":
        return _map(converter(kind.parameters[1]))
    return _CONVERTERS[kind.name]


def to_json(value: Any) -> Any:
    """The JSON form of a CEL value, for the values a verdict reports."""
    if isinstance(value, (Timestamp, Duration)):
        return str(value)
    if isinstance(value, Uint):
        return int(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Optional):
        return to_json(value.value)
    if isinstance(value, list):
        return [to_json(element) for element in value]
    if isinstance(value, dict):
        return {str(key): to_json(element) for key, element in value.items()}
    return value.name if isinstance(value, TypeValue) else value
