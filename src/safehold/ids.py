"""Identifiers that sort by time and say what they name: `dec_01jd3w...`, after the TypeID 0.3 specification.

Everyone who makes a row calls `new_id`; nobody else makes identifiers up.
"""

import os
import time
from functools import lru_cache

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, in lower case, as TypeID prescribes
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # ten bits at a time: twice as fast
_SHIFTS = tuple(range(70, -1, -10))


#: A step of the clock in identifiers: a 4096th of a millisecond, as RFC 9562 has it (section 6.2, method 3).
_STEPS = 4096
_last = 0


def new_id(prefix: str, random_bytes: bytes | None = None) -> str:
    """Return `prefix_` and 26 characters: a UUIDv7 (RFC 9562) in base 32, 48 bits of Unix milliseconds first, then the part of
    the millisecond in 12 bits. What one thread makes is in the order of its making; 62 bits are random.

    `random_bytes` are ten bytes from `os.urandom`, for whoever makes so many identifiers that they are drawn together.
    """
    global _last
    at = time.time_ns() * _STEPS // 1_000_000
    # Two within a step, or a clock put back by a little: the next step. By more, and the clock is believed.
    if at <= _last < at + 1000 * _STEPS:
        at = _last + 1
    _last = at
    random = int.from_bytes(random_bytes or os.urandom(10), "big")
    value = 0x7 << 76 | (at & _STEPS - 1) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return f"{prefix}_{_time_text(at // _STEPS)}{''.join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])}"


@lru_cache(maxsize=8)
def _time_text(milliseconds: int) -> str:
    """The ten characters of the time, which many identifiers made together share."""
    return "".join([_PAIRS[milliseconds >> shift & 1023] for shift in range(40, -1, -10)])
