"""Hashed word and character n-grams: the sparse half of the harm model, without a vocabulary to ship.

A feature is a bucket number. The same text gives the same buckets on every machine and Python: hashes are our own
multiplicative ones on code points, not `hash()`.
"""

import re
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

BITS = 17
BUCKETS = 1 << BITS

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]")
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_SALTS = {n: np.uint64(0x632BE59BD9B4E019 * n & (2**64 - 1)) for n in range(1, 10)}
_SHIFT = np.uint64(64 - BITS)
_CHARACTERS = (3, 4, 5)
_MOST_CHARACTERS = 2_000

Buckets = NDArray[np.int32]


def buckets(wording: str) -> Buckets:
    """The different buckets of a text's words, pairs and triples of words, and runs of 3 to 5 characters, ascending.

    At most the first 2,000 characters count: windows are shorter.
    """
    wording = wording[:_MOST_CHARACTERS]
    tokens = np.array([crc32(token.encode("utf-8", "replace")) for token in _TOKEN.findall(wording)], dtype=np.uint64)
    letters = np.frombuffer(f" {wording} ".encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    found = [_runs(tokens, n, n) for n in (1, 2, 3)]
    found += [_runs(letters, n, n + 3) for n in _CHARACTERS]
    return np.unique(np.concatenate(found)).astype(np.int32)


def _runs(items: NDArray[np.uint64], n: int, salt: int) -> NDArray[np.uint64]:
    """Buckets of each run of n neighbours. Unsigned arithmetic wraps around, which is meant."""
    if len(items) < n:
        return np.empty(0, dtype=np.uint64)
    total = np.full(len(items) - n + 1, _SALTS[salt], dtype=np.uint64)
    for offset in range(n):
        total = (total ^ items[offset : len(items) - n + 1 + offset]) * _STEP
        total ^= total >> np.uint64(29)
    return (total * _MIX) >> _SHIFT
