"""What a community model reads of texts: a set of buckets (hashed words and letters), by which it learns this community's own
words, and the representation of the model that ships, frozen, which brings what that one knows.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from safehold.signals import harm
from safehold.signals.text.normalise import normalise, squashed

BITS = 17
BUCKETS = 1 << BITS
#: Characters of a text that count.
MOST = 2_000

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Halves = NDArray[np.float16]


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
        if (np.diff(places) > 0).all():  # a byte an entry, not sixteen
            wanted = np.zeros(len(self), dtype=np.bool_)
            wanted[places] = True
            return Rows(starts, self.buckets[np.repeat(wanted, np.diff(self.starts))], self.dense[places])
        inside = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
        return Rows(starts, self.buckets[np.repeat(self.starts[places], lengths) + inside], self.dense[places])

    def slice(self, first: int, last: int) -> "Rows":
        """The rows from `first` to before `last`, without a copy."""
        starts = self.starts[first : last + 1]
        return Rows(starts - starts[0], self.buckets[starts[0] : starts[-1]], self.dense[first:last])


class Reading(NamedTuple):
    """What is read of one text, once for all trainings: the buckets, ascending, and the numbers, two bytes each. `same` is what
    copies of the text have in common."""

    same: str
    buckets: Ints
    dense: Halves


@cache
def version() -> str:
    """Named in each model's file: a model reads only what it was trained on. Raises SignalFailed without the shipped model."""
    return f"ngrams-1+harm-{harm.model_version()}"


_STEP, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


def readings(texts: Sequence[str], hands: int = 1) -> list[Reading]:
    """What is read of texts, in so many threads: the network, which takes most of the time, lets them run beside each other. The
    same text gives the same on every machine, whatever stands beside it: the network takes one text at a time, since its whole
    numbers are scaled by the largest of all that it takes at once."""
    if hands > 1 and len(texts) > hands:
        each = -(-len(texts) // hands)
        with ThreadPoolExecutor(hands) as pool:
            parts = pool.map(readings, [texts[first : first + each] for first in range(0, len(texts), each)])
            return [reading for part in parts for reading in part]
    dense = harm.features(texts).astype(np.float16)
    return [Reading(same_as(text), buckets(text), row) for text, row in zip(texts, dense, strict=True)]


def joined(found: Sequence[Reading]) -> Rows:
    """Readings as rows."""
    dense = np.stack([each.dense for each in found]) if found else harm.features([])
    return _rows([each.buckets for each in found], dense.astype(np.float32))


def rows(texts: Sequence[str]) -> Rows:
    """The representation of texts: that of their readings."""
    return _rows([buckets(text) for text in texts], harm.features(texts).astype(np.float16).astype(np.float32))


def _rows(found: Sequence[Ints], dense: Floats) -> Rows:
    starts = np.concatenate(([0], np.cumsum([len(each) for each in found]))).astype(np.int64)
    return Rows(starts, np.concatenate(found) if found else np.empty(0, dtype=np.int32), dense)


def same_as(text: str) -> str:
    """What copies of a text have in common: its letters and digits once disguises are undone; the text itself if it has none."""
    return squashed(normalise(text[:MOST]).text) or text


def packed(reading: Reading) -> bytes:
    """A reading as bytes, to be kept beside the text: two for each number and for each bucket, which has 17 bits: how many are
    below 65,536 is said first."""
    low = int(np.searchsorted(reading.buckets, 1 << 16))
    places = (reading.buckets & 0xFFFF).astype("<u2").tobytes()
    head = np.array([len(reading.dense), low, len(reading.buckets)], dtype="<u4").tobytes()
    return head + reading.dense.astype("<f2").tobytes() + places + reading.same.encode("utf-8", "surrogatepass")


def unpacked(content: bytes) -> Reading:
    """What `packed` made."""
    numbers, low, count = np.frombuffer(content, dtype="<u4", count=3).tolist()
    places = np.frombuffer(content, dtype="<u2", count=count, offset=12 + 2 * numbers).astype(np.int32)
    places[low:] += 1 << 16
    dense = np.frombuffer(content, dtype="<f2", count=numbers, offset=12)
    return Reading(content[12 + 2 * (numbers + count) :].decode("utf-8", "surrogatepass"), places, dense)


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
