"""vPDQ: a video as the PDQ hashes of frames at even times, in the form that exchanges share, and how two are compared.

Nothing heavy is imported before two videos are compared: whoever only reads and writes them (banks) starts quickly.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

import msgspec

#: PDQ's own limit: an image with less has too little structure, and its hash says too little, to be matched.
QUALITY = 50
#: The distance at which PDQ's authors call two images the same.
NEAR = 31
#: One frame a second is hashed, as vPDQ does unless told otherwise.
SECONDS_PER_HASH = 1.0
#: The share of a video's frames that must be found in the other for the two to be a match, as vPDQ has it; how much of the
#: other that is does not matter.
QUERY_SHARE, ITEM_SHARE = 0.8, 0.0


class Frame(NamedTuple):
    """The PDQ hash of one frame, its quality, and where it stands, in seconds."""

    hash: str
    quality: int
    timestamp: float

    def __str__(self) -> str:
        """As `threatexchange` writes a feature of a video."""
        return f"{self.hash},{self.quality},{self.timestamp:.3f}"

    @classmethod
    def parse(cls, written: str) -> Self:
        """Read one. Raises ValueError that says what is wrong."""
        try:
            hash_, quality, timestamp = written.split(",")
            frame = cls(hash_.lower(), int(quality), float(timestamp))
            whole = len(bytes.fromhex(hash_)) == 32 and len(hash_) == 64
        except ValueError:
            whole = False
        if not whole or not (0 <= frame.quality <= 100 and 0 <= frame.timestamp < 1e9):
            raise ValueError("a frame is written as HASH,QUALITY,SECONDS: 64 hexadecimal digits, 0 to 100, 0 or more")
        return frame


class Shares(NamedTuple):
    """How much of each of two videos is found in the other, 0 to 1."""

    query: float
    compared: float

    @property
    def matches(self) -> bool:
        """vPDQ's verdict: enough of the video that was asked about is in the other, which may be far longer."""
        return self.query >= QUERY_SHARE and self.compared >= ITEM_SHARE

    def __str__(self) -> str:
        """As `threatexchange` writes the similarity of two videos."""
        return f"{self.query:.0%}[{self.compared:.0%}]"


def write(frames: Sequence[Frame]) -> str:
    """A video's hash as exchanges share it: a JSON array of features."""
    return msgspec.json.encode([str(frame) for frame in frames]).decode()


def read(written: str) -> list[Frame]:
    """The frames of a shared video hash. Raises ValueError that says which frame is wrong."""
    try:
        parts = msgspec.json.decode(written, type=list[str])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as wrong:
        raise ValueError(f"a video's hash is a JSON array of frames: {wrong}") from wrong
    frames = []
    for number, part in enumerate(parts):
        try:
            frames.append(Frame.parse(part))
        except ValueError as wrong:
            raise ValueError(f"frame {number}: {wrong}") from wrong
    return frames


def telling(frames: Iterable[Frame]) -> list[str]:
    """The different hashes of a video's frames of enough quality: those by which it is compared."""
    return list(dict.fromkeys(frame.hash for frame in frames if frame.quality >= QUALITY))


def compare(query: Sequence[Frame], compared: Sequence[Frame], distance: int = NEAR) -> Shares | None:
    """How much two videos share: different frames of enough quality that have a neighbour in the other.

    None if one of them has no frame of enough quality: nothing can be said.
    """
    ours, theirs = telling(query), telling(compared)
    if not ours or not theirs:
        return None
    return Shares(_found(ours, theirs, distance), _found(theirs, ours, distance))


def _found(of: list[str], among: list[str], distance: int) -> float:
    from safehold.signals.media.index import PdqIndex

    index = PdqIndex()
    index.add(range(len(among)), among)
    return sum(map(bool, index.query(of, distance))) / len(of)
