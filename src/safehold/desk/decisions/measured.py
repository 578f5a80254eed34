"""What signals made of the text that a decision is about: their scores, which are the record's own, and the words that these
come from. Words are not recorded but found again, by the same version of the signal only. The pages of a task and of a
decision show both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import msgspec
import structlog

from safehold.desk.entities.models import Event
from safehold.desk.entities.subjects import text_of
from safehold.engine import installed_signal, installed_signals
from safehold.engine.event import lift
from safehold.engine.signal import Signal, limits, places

log = structlog.get_logger("safehold.decisions")

#: Scores below say that nothing was found; of the others so many are shown.
SHOWN, MOST = 0.2, 6
#: The keys under which a place of a signal may have its word.
WORDS = ("attribute", "category", "kind", "term", "label")


@dataclass(frozen=True)
class Score:
    """A recorded figure from 0 to 1: `field` of `signal`."""

    signal: str
    field: str
    value: float

    @property
    def words(self) -> str:
        """The field as people read it: `identity attack`; a `score` goes by its signal's name."""
        return (self.signal if self.field == "score" else self.field).replace("_", " ")

    @property
    def tone(self) -> str:
        return "bad" if self.value >= 0.8 else "warn" if self.value >= 0.5 else "neutral"


class Place(NamedTuple):
    """Code points `start` to `end` of the text, and what was found there."""

    start: int
    end: int
    words: str


@cache
def signals() -> Mapping[str, Signal]:
    """The installed ones, made once in this process: models are loaded when they first run."""
    return {signal.name: signal for signal in installed_signals()}


@cache
def signal_of(name: str) -> Signal | None:
    """One of them, made once: a page of one verdict need not wait for those that it doesn't name."""
    return installed_signal(name)


def scores_of(verdict: Mapping[str, Any] | None) -> list[Score]:
    """The recorded scores that say something, highest first. A score is a field whose limits are 0 and 1."""
    found = [
        Score(run["signal"], field, value)
        for run in (verdict or {}).get("signals", ())
        if (signal := signal_of(run["signal"])) is not None
        for field, value in run.get("values", {}).items()
        if limits(signal).get(field) == (0.0, 1.0) and value >= SHOWN
    ]
    highest: dict[str, Score] = {}
    for score in sorted(found, key=lambda score: -score.value):  # two signals may measure the same: spam
        highest.setdefault(score.words, score)
    return list(highest.values())[:MOST]


def places_of(verdict: Mapping[str, Any] | None, event: Event) -> list[Place]:
    """Where in the event's text the signals of its verdict found something. A signal that is not installed any more, has
    another version now, or fails, says nothing.
    """
    length, found = len(text_of(event)), set[Place]()
    for run in (verdict or {}).get("signals", ()):
        found.update(places_in(run.get("values", {}), length))
        signal = signal_of(run["signal"])
        if signal is not None and signal.version == run["version"] and not run.get("error"):
            found.update(places_in(_told(signal, event), length))
    return sorted(found)


def _told(signal: Signal, event: Event) -> list[dict[str, object]]:
    lifted = msgspec.structs.replace(lift(msgspec.json.decode(event.body)), text=text_of(event))
    try:
        return places(signal, lifted)
    except Exception as failed:  # SignalFailed, or a plug-in's bug: the other signals' places are shown all the same
        log.warning("places not found", signal=signal.name, error=type(failed).__name__)
        return []


def places_in(value: Any, length: int) -> Iterator[Place]:
    """The places that a signal's values point at: maps with `start` and `end` within the text, at any depth."""
    if isinstance(value, Mapping):
        start, end = value.get("start"), value.get("end")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= length:
            yield Place(start, end, next((value[key] for key in WORDS if isinstance(value.get(key), str)), ""))
            return
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from places_in(each, length)
