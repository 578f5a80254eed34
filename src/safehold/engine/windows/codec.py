"""Keys and values of windows as bytes, for a store in another process.

`digest` names a key or a distinct value: equal exactly where Python's dict says equal, and telling nothing of the person it
is about. `encode` keeps a value's order: of two values of one type the lesser has the lesser bytes. `halves` are numbers
as Valkey can add them exactly.
"""

import hashlib
import math
import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from safehold.engine.language.values import Duration, Timestamp, Uint

_DOUBLE, _WORD, HALVES = struct.Struct(">d"), struct.Struct(">Q"), struct.Struct(">hiI")
_SIGN, _ALL = 1 << 63, (1 << 64) - 1
#: Times and durations of ten thousand years in nanoseconds need more than 64 bits.
_LONG, _LONG_SIGN = 12, 1 << 95
#: Exponents that stand for an integer and for what is no number; of the latter `halves` gives a count.
_WHOLE, _INFINITE, _NEGATIVE, _NAN = 32764, 32765, 32766, 32767
_SPECIAL = {_INFINITE: math.inf, _NEGATIVE: -math.inf, _NAN: math.nan}


def digest(value: Any) -> bytes:
    """16 bytes of BLAKE2b, the same in every process and on every machine."""
    return hashlib.blake2b(_plain(value), digest_size=16).digest()


def _plain(value: Any) -> bytes:
    if isinstance(value, str):
        return b"s" + value.encode("utf-8", "surrogatepass")
    if isinstance(value, float) and not value.is_integer():
        return b"d" + _DOUBLE.pack(value)
    if isinstance(value, (int, float)):
        return b"i%d" % int(value)
    if isinstance(value, bytes):
        return b"b" + value
    if isinstance(value, tuple):
        return b"t" + b"".join(digest(part) for part in value)
    return b"n"


def encode(value: Any) -> bytes:
    """A CEL value, with its type in the first byte."""
    match value:
        case None:
            return b"n"
        case bool():
            return b"B\1" if value else b"B\0"
        case Timestamp() | Duration():
            tag = b"t" if isinstance(value, Timestamp) else b"u"
            return tag + (int(value) + _LONG_SIGN).to_bytes(_LONG, "big")
        case Uint():
            return b"U" + _WORD.pack(value)
        case int():
            return b"i" + _WORD.pack(value + _SIGN)
        case float():
            (bits,) = _WORD.unpack(_DOUBLE.pack(value))
            return b"d" + _WORD.pack(bits ^ _ALL if bits & _SIGN else bits | _SIGN)
        case str():
            return b"s" + value.encode("utf-8", "surrogatepass")
        case bytes():
            return b"b" + value
        case list():
            return b"L" + msgspec.msgpack.encode([encode(part) for part in value])
    return b"M" + msgspec.msgpack.encode([(encode(key), encode(part)) for key, part in value.items()])


def decode(data: bytes) -> Any:
    tag, rest = data[:1], data[1:]
    match tag:
        case b"B":
            return rest == b"\1"
        case b"t":
            return Timestamp(int.from_bytes(rest, "big") - _LONG_SIGN)
        case b"u":
            return Duration(int.from_bytes(rest, "big") - _LONG_SIGN)
        case b"U":
            return Uint(int.from_bytes(rest, "big"))
        case b"i":
            return int.from_bytes(rest, "big") - _SIGN
        case b"d":
            bits = int.from_bytes(rest, "big")
            return _DOUBLE.unpack(_WORD.pack(bits & ~_SIGN if bits & _SIGN else bits ^ _ALL))[0]
        case b"s":
            return rest.decode("utf-8", "surrogatepass")
        case b"b":
            return rest
        case b"L":
            return [decode(part) for part in msgspec.msgpack.decode(rest, type=list[bytes])]
        case b"M":
            pairs = msgspec.msgpack.decode(rest, type=list[tuple[bytes, bytes]])
            return {decode(key): decode(part) for key, part in pairs}
    return None


def halves(value: Any) -> bytes:
    """A number as exponent, high and low half: (high * 2^32 + low) * 2^exponent."""
    if not isinstance(value, float):
        high, low = divmod(int(value), 1 << 32)
        return HALVES.pack(_WHOLE, high, low)
    if not math.isfinite(value):
        return HALVES.pack(_NAN if value != value else _INFINITE if value > 0 else _NEGATIVE, 0, 1)
    mantissa, exponent = math.frexp(value)
    high, low = divmod(int(mantissa * (1 << 53)), 1 << 32)
    return HALVES.pack(exponent - 53, high, low)


def from_halves(found: Sequence[int]) -> Any:
    """The sum from [exponent, high, low, exponent, high, low, ...]: integers exactly, doubles rounded once."""
    if not found or found[0] == _WHOLE:
        return (sum(found[1::3]) << 32) + sum(found[2::3])
    parts = [(found[at], (found[at + 1] << 32) + found[at + 2]) for at in range(0, len(found), 3)]
    special = {_SPECIAL[exponent] for exponent, amount in parts if exponent in _SPECIAL and amount}
    if special:
        return float(sum(special))
    least = min(exponent for exponent, _ in parts)
    total = sum(amount << (exponent - least) for exponent, amount in parts)
    try:
        return float(total << least) if least >= 0 else total / (1 << -least)  # which Python rounds once
    except OverflowError:
        return math.inf if total > 0 else -math.inf
