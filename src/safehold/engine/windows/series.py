"""What one window keeps for one key: a small sorted list that answers any cut-off, late events included.

`add(time, value)` puts an event in, `after(cutoff)` is the window's value over all events put in so far with a time
greater than `cutoff`, `drop_until(cutoff)` forgets, `len()` counts what is kept. Times are in nanoseconds.
"""

from bisect import bisect_left, bisect_right, insort
from typing import Any, Protocol

from safehold.engine.windows.sketch import SlidingSketch
from safehold.engine.windows.store import Empty
from safehold.engine.windows.values import exact_sum

#: Different values that `distinct` keeps for one key before it goes over to a sketch.
EXACT_DISTINCT = 10_000
#: Events that one key keeps. A window sees the newest of them, so that `count` stops growing there.
MOST_EVENTS = 100_000


class Series(Protocol):
    def add(self, time: int, value: Any) -> None: ...
    def after(self, cutoff: int) -> Any: ...
    def drop_until(self, cutoff: int) -> None: ...
    def __len__(self) -> int: ...


class Times:
    """`count`."""

    def __init__(self) -> None:
        self.times: list[int] = []

    def __len__(self) -> int:
        return len(self.times)

    def add(self, time: int, value: Any) -> None:
        insort(self.times, time)
        if len(self.times) > MOST_EVENTS:
            del self.times[: MOST_EVENTS // 10]

    def after(self, cutoff: int) -> Any:
        return len(self.times) - bisect_right(self.times, cutoff)

    def drop_until(self, cutoff: int) -> None:
        del self.times[: bisect_right(self.times, cutoff)]


class Values:
    """Times and values side by side; events of equal time stay in the order they came."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.values: list[Any] = []

    def __len__(self) -> int:
        return len(self.times)

    def add(self, time: int, value: Any) -> None:
        at = bisect_right(self.times, time)
        self.times.insert(at, time)
        self.values.insert(at, value)
        if len(self.times) > MOST_EVENTS:
            del self.times[: MOST_EVENTS // 10], self.values[: MOST_EVENTS // 10]

    def drop_until(self, cutoff: int) -> None:
        at = bisect_right(self.times, cutoff)
        del self.times[:at], self.values[:at]


class Sum(Values):
    """`sum`: integers exactly, doubles exactly rounded (`math.fsum`), so that no order of events changes the result."""

    def after(self, cutoff: int) -> Any:
        return exact_sum(self.values[bisect_right(self.times, cutoff) :])


class First(Values):
    """`first`: the value of the earliest event; of several at the same time, the one that came first."""

    def after(self, cutoff: int) -> Any:
        at = bisect_right(self.times, cutoff)
        if at == len(self.times):
            raise Empty
        return self.values[at]


class Last:
    """`last`: the value of the latest event; of several at the same time, the one that came last."""

    def __init__(self) -> None:
        self.held: tuple[int, Any] | None = None

    def __len__(self) -> int:
        return 0 if self.held is None else 1

    def add(self, time: int, value: Any) -> None:
        if self.held is None or time >= self.held[0]:
            self.held = (time, value)

    def after(self, cutoff: int) -> Any:
        if self.held is None or self.held[0] <= cutoff:
            raise Empty
        return self.held[1]

    def drop_until(self, cutoff: int) -> None:
        if self.held is not None and self.held[0] <= cutoff:
            self.held = None


class Least:
    """`min`: only values that no later event undercuts are kept, so that values rise with time."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.values: list[Any] = []

    def __len__(self) -> int:
        return len(self.times)

    def beats(self, one: Any, other: Any) -> bool:
        return bool(one <= other)

    def add(self, time: int, value: Any) -> None:
        at = bisect_left(self.times, time)
        if at < len(self.times) and self.beats(self.values[at], value):
            return
        end = bisect_right(self.times, time)
        start = at
        while start > 0 and self.beats(value, self.values[start - 1]):
            start -= 1
        self.times[start:end] = [time]
        self.values[start:end] = [value]

    def after(self, cutoff: int) -> Any:
        at = bisect_right(self.times, cutoff)
        if at == len(self.times):
            raise Empty
        return self.values[at]

    def drop_until(self, cutoff: int) -> None:
        at = bisect_right(self.times, cutoff)
        del self.times[:at], self.values[:at]


class Greatest(Least):
    """`max`."""

    def beats(self, one: Any, other: Any) -> bool:
        return bool(one >= other)


class Distinct:
    """`distinct`: each value with its latest time; beyond EXACT_DISTINCT values a sketch with a stated error."""

    def __init__(self) -> None:
        self.latest: dict[Any, int] = {}
        self.times: list[int] = []
        self.sketch: SlidingSketch | None = None

    def __len__(self) -> int:
        return len(self.sketch) if self.sketch is not None else len(self.latest)

    def add(self, time: int, value: Any) -> None:
        if self.sketch is not None:
            self.sketch.add(value, time)
            return
        held = self.latest.get(value)
        if held is not None and held >= time:
            return
        if held is not None:
            del self.times[bisect_left(self.times, held)]
        self.latest[value] = time
        insort(self.times, time)
        if len(self.latest) > EXACT_DISTINCT:
            self.sketch = SlidingSketch()
            for known, at in self.latest.items():
                self.sketch.add(known, at)
            self.latest, self.times = {}, []

    def after(self, cutoff: int) -> Any:
        if self.sketch is not None:
            return self.sketch.count_after(cutoff)
        return len(self.times) - bisect_right(self.times, cutoff)

    def drop_until(self, cutoff: int) -> None:
        if self.sketch is not None:
            self.sketch.drop_until(cutoff)
            return
        at = bisect_right(self.times, cutoff)
        if at:
            del self.times[:at]
            self.latest = {value: time for value, time in self.latest.items() if time > cutoff}


SERIES: dict[str, type[Series]] = {
    "count": Times, "rate": Times, "sum": Sum, "distinct": Distinct, "min": Least, "max": Greatest, "first": First,
    "last": Last,
}  # fmt: skip
