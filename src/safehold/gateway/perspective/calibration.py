"""Calibrations of Perspective's attributes: a monotone map from our model's scores to those of the service that clients chose
their thresholds for. Files of a folder, each a version; `in-force` names one, and is looked at once a second, so that taking
one up and going back to another need no restart. `desk.sidebyside` writes them; `perspective` applies them.
"""

import time
from bisect import bisect_right
from pathlib import Path

import msgspec
import structlog

from safehold.gateway.faults import described

log = structlog.get_logger("safehold.gateway")

LOOK_SECONDS = 1.0
#: The file that names the version in force; its absence, or 0, means none.
IN_FORCE = "in-force"


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How two services' scores agree over `n` comments: mean absolute difference and the share of comments on the same side
    of .7, each with a 95% interval, and the correlation of ranks."""

    n: int
    difference: float
    difference_low: float
    difference_high: float
    same_side: float
    same_side_low: float
    same_side_high: float
    ranks: float


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of `n` comments with neighbouring scores of ours, on average: by us, and by the other service."""

    ours: float
    theirs: float
    n: int


class Map(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute's map: straight lines between `ours` and `theirs`, both rising. `low` and `high` bound what it says at
    the scores `at` (95%, bootstrap). `before` and `after` are on comments that the map was not fitted to, and so are
    `said_before` and `said_after`, which files of earlier versions of Safehold don't have."""

    ours: list[float]
    theirs: list[float]
    at: list[float] = []
    low: list[float] = []
    high: list[float] = []
    before: Agreement | None = None
    after: Agreement | None = None
    said_before: list[Said] = []
    said_after: list[Said] = []

    def apply(self, score: float) -> float:
        """The score that the other service's clients expect."""
        place = bisect_right(self.ours, score)
        if place == 0:
            return self.theirs[0]
        if place == len(self.ours):
            return self.theirs[-1]
        left, right = self.ours[place - 1], self.ours[place]
        share = (score - left) / (right - left)
        return self.theirs[place - 1] + share * (self.theirs[place] - self.theirs[place - 1])


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """One version: maps by the API's attribute names, for scores of one model."""

    version: int
    made_at: str
    model: str
    maps: dict[str, Map]


def read_calibration(path: Path) -> Calibration:
    """A version's file. Raises ValueError that says what is wrong with it, and OSError."""
    found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    for name, one in found.maps.items():
        rising = all(a < b for a, b in zip(one.ours, one.ours[1:], strict=False))
        not_falling = all(a <= b for a, b in zip(one.theirs, one.theirs[1:], strict=False))
        bounded = all(0.0 <= value <= 1.0 for value in one.theirs)
        if not one.ours or len(one.ours) != len(one.theirs) or not (rising and not_falling and bounded):
            raise ValueError(f"{path.name}: the map of {name} must rise, from 0 to 1, with as many places as values")
    return found


def version_file(folder: Path, version: int) -> Path:
    """Where a version is kept."""
    return folder / f"{version:04d}.json"


class Calibrations:
    """The calibration in force, as of a second ago. One that can't be read is told of in the log, and the last one stays."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._now: Calibration | None = None
        self._seen: tuple[int, int] | None = None
        self._looked_at = float("-inf")

    def in_force(self) -> Calibration | None:
        """Called on the event loop: a file of some kilobytes, and only when another version was taken up."""
        if self._folder is not None and time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._look(self._folder)
        return self._now

    def _look(self, folder: Path) -> None:
        try:
            stat = (folder / IN_FORCE).stat()
        except FileNotFoundError:
            self._now = self._seen = None
            return
        if (seen := (stat.st_mtime_ns, stat.st_ino)) == self._seen:
            return
        try:
            version = int((folder / IN_FORCE).read_text())
            self._now = read_calibration(version_file(folder, version)) if version else None
            self._seen = seen
            log.info("calibration_taken_up", version=version)
        except (OSError, ValueError) as error:
            self._seen = seen
            log.error("calibration_unreadable", **described(error))


def apply(calibration: Calibration | None, name: str, score: float) -> float:
    """The score that is answered for an attribute."""
    found = calibration.maps.get(name) if calibration is not None else None
    return found.apply(score) if found is not None else score
