"""Windows in memory against the definition itself, on random streams with late events and equal times."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.engine.windows.memory import MemoryWindows
from safehold.engine.windows.series import EXACT_DISTINCT, MOST_EVENTS
from safehold.engine.windows.sketch import STANDARD_ERROR, SlidingSketch
from safehold.engine.windows.store import LATENESS, SECOND
from tests.properties.window_streams import (
    DOUBLES,
    INTS,
    KINDS,
    LATE,
    TEXTS,
    Step,
    answers,
    expected,
    fed,
    streams,
    window,
)

ALL = [window(kind) for kind in KINDS] + [window("count", 3), window("sum", 7200), window("min", 1)]
NO_SUMS = [one for one in ALL if one.kind != "sum"]


@given(streams(INTS), st.integers(1, 12))
def test_memory_gives_what_the_definition_says(stream: list[Step], batch: int) -> None:
    assert answers(MemoryWindows(), stream, ALL, batch=batch) == expected(stream, ALL)


@given(streams(DOUBLES))
@settings(max_examples=50)
def test_memory_adds_doubles_exactly(stream: list[Step]) -> None:
    assert answers(MemoryWindows(), stream, ALL) == expected(stream, ALL)


@given(streams(TEXTS))
@settings(max_examples=50)
def test_memory_orders_and_counts_texts(stream: list[Step]) -> None:
    assert answers(MemoryWindows(), stream, NO_SUMS) == expected(stream, NO_SUMS)


@given(st.lists(st.builds(Step, st.just("k"), st.floats(0, 30_000).map(int), st.integers(0, 20)), min_size=60))
@settings(max_examples=30)
def test_trimming_is_never_seen(stream: list[Step]) -> None:
    """Long streams, whose old events are dropped while they go on, with values of which many are different."""
    assert answers(MemoryWindows(), stream, ALL) == expected(stream, ALL)


def test_old_events_are_dropped_while_a_key_lives() -> None:
    store, kept = MemoryWindows(), [window(kind) for kind in KINDS]
    answers(store, [Step("k", number * 60, number % 1000) for number in range(5000)], kept)
    assert store.report().entries <= 8 * 1.2 * (LATENESS // SECOND + 60) / 60


def test_an_event_that_comes_too_late_is_unknown_rather_than_too_small() -> None:
    store = MemoryWindows()
    assert answers(store, [Step("k", 7200, 1), Step("k", 3600, 1), Step("k", 3599, 1)], [window("count")]) == [
        (1,), (2,), (LATE,),
    ]  # fmt: skip
    store.complete_since = Step("k", 7100, 1).time
    assert answers(store, [Step("new", 7160, 1), Step("new", 7159, 1)], [window("count")]) == [(1,), (LATE,)]


def test_distinct_is_exact_to_ten_thousand_and_close_beyond() -> None:
    store, distinct = MemoryWindows(), [window("distinct", 3600)]
    stream = [Step("k", number / 1000, f"value {number}") for number in range(50_000)]
    found = answers(store, stream, distinct)
    assert found[EXACT_DISTINCT - 1] == (EXACT_DISTINCT,)
    assert abs(found[-1][0] - 50_000) / 50_000 < 4 * STANDARD_ERROR
    assert store.report().entries < 3 * 50_000


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 100)), max_size=80), st.integers(-1, 101))
def test_a_sketch_forgets_what_lies_before_the_cutoff(events: list[tuple[int, int]], cutoff: int) -> None:
    """Small counts come out of the sketch's linear counting nearly exactly, in any order of times."""
    sketch = SlidingSketch()
    for value, time in events:
        sketch.add(value, time)
    expected = len({value for value, time in events if time > cutoff})
    assert abs(sketch.count_after(cutoff) - expected) <= 1
    held = len(sketch)
    assert held - sketch.drop_until(cutoff) == len(sketch) == sum(map(len, sketch.fronts.values()))
    assert abs(sketch.count_after(cutoff) - expected) <= 1


def test_memory_is_bounded_and_what_was_lost_is_reported() -> None:
    store, count = MemoryWindows(most_entries=1000), [window("count")]
    found = answers(store, [Step(f"key {number}", number, True) for number in range(5000)], count)
    report = store.report()
    assert set(found) == {(1,)}
    assert report.entries <= 1000 and report.keys == report.entries
    assert (report.evicted, report.expired) == (4000, 0)


def test_a_key_that_is_used_outlives_those_that_are_not() -> None:
    store, count = MemoryWindows(most_entries=1000), [window("count", 86400)]
    stream: list[Step] = []
    for number in range(4000):
        stream.append(Step(f"once {number}", number, True))
        if number % 400 == 0:
            stream.append(Step("again", number, True))
    assert answers(store, stream, count)[-1:] == [(1,)]
    assert answers(store, [Step("again", 4000, True)], count) == [(11,)]
    assert answers(MemoryWindows(), stream, count)[-1:] == [(1,)]


def test_what_has_ended_is_not_counted_as_lost() -> None:
    store, count = MemoryWindows(most_entries=1000), [window("count")]
    answers(store, [Step(f"key {number}", number * 10, True) for number in range(5000)], count)
    report = store.report()
    assert report.expired > 3000 > 1000 > report.evicted


def test_one_busy_key_is_bounded_too() -> None:
    for kind in ("count", "sum", "first", "min"):
        store, kept = MemoryWindows(), [window(kind, 86400)]
        last: Any = None
        for number in range(MOST_EVENTS + 10):
            last = next(iter(store.apply([fed(Step("k", number / 1000, number), kept)])))
        assert MOST_EVENTS * 8 // 10 <= store.report().entries <= MOST_EVENTS
        assert kind != "count" or last.value(0) == store.report().entries
