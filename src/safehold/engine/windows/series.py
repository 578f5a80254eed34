"""What one window keeps for a busy key: a sorted series that answers any cut-off, late events included.

`add(time, value)` puts an event in and says by how many entries the series has grown, `after(cutoff)` is the window's value
over all events put in with a time greater than `cutoff`, `drop_until(cutoff)` forgets and says how much, `newest` is the
latest time that was put in. Times are in microseconds. Keys with few events have a `log` for all windows instead: `memory`
makes series, one a window, for those that have more.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from typing import Any, Protocol

from safehold.engine.windows.sketch import SlidingSketch
from safehold.engine.windows.store import EMPTY
from safehold.engine.windows.values import exact_sum

#: Different values that `distinct` keeps for one key before it goes over to a sketch.
EXACT_DISTINCT = 10_000
#: Integers that are added up together.
_BLOCK = 256
#: Events that one key keeps. A window sees the newest of them, so that `count` stops growing there.
MOST_EVENTS = 100_000


class Series(Protocol):
    @property
    def newest(self) -> int: ...
    @property
    def oldest(self) -> int: ...
    def add(self, time: int, value: Any) -> int: ...
    def after(self, cutoff: int) -> Any: ...
    def drop_until(self, cutoff: int) -> int: ...
    def __len__(self) -> int: ...


class _Sorted:
    """Times in order, in eight bytes each."""

    __slots__ = ("times",)

    def __init__(self) -> None:
        self.times = array("q")

    def __len__(self) -> int:
        return len(self.times)

    @property
    def newest(self) -> int:
        return self.times[-1]

    @property
    def oldest(self) -> int:
        return self.times[0]


class Times(_Sorted):
    """`count` and `rate`."""

    __slots__ = ()

    def add(self, time: int, value: Any) -> int:
        times = self.times
        if not times or time >= times[-1]:
            times.append(time)
        else:
            insort(times, time)
        if len(times) > MOST_EVENTS:
            del times[: MOST_EVENTS // 10]
            return 1 - MOST_EVENTS // 10
        return 1

    def after(self, cutoff: int) -> Any:
        return len(self.times) - bisect_right(self.times, cutoff)

    def drop_until(self, cutoff: int) -> int:
        at = bisect_right(self.times, cutoff)
        del self.times[:at]
        return at


class _Values(_Sorted):
    """Times and values side by side; events of equal time stay in the order they came."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        super().__init__()
        self.values: list[Any] = []

    def add(self, time: int, value: Any) -> int:
        at = bisect_right(self.times, time)
        self.times.insert(at, time)
        self.values.insert(at, value)
        if len(self.times) > MOST_EVENTS:
            return 1 - self._drop(MOST_EVENTS // 10)
        return 1

    def drop_until(self, cutoff: int) -> int:
        return self._drop(bisect_right(self.times, cutoff))

    def _drop(self, many: int) -> int:
        del self.times[:many], self.values[:many]
        return many


class Sum(_Values):
    """`sum`. Of integers, each `_BLOCK` that is full is added up once: `sums` has those that are, from the first on."""

    __slots__ = ("sums",)

    def __init__(self) -> None:
        super().__init__()
        self.sums: list[int] = []

    def add(self, time: int, value: Any) -> int:
        late = bool(self.times) and time < self.times[-1]
        more = super().add(time, value)
        if late:  # what stood behind it has moved
            del self.sums[bisect_left(self.times, time) // _BLOCK :]
        return more

    def after(self, cutoff: int) -> Any:
        at, values, sums = bisect_right(self.times, cutoff), self.values, self.sums
        if len(values) - at < 2 * _BLOCK or type(values[0]) is float:
            return exact_sum(values[at:])
        for full in range(len(sums), len(values) // _BLOCK):
            sums.append(sum(values[full * _BLOCK : (full + 1) * _BLOCK]))
        first = -(-at // _BLOCK)
        return sum(values[at : first * _BLOCK]) + sum(sums[first:]) + sum(values[len(sums) * _BLOCK :])

    def _drop(self, many: int) -> int:
        self.sums.clear()
        return super()._drop(many)


class First(_Values):
    """`first`: the value of the earliest event; of several at the same time, the one that came first."""

    __slots__ = ()

    def after(self, cutoff: int) -> Any:
        at = bisect_right(self.times, cutoff)
        if at == len(self.times):
            return EMPTY
        return self.values[at]


class Least(_Values):
    """`min`: only values that no later event undercuts are kept, so that values rise with time."""

    __slots__ = ()

    def beats(self, one: Any, other: Any) -> bool:
        return bool(one <= other)

    def add(self, time: int, value: Any) -> int:
        at = bisect_left(self.times, time)
        if at < len(self.times) and self.beats(self.values[at], value):
            return 0
        end = bisect_right(self.times, time)
        start = at
        while start > 0 and self.beats(value, self.values[start - 1]):
            start -= 1
        self.times[start:end] = array("q", (time,))
        self.values[start:end] = [value]
        if len(self.times) > MOST_EVENTS:
            return start - end + 1 - self._drop(MOST_EVENTS // 10)
        return start - end + 1

    def after(self, cutoff: int) -> Any:
        at = bisect_right(self.times, cutoff)
        if at == len(self.times):
            return EMPTY
        return self.values[at]


class Greatest(Least):
    """`max`."""

    __slots__ = ()

    def beats(self, one: Any, other: Any) -> bool:
        return bool(one >= other)


class Distinct(_Sorted):
    """`distinct`: each value with its latest time; beyond EXACT_DISTINCT values a sketch with a stated error."""

    __slots__ = ("_newest", "latest", "sketch")

    def __init__(self) -> None:
        super().__init__()
        self.latest: dict[Any, int] = {}
        self.sketch: SlidingSketch | None = None
        self._newest = -(1 << 62)

    def __len__(self) -> int:
        return len(self.sketch) if self.sketch is not None else len(self.times)

    @property
    def newest(self) -> int:
        return self._newest

    @property
    def oldest(self) -> int:
        return self.sketch.oldest if self.sketch is not None else self.times[0]

    def add(self, time: int, value: Any) -> int:
        self._newest = max(self._newest, time)
        if self.sketch is not None:
            return self.sketch.add(value, time)
        held = self.latest.get(value)
        if held is not None and held >= time:
            return 0
        if held is not None:
            del self.times[bisect_left(self.times, held)]
        self.latest[value] = time
        insort(self.times, time)
        if len(self.latest) > EXACT_DISTINCT:
            return self._begin_sketch() - EXACT_DISTINCT
        return held is None

    def _begin_sketch(self) -> int:
        self.sketch = SlidingSketch()
        for known, at in self.latest.items():
            self.sketch.add(known, at)
        self.latest, self.times = {}, array("q")
        return len(self.sketch)

    def after(self, cutoff: int) -> Any:
        if self.sketch is not None:
            return self.sketch.count_after(cutoff)
        return len(self.times) - bisect_right(self.times, cutoff)

    def drop_until(self, cutoff: int) -> int:
        if self.sketch is not None:
            return self.sketch.drop_until(cutoff)
        at = bisect_right(self.times, cutoff)
        if at:
            self.latest = {value: time for value, time in self.latest.items() if time > cutoff}
        del self.times[:at]
        return at


class Last:
    """`last`: the value of the latest event; of several at the same time, the one that came last."""

    __slots__ = ("newest", "value")

    def __init__(self) -> None:
        self.newest = -(1 << 62)
        self.value: Any = None

    def __len__(self) -> int:
        return 1

    @property
    def oldest(self) -> int:
        return self.newest

    def add(self, time: int, value: Any) -> int:
        before = self.newest
        if time >= before:
            self.newest, self.value = time, value
        return before == -(1 << 62)

    def after(self, cutoff: int) -> Any:
        if self.newest <= cutoff:
            return EMPTY
        return self.value

    def drop_until(self, cutoff: int) -> int:
        return 0


SERIES: dict[str, type[Series]] = {
    "count": Times, "rate": Times, "sum": Sum, "distinct": Distinct, "min": Least, "max": Greatest, "first": First,
    "last": Last,
}  # fmt: skip
