"""Videos of hash banks: which of them share frames with another, and how much of each. The shelf asks it, from any thread, while
videos come and go.

All frames of all videos are in one PDQ index, so that a video is compared only with those of which some frame is near one of its
own; and because the index misses nothing, the shares are those of comparing every frame with every other.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from safehold.signals.hashes.kinds import MOST_FRAMES
from safehold.signals.media.index import PdqIndex
from safehold.signals.media.vpdq import Shares

#: A frame's key in the index: the place of its video, and its own number there.
_FRAME_BITS = MOST_FRAMES.bit_length()
_BYTES = 32


class Seen(NamedTuple):
    """A video that shares frames: `key` is the caller's, `distance` that of the found frame which is farthest from any."""

    key: int
    shares: Shares
    distance: int


class Videos:
    """Videos under keys of the caller's, whose last bit may change (an item's sign)."""

    def __init__(self) -> None:
        self._frames = PdqIndex()
        self._held: dict[int, tuple[int, int]] = {}  # a video's place -> its key, and how many frames it has
        self._places: dict[int, int] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._held)

    def put(self, videos: Iterable[tuple[int, Sequence[str]]]) -> None:
        """Add videos: (key, the hashes of `vpdq.telling`). One that is there has its new key at once, and is never away."""
        keys: list[int] = []
        hashes: list[str] = []
        for key, frames in videos:
            place = self._places.get(key >> 1)
            if place is None:
                place = self._places[key >> 1] = self._next
                self._next += 1
                keys += range(place << _FRAME_BITS, (place << _FRAME_BITS) + len(frames))
                hashes += frames
            self._held[place] = (key, len(frames))
        self._frames.add(keys, hashes)

    def drop(self, keys: Iterable[int]) -> None:
        """Take videos out; those that are not there are no error."""
        gone: list[int] = []
        for key in keys:
            place = self._places.pop(key >> 1, None)
            if place is not None:
                _, count = self._held.pop(place)
                gone += range(place << _FRAME_BITS, (place << _FRAME_BITS) + count)
        self._frames.remove(gone)

    def compact(self) -> None:
        self._frames.compact()

    def near(self, frames: Sequence[str], reach: int, within: Callable[[int], int]) -> list[Seen]:
        """The videos that have a frame near one of these different hashes. `within(key)` says how many bits may differ for a
        video, at most `reach`."""
        pairs = self._frames.near(frames, reach)
        if not len(pairs.keys):
            return []
        places = pairs.keys >> _FRAME_BITS
        order = np.argsort(places, kind="stable")
        found = []
        for rows in np.split(order, np.flatnonzero(np.diff(places[order])) + 1):
            held = self._held.get(int(places[rows[0]]))
            if held is None:
                continue  # it went while the index was asked
            key, count = held
            rows = rows[pairs.distances[rows] <= within(key)]
            if len(rows):
                nearest = np.full(len(frames), reach + 1)
                np.minimum.at(nearest, pairs.queries[rows], pairs.distances[rows])
                ours, theirs = nearest[nearest <= reach], len(np.unique(pairs.keys[rows]))
                found.append(Seen(key, Shares(len(ours) / len(frames), theirs / count), int(ours.max())))
        return found
