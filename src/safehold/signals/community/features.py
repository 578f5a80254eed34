"""What a community model reads of texts: a set of buckets (hashed words and letters), by which it learns this community's own
words, and the representation of the model that ships, frozen, which brings what that one knows.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from safehold.signals import harm
from safehold.signals.text.normalise import normalise

BITS = 17
BUCKETS = 1 << BITS
#: Characters of a text that count.
MOST = 2_000

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]


class Rows(NamedTuple):
    """Texts: the buckets of text `i` are `buckets[starts[i]:starts[i + 1]]`, ascending, never none; `dense` is a row a text."""

    starts: NDArray[np.int64]
    buckets: Ints
    dense: Floats

    def __len__(self) -> int:
        return len(self.starts) - 1

    def some(self, places: NDArray[np.int64]) -> "Rows":
        """The rows at these places, in their order."""
        lengths = np.diff(self.starts)[places]
        starts = np.concatenate(([0], np.cumsum(lengths)))
        inside = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
        return Rows(starts, self.buckets[np.repeat(self.starts[places], lengths) + inside], self.dense[places])


@cache
def version() -> str:
    """Named in each model's file: a model reads only what it was trained on. Raises SignalFailed without the shipped model."""
    return f"ngrams-1+harm-{harm.model_version()}"


_STEP, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


def rows(texts: Sequence[str]) -> Rows:
    """The representation of texts. The same text gives the same on every machine."""
    found = [buckets(text) for text in texts]
    starts = np.concatenate(([0], np.cumsum([len(each) for each in found]))).astype(np.int64)
    joined = np.concatenate(found) if found else np.empty(0, dtype=np.int32)
    return Rows(starts, joined, harm.features(texts))


def buckets(text: str) -> Ints:
    """The buckets of a text's words, pairs of words and runs of 3 to 5 letters, ascending; 0 is in all."""
    plain = normalise(text[:MOST]).text
    words = np.array([crc32(word.encode("utf-8", "replace")) for word in plain.split()], dtype=np.uint64)
    letters = np.frombuffer(f" {plain} ".encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    runs = [_runs(words, n, n) for n in (1, 2)] + [_runs(letters, n, n + 3) for n in (3, 4, 5)]
    return np.unique(np.concatenate([*runs, np.zeros(1, dtype=np.uint64)])).astype(np.int32)


def _runs(items: NDArray[np.uint64], n: int, salt: int) -> NDArray[np.uint64]:
    if len(items) < n:
        return np.empty(0, dtype=np.uint64)
    total = np.full(len(items) - n + 1, salt, dtype=np.uint64)
    for offset in range(n):
        total = (total ^ items[offset : len(items) - n + 1 + offset]) * _STEP
        total ^= total >> np.uint64(29)
    return (total * _MIX) >> np.uint64(64 - BITS)
