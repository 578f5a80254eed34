"""What memory keeps for a busy key: a series for each window of its stream, each growing and forgetting by itself.

Also for a key some of whose windows could not count an event that others did, so that one log would not be true for all.
"""

from typing import Any

from safehold.engine.compile.faults import Fault
from safehold.engine.policies.model import Window
from safehold.engine.windows.log import Log, of_none
from safehold.engine.windows.series import SERIES, Series
from safehold.engine.windows.store import LATE, LATENESS, SECOND
from safehold.engine.windows.streams import Stream

_LONG_AGO = -(1 << 62)


class Apart:
    __slots__ = ("series",)

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}  # by the window's id

    @classmethod
    def of(cls, stream: Stream, log: Log) -> "Apart":
        made, width = cls(), len(stream.columns) + 1
        for at in range(0, len(log), width):
            made.add(stream, log[at], log[at + 1 : at + width])
        return made

    def __len__(self) -> int:
        return sum(map(len, self.series.values()))

    @property
    def newest(self) -> int:
        return max((series.newest for series in self.series.values()), default=_LONG_AGO)

    def add(self, stream: Stream, time: int, row: Log) -> int:
        """Put an event in; by how many entries that is more."""
        more = 0
        for window, place in zip(stream.windows, stream.places, strict=True):
            value = row[place] if place >= 0 else True
            if isinstance(value, Fault):
                continue
            series = self.series.get(window.id)
            if series is None:
                series = self.series[window.id] = SERIES[window.kind]()
            more += series.add(time, value)
            keep = window.seconds * SECOND + LATENESS
            # An eighth more than is needed, so that what is moved by dropping is shared by many events.
            if series.oldest <= time - keep - (keep >> 3):
                more -= series.drop_until(series.newest - keep)
        return more

    def only(self, stream: Stream) -> "Apart":
        """Without the windows that the stream does not have."""
        wanted, made = {window.id for window in stream.windows}, Apart()
        made.series = {name: series for name, series in self.series.items() if name in wanted}
        return made

    def value(self, window: Window, time: int, cutoff: int) -> Any:
        """The window at an event of that time; EMPTY or LATE where it has no value."""
        series = self.series.get(window.id)
        if series is None:
            return of_none(window)
        if time < series.newest - LATENESS:
            return LATE
        found = series.after(cutoff)
        return found / window.seconds if window.kind == "rate" else found


def recast(log: Log, old: Stream, new: Stream) -> "Log | Apart":
    """A log with the columns of another stream of the same events. Where that measures something new, which begins with
    nothing, the others are kept apart from it."""
    width, known = len(old.columns) + 1, {column.id: place for place, column in enumerate(old.columns, start=1)}
    if any(column.id not in known for column in new.columns):
        return Apart.of(old, log).only(new)
    places = [0, *(known[column.id] for column in new.columns)]
    return tuple(log[at + place] for at in range(0, len(log), width) for place in places)
