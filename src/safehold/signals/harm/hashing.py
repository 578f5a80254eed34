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
_SHORT = np.uint64(29)
_NONE = np.zeros(2, dtype=np.uint64)
_CHARACTERS = 3
_MOST_CHARACTERS = 2_000

Buckets = NDArray[np.int32]


def buckets(wording: str) -> Buckets:
    """The different buckets of a text's words, pairs and triples of words, and runs of 3 to 5 characters, ascending.

    At most the first 2,000 characters count: windows are shorter.
    """
    wording = wording[:_MOST_CHARACTERS]
    tokens = np.array([crc32(token.encode("utf-8", "replace")) for token in _TOKEN.findall(wording)], dtype=np.uint64)
    letters = np.frombuffer(f" {wording} ".encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    found = np.concatenate([_runs(tokens, 1, 0), _runs(letters, _CHARACTERS, 3)])
    found.sort()
    return found[np.append(True, found[1:] != found[:-1])] if len(found) else found


def _runs(items: NDArray[np.uint64], fewest: int, salt: int) -> Buckets:
    """Buckets of each run of `fewest` to `fewest` + 2 neighbours: three rows that are worked on together, each from a salt of
    its own. Unsigned arithmetic wraps around, which is meant.
    """
    lengths = range(fewest, fewest + 3)
    starts = len(items) - fewest + 1
    if starts < 1:
        return np.empty(0, dtype=np.int32)
    longer = np.append(items, _NONE)
    total = np.repeat(np.array([_SALTS[n + salt] for n in lengths])[:, None], starts, axis=1)
    for offset in range(lengths[-1]):
        rows = total[max(0, offset - fewest + 1) :]
        rows ^= longer[offset : offset + starts]
        rows *= _STEP
        rows ^= rows >> _SHORT
    found = ((total * _MIX) >> _SHIFT).astype(np.int32)
    return np.concatenate([found[0], found[1, : max(0, starts - 1)], found[2, : max(0, starts - 2)]])
