"""What a stream keeps for a key with few events: the events themselves, and what any of its windows is over them.

A log is one flat tuple, (time, values, time, values, ...) in order of time, events of equal time in the order they came:
one object a key however many windows look at it, which the garbage collector need not visit. Both stores have logs; in
Valkey their values are encoded (`logs.lua`). A key with more events is kept by window (`apart`).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from safehold.engine.policies.model import Window
from safehold.engine.windows.solving import solver
from safehold.engine.windows.store import EMPTY, LATE, LATENESS, SECOND
from safehold.engine.windows.streams import Stream
from safehold.engine.windows.values import exact_sum

#: Events of one key in a log. Looking through so many costs about what looking one up in a series does.
MOST = 128

Log = tuple[Any, ...]


def put_in(log: Log, width: int, time: int, row: Log) -> Log:
    """The log with one more event."""
    if time >= log[-width]:
        return (*log, time, *row)
    at = bisect_right(log[::width], time) * width
    return (*log[:at], time, *row, *log[at:])


def without(log: Log, width: int, cutoff: int) -> Log:
    """The log without what happened until then."""
    return log[bisect_right(log[::width], cutoff) * width :]


def newest(log: Log, width: int) -> Log:
    """The newest MOST events of a log: all that a key of a spread stream has."""
    return log[-MOST * width :]


def together(logs: Iterable[Log], width: int) -> Log:
    """One log of several keys' logs, in order of time. An event that is in several of them is in it once, and so are events
    that share time and values: no window of a spread stream can tell them apart."""
    rows: set[Log] = {log[at : at + width] for log in logs for at in range(0, len(log), width)}
    in_order = sorted(rows, key=lambda row: row[0])
    return tuple(chain.from_iterable(in_order))


class Plan:
    """How the windows of a stream come out of a log. `places` are their columns in it; `total` adds values up, and `shown`
    makes a window of a value where the log has values in another form."""

    def __init__(
        self,
        stream: Stream,
        places: tuple[int, ...],
        width: int,
        total: Callable[[Log], Any] = exact_sum,
        shown: Callable[[Any], Any] | None = None,
    ) -> None:
        self.stream, self.width = stream, width
        self._spans = [window.seconds * SECOND for window in stream.windows]
        self._longest = max(self._spans)
        self._values = solver(stream, places, width, {"total": total, "shown": shown})

    def values(self, log: Log, time: int, complete_since: int) -> list[Any]:
        """All windows at an event of that time; EMPTY and LATE for those that have no value."""
        if not log:
            found = [of_none(window) for window in self.stream.windows]
        elif time < log[-self.width] - LATENESS:
            return [LATE] * len(self._spans)
        else:
            found = self._values(log, time)
        if time - self._longest >= complete_since:
            return found
        spans = zip(found, self._spans, strict=True)
        return [LATE if time - span < complete_since else value for value, span in spans]


def of_none(window: Window) -> Any:
    """A window over no event."""
    if window.kind in ("count", "distinct", "sum"):
        return 0
    return 0.0 if window.kind == "rate" else EMPTY
