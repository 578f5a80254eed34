"""What a stream keeps for a key with few events: the events themselves, and what any of its windows is over them.

A log is one flat tuple, (time, values, time, values, ...) in order of time, events of equal time in the order they came:
one object a key however many windows look at it, which the garbage collector need not visit. Both stores have logs; in
Valkey their values are encoded (`logs.lua`). A key with more events is kept by window (`apart`).
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from safehold.engine.compile.missing import MISSING
from safehold.engine.policies.model import Window
from safehold.engine.windows.store import EMPTY, LATE, LATENESS, SECOND
from safehold.engine.windows.streams import Stream
from safehold.engine.windows.values import exact_sum

#: Events of one key in a log. Looking through so many costs about what looking one up in a series does.
MOST = 32

Log = tuple[Any, ...]

#: From a log and where its events of a window begin, the window.
Measure = Callable[[Log, int], Any]
#: A kind's Measure for a column of logs of a width, over so many seconds.
Kind = Callable[[int, int, int], Measure]


def put_in(log: Log, width: int, time: int, row: Log) -> Log:
    """The log with one more event."""
    if time >= log[-width]:
        return (*log, time, *row)
    at = bisect_right(log[::width], time) * width
    return (*log[:at], time, *row, *log[at:])


def without(log: Log, width: int, cutoff: int) -> Log:
    """The log without what happened until then."""
    return log[bisect_right(log[::width], cutoff) * width :]


def _count(column: int, width: int, seconds: int) -> Measure:
    return lambda log, start: (len(log) - start) // width


def _rate(column: int, width: int, seconds: int) -> Measure:
    return lambda log, start: (len(log) - start) // width / seconds


def _sum(column: int, width: int, seconds: int) -> Measure:
    return lambda log, start: exact_sum(log[start + column :: width])


def _distinct(column: int, width: int, seconds: int) -> Measure:
    return lambda log, start: len(set(log[start + column :: width]))


def _least(column: int, width: int, seconds: int) -> Measure:
    return lambda log, start: min(log[start + column :: width], default=EMPTY)


def _greatest(column: int, width: int, seconds: int) -> Measure:
    return lambda log, start: max(log[start + column :: width], default=EMPTY)


def _first(column: int, width: int, seconds: int) -> Measure:
    return lambda log, start: log[start + column] if start < len(log) else EMPTY


def _last(column: int, width: int, seconds: int) -> Measure:
    return lambda log, start: log[column - width] if start < len(log) else EMPTY


KINDS: dict[str, Kind] = {
    "count": _count, "rate": _rate, "sum": _sum, "distinct": _distinct, "min": _least, "max": _greatest,
    "first": _first, "last": _last,
}  # fmt: skip


class Plan:
    """How the windows of a stream come out of a log. `places` are their columns in it, `kinds` how each kind is measured.

    Windows that differ by their spans only are one measure. Mostly all of a log lies within all spans, and then it is made
    once for them all."""

    def __init__(self, stream: Stream, places: tuple[int, ...], width: int, kinds: dict[str, Kind] = KINDS) -> None:
        self.stream, self.width = stream, width
        spans = sorted({window.seconds for window in stream.windows})
        self._spans = [seconds * SECOND for seconds in spans]
        measures: dict[tuple[str, int, int], Measure] = {}
        self._steps: list[tuple[int, int]] = []  # of each window, its span and its measure
        for window, place in zip(stream.windows, places, strict=True):
            key = (window.kind, place, window.seconds if window.kind == "rate" else 0)
            measures.setdefault(key, kinds[window.kind](place + 1, width, window.seconds))
            self._steps.append((spans.index(window.seconds), list(measures).index(key)))
        self._measures = list(measures.values())
        self._order = [measure for _, measure in self._steps]

    def values(self, log: Log, time: int, complete_since: int) -> list[Any]:
        """All windows at an event of that time; EMPTY and LATE for those that have no value."""
        if not log:
            found = [of_none(window) for window in self.stream.windows]
        elif time < log[-self.width] - LATENESS:
            return [LATE] * len(self._steps)
        elif log[0] > time - self._spans[0]:
            made = [measure(log, 0) for measure in self._measures]
            found = [made[number] for number in self._order]
        else:
            found = self._by_span(log, time)
        if time - self._spans[-1] < complete_since:
            late = [time - span < complete_since for span in self._spans]
            found = [LATE if late[span] else value for value, (span, _) in zip(found, self._steps, strict=True)]
        return found

    def _by_span(self, log: Log, time: int) -> list[Any]:
        times = log[:: self.width]
        starts = [bisect_right(times, time - span) * self.width for span in self._spans]
        made: dict[tuple[int, int], Any] = {}
        found = []
        for span, number in self._steps:
            start = starts[span]
            value = made.get((start, number), MISSING)
            if value is MISSING:
                value = made[start, number] = self._measures[number](log, start)
            found.append(value)
        return found


def of_none(window: Window) -> Any:
    """A window over no event."""
    if window.kind in ("count", "distinct", "sum"):
        return 0
    return 0.0 if window.kind == "rate" else EMPTY
