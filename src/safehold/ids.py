"""Identifiers that sort by time and say what they name: `dec_01jd3w...`, after the TypeID 0.3 specification.

Everyone who makes a row calls `new_id`; nobody else makes identifiers up.
"""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, in lower case, as TypeID prescribes
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # ten bits at a time: twice as fast


def new_id(prefix: str, random_bytes: bytes | None = None) -> str:
    """Return `prefix_` and 26 characters: a UUIDv7 (RFC 9562) in base 32, 48 bits of Unix milliseconds first.

    `random_bytes` are ten bytes from `os.urandom`, for whoever makes so many identifiers that they are drawn together.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(random_bytes or os.urandom(10), "big")
    value = (
        (milliseconds & (1 << 48) - 1) << 80
        | 0x7 << 76
        | (random >> 68 & 0xFFF) << 64
        | 0b10 << 62
        | random & (1 << 62) - 1
    )
    return f"{prefix}_{''.join([_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])}"
