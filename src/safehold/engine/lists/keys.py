"""An exact index over millions of keys in little more room than the keys: what texts, domains and digests are asked by.

Keys lie one after the other, a line each, in buckets by their line's CRC-32; a lookup is one search for the line within its
bucket of one or two. Positions count the lines. CRC-32 is no secret, so somebody could make many keys for one bucket: those
beyond a few dozen lie behind the last bucket, and a dict finds them.

`Marks` say without looking at the keys that a text is not among them, nor the ending of one, most times that this is so.
"""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol, overload
from zlib import crc32

#: Lines a bucket has, between half of it and all of it on average, and at most; and buckets whose lines are counted together.
_USUAL, _MOST, _GROUP = 2, 32, 16

Columns = dict[str, "bytes | array[int]"]


class Numbers(Protocol):
    """An array of whole numbers, or a view of one in a file."""

    def __getitem__(self, index: int, /) -> int: ...
    def __len__(self) -> int: ...


class Blob(Protocol):
    """Bytes, or a file mapped into memory."""

    def find(self, part: bytes, start: int, end: int, /) -> int: ...
    @overload
    def __getitem__(self, part: slice, /) -> bytes: ...
    @overload
    def __getitem__(self, index: int, /) -> int: ...


class Texts:
    """Byte strings one after the other; `starts` has one number more than there are strings."""

    __slots__ = ("_base", "_blob", "_starts")

    def __init__(self, blob: Blob, base: int, starts: Numbers) -> None:
        self._blob, self._base, self._starts = blob, base, starts

    def __getitem__(self, position: int) -> bytes:
        return self._blob[self._base + self._starts[position] : self._base + self._starts[position + 1]]

    def __iter__(self) -> Iterator[bytes]:
        return (self[position] for position in range(len(self._starts) - 1))


def pack_texts(texts: Sequence[bytes]) -> Columns:
    starts = array("Q", [0])
    at = 0
    for text in texts:
        at += len(text)
        starts.append(at)
    return {"blob": b"".join(texts), "starts": starts if at >= 1 << 32 else array("I", starts)}


def line(key: bytes) -> bytes:
    """How a key stands in the blob, behind a line break. No key has one in it."""
    return key + b"\n"


def _bits(count: int) -> int:
    return (count // _USUAL).bit_length()


def in_order(keys: Sequence[bytes]) -> tuple[list[int], int]:
    """The numbers of the keys in the order that `pack_keys` wants them, and how many at the end are in no bucket."""
    shift = 32 - _bits(len(keys))
    buckets: dict[int, list[int]] = defaultdict(list)
    for number, key in enumerate(keys):
        buckets[crc32(line(key)) >> shift].append(number)
    order, spilled = [], []
    for bucket in sorted(buckets):
        order += buckets[bucket][:_MOST]
        spilled += buckets[bucket][_MOST:]
    return order + spilled, len(spilled)


def pack_keys(keys: Sequence[bytes], spilled: int) -> Columns:
    """The arrays of an index over keys that are different and `in_order`. `starts` is where each bucket's first line begins,
    `firsts` the position of the first key of every 16th bucket; each has a last number for the end."""
    bits = _bits(len(keys))
    shift = 32 - bits
    starts, firsts = array("Q", [0]), array("I", [0])
    at = 0
    kept = len(keys) - spilled

    def fill(until: int, position: int) -> None:
        while len(starts) <= until:
            if len(starts) % _GROUP == 0:
                firsts.append(position)
            starts.append(at)

    for position in range(kept):
        fill(crc32(line(keys[position])) >> shift, position)
        at += len(keys[position]) + 1
    fill(1 << bits, kept)
    firsts.append(kept)
    blob = b"\n" + b"".join(key + b"\n" for key in keys)
    return {"blob": blob, "starts": starts if len(blob) >= 1 << 32 else array("I", starts), "firsts": firsts}


def widest(starts: Sequence[int]) -> int:
    """The bytes of the longest bucket."""
    return max(end - start for start, end in pairwise(starts))


class Keys:
    """`has(line(key))`, `find(line(key))`: the key's position, or None; `self[position]` is the key."""

    def __init__(self, blob: Blob, base: int, length: int, starts: Numbers, firsts: Numbers, count: int) -> None:
        self._blob, self._base, self._starts, self._firsts = blob, base, starts, firsts
        self._length = length
        self._shift = 33 - (len(starts) - 1).bit_length()
        self._kept = firsts[len(firsts) - 1]
        self._spilled: dict[bytes, int] = {}
        if self._kept < count:
            rest = blob[base + starts[len(starts) - 1] + 1 : base + length].split(b"\n")
            self._spilled = {line(key): self._kept + number for number, key in enumerate(rest[:-1])}
        self.has_at = self._test()

    def has(self, wanted: bytes) -> bool:
        return self.has_at(wanted, crc32(wanted))

    def _test(self) -> Callable[[bytes, int], bool]:
        """`find(wanted) is not None`, for a line and its CRC-32, as a function that has all it needs at hand: it runs for
        every lookup."""
        search, starts, base, shift, spilled = self._blob.find, self._starts, self._base, self._shift, self._spilled

        def has_at(wanted: bytes, crc: int) -> bool:
            bucket = crc >> shift
            if search(b"\n" + wanted, base + starts[bucket], base + starts[bucket + 1] + 1) < 0:
                return wanted in spilled
            return wanted.count(b"\n") == 1  # or it is the lines of two keys

        return has_at

    def within(self, widest: int) -> Callable[[bytes, int], bool]:
        """As `has_at`, for lines most of which are there: it searches as many bytes as the longest bucket has, and
        spares itself the look where this one ends. Found beyond its bucket, a line would still be one of the lines."""
        search, starts, base, shift, spilled = self._blob.find, self._starts, self._base, self._shift, self._spilled
        window = widest + 1

        def has_at(wanted: bytes, crc: int) -> bool:
            start = base + starts[crc >> shift]
            if search(b"\n" + wanted, start, start + window) < 0:
                return wanted in spilled
            return wanted.count(b"\n") == 1  # or it is the lines of two keys

        return has_at

    def __iter__(self) -> Iterator[bytes]:
        """All keys by position, in a fraction of the time that asking for each takes."""
        return iter(self._blob[self._base : self._base + self._length].split(b"\n")[1:-1])

    def find(self, wanted: bytes) -> int | None:
        bucket = crc32(wanted) >> self._shift
        base, starts = self._base, self._starts
        found = self._blob.find(b"\n" + wanted, base + starts[bucket], base + starts[bucket + 1] + 1)
        if found < 0:
            return self._spilled.get(wanted)
        if wanted.count(b"\n") != 1:
            return None
        group = bucket // _GROUP
        return self._firsts[group] + self._blob[base + starts[group * _GROUP] : found].count(b"\n")

    def __getitem__(self, position: int) -> bytes:
        if position >= self._kept:
            return next(key for key, at in self._spilled.items() if at == position)[:-1]
        firsts, starts = self._firsts, self._starts
        group = bisect_right(firsts, position, 0, len(firsts) - 1) - 1
        end = starts[min((group + 1) * _GROUP, len(starts) - 1)]
        lines = self._blob[self._base + starts[group * _GROUP] + 1 : self._base + end].split(b"\n")
        return lines[position - firsts[group]]


class Marks(NamedTuple):
    """Four pairs of marks a byte, found by a line's CRC-32: `flags = blob[base + (crc >> shift)] >> (crc & 3)`.

    `flags & PASSED`: the line may be one of those that were marked. `flags & MARKED`: it may be the last of its row.
    """

    blob: Blob
    base: int
    shift: int


PASSED, MARKED = 1, 16


def pack_marks(rows: Iterable[Iterable[bytes]], count: int) -> bytes:
    """The marks of rows of lines, about `count` of them in all: two to four bytes for each."""
    bits = count.bit_length() + 1
    marks, shift = bytearray(1 << bits), 32 - bits
    for row in rows:
        crc = None
        for each in row:
            crc = crc32(each)
            marks[crc >> shift] |= PASSED << (crc & 3)
        if crc is not None:
            marks[crc >> shift] |= MARKED << (crc & 3)
    return bytes(marks)
