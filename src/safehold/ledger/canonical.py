"""Canonical JSON after RFC 8785 (JCS): the one way to write a JSON value down, so that equal values have equal hashes.

Everything that is hashed in the ledger passes through `canonical`. The common case is msgspec's sorted encoder; what
msgspec writes differently from RFC 8785 (fractions, big numbers, keys beyond U+FFFF, NaN) goes the slow way.
"""

import math
import re
from typing import Any

import msgspec

_SAFE_INTEGER = 2**53 - 1  # RFC 7493, section 2.2: integers beyond it are not exact everywhere
_ENCODER = msgspec.json.Encoder(order="sorted")
#: A number that msgspec may write differently from RFC 8785: `1.0`, one with an exponent, one of 16 digits or more
#: before its point, one below a millionth. It follows a member's `":`, not any colon, or every time of day would look
#: like one. May also match inside a string; that costs time, never correctness.
_HARD_NUMBER = re.compile(rb'(?:":|[\[,])-?(?:0\.00000|\d+(?:\.0(?!\d)|(?:\.\d+)?[eE]|(?<=\d{16})))')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"(:?)')
_ASTRAL = re.compile(rb"[\xf0-\xf4]")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')


class NotCanonical(ValueError):
    """A value that has no canonical JSON form. `path` says where it stands, as in `data.items[2].price`."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path or 'the value'}: {reason}")


def canonical(value: Any, *, finite: bool = False, numbers: bool = True) -> bytes:
    """RFC 8785 bytes of a JSON value. Structs, datetimes and the like count as the JSON that msgspec makes of them.

    `msgspec.Raw` stands for JSON text that is canonical already and is put in as it is.
    `finite` promises that no float in it is NaN or infinite, `numbers=False` that there is no number in it at all; each
    saves a search.
    Integers that no double stands for (2**60 + 1), which RFC 8785 has no form for, keep all their digits.
    Raises NotCanonical for what JSON cannot carry unharmed: NaN, infinities, lone surrogates.
    """
    try:
        out = _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _slow(_builtins(value), "").encode()  # finds the path of the text that has the lone surrogate
    except (TypeError, ValueError, RecursionError) as error:
        raise NotCanonical("", str(error)) from error
    if (numbers and _hard_number(value, out)) or (not out.isascii() and _astral_keys(out)):
        return _slow(_builtins(value), "").encode()
    if not finite and b"null" in out and not _finite(value):
        return _slow(_builtins(value), "").encode()
    return out


def _hard_number(value: Any, out: bytes) -> bool:
    return isinstance(value, int | float) or _HARD_NUMBER.search(out) is not None


def canonical_object(members: dict[str, Any]) -> bytes:
    """The same for an object of ASCII keys and easy values: text, integers below 10**15, booleans, None, `msgspec.Raw`."""
    try:
        return _ENCODER.encode(members)
    except UnicodeEncodeError:
        return _slow(members, "").encode()  # finds the path of the text that has the lone surrogate


def _builtins(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True, order="sorted", builtin_types=(msgspec.Raw,))


def _astral_keys(out: bytes) -> bool:
    """Whether a key has a character beyond U+FFFF: msgspec's order, by UTF-8, is then not RFC 8785's, by UTF-16."""
    return bool(_ASTRAL.search(out)) and any(key[1] and _ASTRAL.search(key[0]) for key in _STRING.finditer(out))


def _finite(value: Any) -> bool:
    """Whether every float is finite; msgspec writes `null` for the others."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    return not isinstance(value, msgspec.Struct) or _finite(_builtins(value))


def _slow(value: Any, path: str) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value, path)
        case int():
            return _integer(value, path)
        case float():
            return _double(value, path)
        case list() | tuple():
            return f"[{','.join(_slow(item, f'{path}[{index}]') for index, item in enumerate(value))}]"
        case dict():
            return _object(value, path)
        case msgspec.Raw():
            return bytes(value).decode()
    raise NotCanonical(path, f"{type(value).__name__} is no JSON value")


def _object(value: dict[Any, Any], path: str) -> str:
    for key in value:
        if not isinstance(key, str):
            raise NotCanonical(path, f"the key {key!r} is no string")
    try:
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))  # RFC 8785, section 3.2.3
    except UnicodeEncodeError:
        raise NotCanonical(path, "a key has a lone surrogate, which is no Unicode text") from None
    members = (f"{_string(key, path)}:{_slow(value[key], f'{path}.{key}' if path else key)}" for key in keys)
    return f"{{{','.join(members)}}}"


def _string(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotCanonical(path, "the text has a lone surrogate, which is no Unicode text") from None
    return '"' + _ESCAPED.sub(_escape, value) + '"'


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}"


def _integer(value: int, path: str) -> str:
    if -_SAFE_INTEGER <= value <= _SAFE_INTEGER:
        return str(int(value))
    # A database may hand the double 1e+22 back as 10000000000000000000000; both must be written alike. An integer that
    # no double prints as (2**60 + 1, an identifier of some platform) keeps its digits: RFC 8785 has no form for it.
    try:
        text = _double(float(value), path)
    except OverflowError:
        return str(value)
    return text if _exact(text) == value else str(value)


def _exact(text: str) -> int:
    """The integer that a JSON number spells, for numbers without a fraction."""
    digits, _, exponent = text.partition("e")
    whole, _, fraction = digits.partition(".")
    spelled: int = int(whole + fraction) * 10 ** (int(exponent or 0) - len(fraction))
    return spelled


def _double(value: float, path: str) -> str:
    """ECMAScript's Number::toString (ECMA-262, section 6.1.6.1.20), which RFC 8785, section 3.2.2.3, prescribes."""
    if not math.isfinite(value):
        raise NotCanonical(path, f"{value} is no JSON number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))  # digits before the decimal point
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return f"{sign}{digits}{'0' * (point - count)}"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{rest}e{'+' if point > 0 else '-'}{abs(point - 1)}"
