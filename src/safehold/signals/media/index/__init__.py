"""PdqIndex: finds every PDQ hash within a Hamming distance, exactly, among millions, while hashes come and go.

The signal that matches uploads against hash banks asks it once an event; the gateway's refresh adds and removes. The
index is a few sorted segments of very different sizes, `segment` says how one finds neighbours. A small addition makes a
small segment; segments of similar size are joined, so a hash is sorted a few times in all and a base of ten million is
rebuilt only when a sixteenth of it is new. Queries read one unchanging tuple of segments: they never wait, and each sees
all of an addition or removal or nothing of it.
"""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from safehold.signals.media.index import file
from safehold.signals.media.index.segment import FEW, Hashes, Keys, Near, Probes, Segment, together

__all__ = ["DISTANCE", "Match", "Near", "PdqIndex"]

#: The distance at which PDQ's authors call two images the same.
DISTANCE = 31
_BITS = 256
_BYTES = _BITS // 8
#: A segment is joined with the larger one before it as soon as it has this share of it.
_SHARE = 16

#: Hashes as callers have them: 64 hexadecimal digits, 32 bytes, or all at once as an array of bytes (n, 32).
PdqHashes = Sequence[str | bytes] | npt.NDArray[np.uint8]


class Match(NamedTuple):
    """A hash that is near enough: the key it was added under, and how many of 256 bits differ."""

    key: int
    distance: int


class PdqIndex:
    """A set of PDQ hashes, each under a key of the caller's own (a 64-bit integer); equal hashes may have many keys.

    Additions and removals may come from any thread, one at a time; queries from many threads at once, at any time.
    """

    def __init__(self) -> None:
        self._segments: tuple[Segment, ...] = ()
        self._writing = threading.Lock()

    def __len__(self) -> int:
        return sum(segment.living for segment in self._segments)

    @property
    def memory(self) -> int:
        """Bytes that it takes: about 137 a hash, and 4 MB a segment of more than a thousand."""
        return sum(segment.bytes for segment in self._segments)

    def add(self, keys: Iterable[int] | Keys, hashes: PdqHashes) -> None:
        """Add hashes, one a key. A key that is there already gets the new hash instead of its old one.

        A few thousand take milliseconds, a million half a second to two. Raises ValueError, and adds nothing, if a hash
        is malformed, a key is given twice, or there are not as many keys as hashes.
        """
        new_keys, new_hashes = _sorted(_keys(keys), _hashes(hashes))
        if not len(new_keys):
            return
        with self._writing:
            kept = [segment.without(new_keys) for segment in self._segments]
            self._segments = _tidy([*kept, Segment.build(new_keys, new_hashes)])

    def remove(self, keys: Iterable[int] | Keys) -> int:
        """Take out the hashes of these keys and say how many there were. Keys that are not there are no error."""
        gone = _keys(keys)
        with self._writing:
            before = len(self)
            self._segments = _tidy([segment.without(gone) for segment in self._segments])
            return before - len(self)

    def query(self, hashes: PdqHashes, distance: int = DISTANCE) -> list[list[Match]]:
        """All hashes at most `distance` bits (0 to 256) from each of `hashes`, the nearest first, then by key.

        Up to 31 bits the tables answer: about 0.1 ms a query among a million, half of that in batches. Beyond, every
        hash is looked at (10 ms among a million). Nothing is ever missed. Raises ValueError for a malformed hash.
        """
        found: list[list[Match]] = [[] for _ in range(len(hashes))]
        near = self.near(hashes, distance)
        for query, key, bits in zip(near.queries.tolist(), near.keys.tolist(), near.distances.tolist(), strict=True):
            found[query].append(Match(key, bits))
        for matches in found:
            if len(matches) > 1:
                matches.sort(key=lambda match: (match.distance, match.key))
        return found

    def near(self, hashes: PdqHashes, distance: int = DISTANCE) -> Near:
        """What `query` finds, in no order, as arrays: for whoever asks about thousands at once."""
        if not 0 <= distance <= _BITS:
            raise ValueError(f"a distance is a number of bits from 0 to {_BITS}, not {distance}")
        queries = _hashes(hashes)
        if not len(queries):
            return Near.none()
        probes = Probes.of(queries, distance)
        return together([segment.near(probes) for segment in self._segments])

    def compact(self) -> None:
        """Join all segments into one, the quickest to ask. Worth it after a first load in pieces; never needed."""
        with self._writing:
            self._segments = (_joined(self._segments),) if self._segments else ()

    def save(self, path: Path) -> None:
        """Write it to a file, whole or not at all. Queries and additions go on meanwhile."""
        file.write(path, _joined(self._segments))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Map a saved index into memory: ten million hashes are there in a second, shared by all processes that do.

        Raises ValueError if the file is not a whole index of this version: build it again.
        """
        index = cls()
        segment = file.read(path)
        index._segments = (segment,) if len(segment.keys) else ()
        return index


def _tidy(segments: list[Segment]) -> tuple[Segment, ...]:
    """Join segments until each is much smaller than the one before it; drop rows that are mostly taken out."""
    tidy: list[Segment] = []
    for segment in segments:
        living = segment.living
        if not living:
            continue
        tidy.append(segment if 2 * living > len(segment.keys) else _joined([segment]))
        while len(tidy) > 1 and _alike(len(tidy[-2].keys), len(tidy[-1].keys)):
            tidy[-2:] = [_joined(tidy[-2:])]
    return tuple(tidy)


def _alike(before: int, after: int) -> bool:
    return after * _SHARE >= before or before + after <= FEW


def _joined(segments: Sequence[Segment]) -> Segment:
    """One segment with all living rows of these."""
    if len(segments) == 1 and segments[0].living == len(segments[0].keys):
        return segments[0]
    keys = [segment.keys[segment.alive] for segment in segments]
    hashes = [segment.hashes[segment.alive] for segment in segments]
    none: tuple[Keys, Hashes] = np.empty(0, np.int64), np.empty((0, 4), np.uint64)
    return Segment.build(*_sorted(np.concatenate([none[0], *keys]), np.concatenate([none[1], *hashes])))


def _sorted(keys: Keys, hashes: Hashes) -> tuple[Keys, Hashes]:
    if len(keys) != len(hashes):
        raise ValueError(f"{len(keys):,} keys for {len(hashes):,} hashes: give each hash its own")
    if len(keys) > 1 and not (keys[1:] > keys[:-1]).all():
        order = np.argsort(keys, kind="stable")
        keys, hashes = keys[order], hashes[order]
        twice = np.flatnonzero(keys[1:] == keys[:-1])
        if len(twice):
            raise ValueError(f"key {keys[twice[0]]} is given twice; a key has one hash")
    return keys, hashes


def _keys(keys: Iterable[int] | Keys) -> Keys:
    if isinstance(keys, np.ndarray):
        return np.array(keys, np.int64)
    return np.fromiter(keys, np.int64)


def _hashes(hashes: PdqHashes) -> Hashes:
    """As rows of four words. The copy makes them ours: whoever gave them may go on writing to theirs."""
    if isinstance(hashes, np.ndarray):
        if hashes.dtype != np.uint8 or hashes.shape[1:] != (_BYTES,):
            raise ValueError(
                f"an array of hashes has shape (n, {_BYTES}) and dtype uint8, not {hashes.shape} {hashes.dtype}"
            )
        whole = hashes.tobytes()
    else:
        whole = b"".join(_bytes(number, written) for number, written in enumerate(hashes))
    return np.frombuffer(whole, np.uint64).reshape(-1, 4)


def _bytes(number: int, written: str | bytes) -> bytes:
    try:
        read = bytes.fromhex(written) if isinstance(written, str) else bytes(written)
    except ValueError:
        read = b""
    if len(read) != _BYTES or (isinstance(written, str) and len(written) != 2 * _BYTES):
        raise ValueError(f"hash {number} is no PDQ hash: it has {2 * _BYTES} hexadecimal digits, or {_BYTES} bytes")
    return read
