"""Windows in memory against the definition itself, on random streams with late events and equal times.

The model keeps every event and looks through all of them each time: too slow to use, too simple to be wrong.
"""

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.engine.windows.memory import LATENESS, SECOND, MemoryWindows, TooLate
from safehold.engine.windows.series import EXACT_DISTINCT, MOST_EVENTS, Empty
from safehold.engine.windows.sketch import STANDARD_ERROR, SlidingSketch

KINDS = ["count", "sum", "distinct", "min", "max", "first", "last", "rate"]
OVER = 60  # seconds
#: (key, seconds, value): times in half-minute steps meet often, and jump back as late events do.
STREAMS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 40).map(lambda step: step * 15), st.integers(-5, 5)), max_size=60
)


def by_definition(kind: str, events: list[tuple[str, int, Any]], key: str, time: int) -> Any:
    """The window's value over `events` (in the order of the record, the one that asks last). Empty where it has none."""
    inside = [(at, order, value) for order, (k, at, value) in enumerate(events) if k == key and at > time - OVER]
    values = [value for _, _, value in inside]
    if kind == "count":
        return len(values)
    if kind == "rate":
        return len(values) / OVER
    if kind == "sum":
        return sum(values)
    if kind == "distinct":
        return len(set(values))
    if not inside:
        raise Empty
    if kind == "first":
        return min(inside)[2]
    if kind == "last":
        return max(inside)[2]
    return min(values) if kind == "min" else max(values)


@pytest.mark.parametrize("kind", KINDS)
@given(stream=STREAMS)
def test_memory_gives_what_the_definition_says(kind: str, stream: list[tuple[str, int, int]]) -> None:
    store = MemoryWindows()
    for position, (key, seconds, value) in enumerate(stream):
        store.add("w", kind, OVER, key, seconds * SECOND, value)
        found = store.value("w", kind, OVER, key, seconds * SECOND)
        assert found == by_definition(kind, stream[: position + 1], key, seconds)


@given(stream=STREAMS, asked=st.integers(0, 40).map(lambda step: step * 15))
def test_an_event_that_does_not_count_still_sees_the_window(stream: list[tuple[str, int, int]], asked: int) -> None:
    store = MemoryWindows()
    for key, seconds, value in stream:
        store.add("w", "min", OVER, key, seconds * SECOND, value)
    try:
        expected = by_definition("min", stream, "a", asked)
    except Empty:
        with pytest.raises(Empty):
            store.value("w", "min", OVER, "a", asked * SECOND)
    else:
        assert store.value("w", "min", OVER, "a", asked * SECOND) == expected


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(-1e15, 1e15)), max_size=40))
def test_sums_of_doubles_do_not_depend_on_the_order(events: list[tuple[int, float]]) -> None:
    one, other = MemoryWindows(), MemoryWindows()
    for time, value in events:
        one.add("w", "sum", 600, "k", time * SECOND, value)
    for time, value in reversed(events):
        other.add("w", "sum", 600, "k", time * SECOND, value)
    found = one.value("w", "sum", 600, "k", 300 * SECOND)
    assert found == other.value("w", "sum", 600, "k", 300 * SECOND)
    exact = float(sum((Fraction(value) for _, value in events), Fraction(0)))
    assert found == exact or math.isclose(found, exact, rel_tol=1e-15)


@given(st.lists(st.tuples(st.integers(0, 7200), st.integers(0, 3)), min_size=130, max_size=200))
def test_trimming_is_never_seen(events: list[tuple[int, int]]) -> None:
    """Old events are dropped while the stream goes on; answers within the promised lateness stay those of the definition."""
    store, seen = MemoryWindows(), []
    for step, (jitter, value) in enumerate(events):
        time = step * 300 - min(jitter, 3600)
        seen.append(("k", time, value))
        store.add("w", "distinct", OVER, "k", time * SECOND, value)
        newest = max(at for _, at, _ in seen)
        if time >= newest - LATENESS // SECOND:
            assert store.value("w", "distinct", OVER, "k", time * SECOND) == by_definition("distinct", seen, "k", time)


def test_an_event_that_comes_too_late_is_unknown_rather_than_too_small() -> None:
    store = MemoryWindows()
    for step in range(200):
        store.add("w", "count", OVER, "k", step * 600 * SECOND, True)
    with pytest.raises(TooLate):
        store.value("w", "count", OVER, "k", 0)


def test_distinct_is_exact_to_ten_thousand_and_close_beyond() -> None:
    store = MemoryWindows()
    for number in range(EXACT_DISTINCT):
        store.add("w", "distinct", 3600, "k", number, f"value {number}")
    assert store.value("w", "distinct", 3600, "k", EXACT_DISTINCT) == EXACT_DISTINCT
    for number in range(EXACT_DISTINCT, 50_000):
        store.add("w", "distinct", 3600, "k", number, f"value {number}")
    found = store.value("w", "distinct", 3600, "k", 50_000)
    assert abs(found - 50_000) / 50_000 < 4 * STANDARD_ERROR
    assert store.report().entries < 3 * 50_000


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 100)), max_size=80), st.integers(-1, 101))
def test_a_sketch_forgets_what_lies_before_the_cutoff(events: list[tuple[int, int]], cutoff: int) -> None:
    """Small counts come out of the sketch's linear counting nearly exactly, in any order of times."""
    sketch = SlidingSketch()
    for value, time in events:
        sketch.add(value, time)
    expected = len({value for value, time in events if time > cutoff})
    assert abs(sketch.count_after(cutoff) - expected) <= 1
    sketch.drop_until(cutoff)
    assert abs(sketch.count_after(cutoff) - expected) <= 1


def test_memory_is_bounded_and_what_was_lost_is_reported() -> None:
    store = MemoryWindows(most_entries=1000)
    for number in range(5000):
        store.add("w", "count", OVER, f"key {number}", number * SECOND, True)
    report = store.report()
    assert report.entries <= 1000
    assert report.evicted + report.expired == 4000
    assert store.value("w", "count", OVER, "key 4999", 4999 * SECOND) == 1


def test_one_busy_key_is_bounded_too() -> None:
    store = MemoryWindows()
    for number in range(MOST_EVENTS + 10):
        store.add("w", "count", 86400, "k", number * 1000, True)
    assert MOST_EVENTS * 8 // 10 <= store.value("w", "count", 86400, "k", 10**9) <= MOST_EVENTS
