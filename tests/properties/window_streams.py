"""Random streams for windows, and what windows are by their definition: every event kept, all looked through each time.

Too slow to use, too simple to be wrong. Every store is held against it (`test_windows`).
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, NamedTuple

from hypothesis import strategies as st

from safehold.engine.compile.faults import Unknown
from safehold.engine.compile.missing import MISSING
from safehold.engine.language.types import Type
from safehold.engine.policies.model import Window
from safehold.engine.windows.store import EMPTY, LATE, LATENESS, SECOND, Fed, WindowStore
from safehold.engine.windows.streams import Partial, Stream, streams_of

KINDS = ("count", "sum", "distinct", "min", "max", "first", "last", "rate")
OVER = 60
EPOCH = 1_770_000_000  # seconds; streams begin here


class Step(NamedTuple):
    """An event of a stream: its key, seconds after EPOCH, the measured value, and whether `where` is true."""

    key: Any
    seconds: float
    value: Any
    counted: bool = True

    @property
    def time(self) -> int:
        return round((EPOCH + self.seconds) * SECOND)


def window(kind: str, seconds: int = OVER, name: str = "", of: Type | None = None) -> Window:
    """`of` is the type of what it measures, where that is known."""
    name = name or f"{kind}_{seconds}_{of.name if of else ''}"
    value: dict[str, Any] = {"t": SimpleNamespace(type=of)} if of and kind not in ("count", "rate") else {}
    return Window(f"test/{name}@0", name, kind, seconds, ("t",), value, {}, {}, "0")


#: Quarter-minute steps meet often and jump back as late events do; an hour and more behind is too late.
TIMES = st.integers(0, 40).map(lambda step: step * 15) | st.sampled_from([3000, 3600, 3601, 4199, 4260, 7300, 0.000001])
INTS = st.integers(-5, 5) | st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**62, -(2**62), 2**63 - 1])
DOUBLES = st.sampled_from([0.1, 0.2, 0.3, -0.1, 1e16, 1.0, -1e16, 5e-324, 1e308, -0.0, 1 / 3])
TEXTS = st.sampled_from(["", "a", "A", "ä", "a\0b", "ab", "é", "🙂", "x" * 40])
KEYS = st.sampled_from(["a", "b"])
WHERE = st.sampled_from([True, True, True, False])


def streams(values: st.SearchStrategy[Any], size: int = 40) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.builds(Step, KEYS, TIMES, values, WHERE), max_size=size)


def by_definition(kind: str, events: Sequence[Step], seconds: int = OVER) -> Any:
    """The window at the last of `events`, which are in the order of the record."""
    asks = events[-1]
    measures = kind not in ("count", "rate")
    counted = [
        event
        for event in events
        if event.key == asks.key and event.counted and not (measures and event.value is NO_VALUE)
    ]
    if any(event.time > asks.time + LATENESS for event in counted):
        return LATE
    inside = [event for event in counted if event.time > asks.time - seconds * SECOND]
    values = [event.value for event in inside]
    match kind:
        case "count":
            return len(values)
        case "rate":
            return len(values) / seconds
        case "distinct":
            return len(set(values))
        case "sum" if all(isinstance(value, int) for value in values):
            return sum(values)
        case "sum":
            return _as_double(sum(map(Fraction, values), Fraction()))
    if not inside:
        return EMPTY
    if kind == "first":
        return min(inside, key=lambda event: event.time).value  # the earliest in the record of several
    if kind == "last":
        return max(enumerate(inside), key=lambda part: (part[1].time, part[0]))[1].value
    return min(values) if kind == "min" else max(values)


def _as_double(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


_streams: dict[tuple[str, ...], list[Stream]] = {}


def streams_for(windows: Sequence[Window]) -> list[Stream]:
    """The same ones each time, as an engine has them."""
    return _streams.setdefault(tuple(one.id for one in windows), streams_of(windows))


#: In the place of a value: what is measured is not known at this event.
NO_VALUE = Unknown("not known")


def fed(step: Step, windows: Sequence[Window]) -> Fed:
    kind = Partial if step.value is NO_VALUE else tuple
    return step.time, [
        (stream, step.key, kind((step.value,) * len(stream.columns)) if step.counted else MISSING)
        for stream in streams_for(windows)
    ]


def answers(
    store: WindowStore, steps: Sequence[Step], windows: Sequence[Window], *, batch: int = 1
) -> list[tuple[Any, ...]]:
    """What a store says of every window at each step, asked in batches of so many events."""
    found = []
    for first in range(0, len(steps), batch):
        for answered in store.apply([fed(step, windows) for step in steps[first : first + batch]]):
            found.append(values_of(answered, windows))
    return found


def values_of(answered: Any, windows: Sequence[Window]) -> tuple[Any, ...]:
    found = {
        one.id: value
        for number, stream in enumerate(streams_for(windows))
        for one, value in zip(stream.windows, answered.values(number), strict=True)
    }
    return tuple(found[one.id] for one in windows)


def expected(steps: Sequence[Step], windows: Sequence[Window], first: int = 0) -> list[tuple[Any, ...]]:
    """From the step of that number on."""
    return [
        tuple(by_definition(one.kind, steps[: position + 1], one.seconds) for one in windows)
        for position in range(first, len(steps))
    ]
