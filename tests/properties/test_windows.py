"""Windows in memory, in Valkey and in SQL against the definition itself, on random streams with late and equal times, and
with processes that die anywhere. HYPOTHESIS_PROFILE=explore tries more."""

import itertools
import os
import random
import time
from collections import deque
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.engine.language import types
from safehold.engine.language.types import Type
from safehold.engine.policies.model import Window
from safehold.engine.windows.log import MOST
from safehold.engine.windows.memory import MemoryWindows
from safehold.engine.windows.series import EXACT_DISTINCT, MOST_EVENTS
from safehold.engine.windows.sketch import STANDARD_ERROR, SlidingSketch
from safehold.engine.windows.store import LATENESS, SECOND, Away, OutOfStep, WindowStore
from safehold.engine.windows.valkey import ValkeyWindows, token_of
from tests.cases import CASES
from tests.properties.window_streams import (
    DOUBLES,
    EMPTY,
    INTS,
    KINDS,
    LATE,
    NO_VALUE,
    TEXTS,
    Step,
    answers,
    expected,
    fed,
    streams,
    streams_for,
    values_of,
    window,
)
from tests.valkey_server import address, cluster, move_slot


def every(of: Type | None = None) -> list[Window]:
    return [window(kind, of=of) for kind in KINDS] + [
        window("count", 3), window("sum", 7200, of=of), window("min", 1, of=of),
    ]  # fmt: skip


ALL = every(types.INT)


def few(examples: int) -> settings:
    """So many, because each is dear; as many as of any other where somebody explores."""
    exploring = os.environ.get("HYPOTHESIS_PROFILE") == "explore"
    return settings(max_examples=settings.default.max_examples if exploring and settings.default else examples * CASES)


_valkey: list[ValkeyWindows] = []


def new_store(kind: str) -> WindowStore:
    if kind == "memory":
        return MemoryWindows()
    if not _valkey:
        _valkey.append(ValkeyWindows(address()))
    return _valkey[0].fresh()


STORES = pytest.mark.parametrize("store", ["memory", "valkey"])


@STORES
@given(stream=streams(INTS), batch=st.integers(1, 12))
def test_stores_give_what_the_definition_says(store: str, stream: list[Step], batch: int) -> None:
    assert answers(new_store(store), stream, ALL, batch=batch) == expected(stream, ALL)


@STORES
@given(stream=streams(DOUBLES))
def test_doubles_are_added_exactly(store: str, stream: list[Step]) -> None:
    doubles = every(types.DOUBLE)
    assert answers(new_store(store), stream, doubles, batch=5) == expected(stream, doubles)


@STORES
@given(stream=streams(TEXTS))
def test_texts_are_ordered_and_counted(store: str, stream: list[Step]) -> None:
    texts = [one for one in every(types.STRING) if one.kind != "sum"]
    assert answers(new_store(store), stream, texts, batch=5) == expected(stream, texts)


@STORES
@given(stream=streams(INTS | st.just(NO_VALUE), size=25))
@few(20)
def test_what_one_window_cannot_measure_the_others_count(store: str, stream: list[Step]) -> None:
    mixed = every()  # of no known type
    assert answers(new_store(store), stream, mixed, batch=4) == expected(stream, mixed)


def test_other_rules_take_windows_over() -> None:
    """With fewer of them, with more, and with those that measure something else: each keeps what it had."""
    count, total, greatest = window("count"), window("sum", of=types.INT), window("max", of=types.DOUBLE)
    store, stream = MemoryWindows(), [Step(key, n, n) for n in range(40) for key in ("a", "b")[: 1 + (n < 5)]]
    answers(store, stream, [count, total])
    before = store.report()
    assert answers(store, [Step("b", 45, 3)], [total]) == [(13,)]
    assert answers(store, [Step("b", 46, 1)], [total, window("rate")]) == [(14, 7 / 60)]
    assert store.report().keys == before.keys
    # A window that is new begins with nothing, whatever the others have.
    assert answers(store, [Step("a", 50, 7)], [total, greatest]) == [(787, 7)]
    assert answers(store, [Step("b", 50, 2), Step("b", 51, 5)], [total, greatest]) == [(16, 2), (21, 5)]
    assert store.report().keys == 2


@pytest.mark.parametrize("ends", ["rolled back", "unanswered", "not told", "committed"])
def test_a_key_becomes_busy_in_a_batch_that_may_not_count(ends: str) -> None:
    """From a string to sorted sets in Valkey, and back where the batch is taken out again; whoever comes next is told."""
    life, number = Life(1), itertools.count()
    stores = [ValkeyWindows(life.place), ValkeyWindows(life.place)]

    def batch(events: int) -> list[Step]:
        return [Step("a", next(number) - 2 * (n % 3), n - 3) for n in range(events)]

    life.batch(stores[0], batch(MOST - 2), "committed")
    life.batch(stores[0], batch(7), ends)
    life.batch(stores[1], batch(1), "committed")
    life.batch(stores[0], batch(MOST), "committed")
    life.batch(stores[1], [*batch(3), Step("b", 900, 1)], ends)
    life.batch(stores[0], batch(4), "committed")


SQL = """
SELECT e.position, max(o.time) > e.time + 3600, count(o.time) FILTER (inside), sum(o.value) FILTER (inside),
       count(DISTINCT o.value) FILTER (inside), min(o.value) FILTER (inside), max(o.value) FILTER (inside),
       arg_min(o.value, (o.time, o.position)) FILTER (inside), arg_max(o.value, (o.time, o.position)) FILTER (inside),
       count(o.time) FILTER (inside) / 60
FROM stream e LEFT JOIN (SELECT *, time FROM stream WHERE counted) o
     ON o.key = e.key AND o.position <= e.position,
     LATERAL (SELECT o.time > e.time - 60 AS inside)
GROUP BY e.position, e.time ORDER BY e.position"""


@given(stream=streams(INTS, size=25).filter(bool))
@few(25)
def test_sql_over_the_record_says_the_same(stream: list[Step]) -> None:
    """The definition as one would write it down in SQL, on DuckDB."""
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE stream (position INT, key TEXT, time DECIMAL(18, 6), value HUGEINT, counted BOOL)"
        )
        rows = [(position, *step) for position, step in enumerate(stream)]
        database.executemany("INSERT INTO stream VALUES (?, ?, ?, ?, ?)", rows)
        found = database.execute(SQL).fetchall()
    windows = [window(kind) for kind in KINDS]
    assert [_as_answers(row) for row in found] == expected(stream, windows)


def _as_answers(row: tuple[Any, ...]) -> tuple[Any, ...]:
    _, late, count, total, distinct, least, greatest, first, last, rate = row
    if late:
        return (LATE,) * len(KINDS)
    values = (EMPTY if value is None else value for value in (least, greatest, first, last))
    return (count, total or 0, distinct, *values, rate)


class Life:
    """A record of events, and the processes that write it: each holds a store, and may die at any moment."""

    def __init__(self, partitions: int) -> None:
        self.place = address(partitions=partitions)
        self.record: list[tuple[int, tuple[str, ...], Step]] = []
        self.position = 0  # given out, as a sequence does: what was rolled back leaves a gap

    def after(self, position: int, count: int) -> list[tuple[int, tuple[str, ...]]]:
        return [(at, name) for at, name, _ in self.record if at > position][:count]

    def meet(self, store: ValkeyWindows) -> None:
        last = self.record[-1][0] if self.record else 0
        met = store.meet(last, self.after)
        if met < 0:
            store.begin(0, None)
            met = 0
        if met < last:
            missing = [(at, ("s", *fed(step, ALL))) for at, _, step in self.record if at > met]
            cut = len(missing) // 2
            for page in filter(None, (missing[:cut], missing[cut:])):
                store.put(page, page[-1][0])

    def batch(self, store: ValkeyWindows, steps: list[Step], ends: str) -> None:
        self.meet(store)
        names = [(f"{self.position + number}",) for number in range(len(steps))]
        batch = [("s", *fed(step, ALL)) for step in steps]
        try:
            found = store.tentative(batch, token_of(names))
        except OutOfStep:  # another process had the pen in between, and left a batch open
            self.meet(store)
            found = store.tentative(batch, token_of(names))
        if ends != "unanswered":  # or the server did all of it, and nobody heard
            seen = [values_of(answered, ALL) for answered in found]
            whole = [step for _, _, step in self.record] + steps
            assert seen == expected(whole, ALL, len(self.record))
        first, self.position = self.position + 1, self.position + len(steps)
        if ends != "rolled back":
            self.record += [(first + n, name, step) for n, (name, step) in enumerate(zip(names, steps, strict=True))]
        if ends == "committed":
            store.committed(self.position)
        else:
            store.forget()


ENDS = st.sampled_from(["committed", "committed", "rolled back", "unanswered", "not told"])
BATCHES = st.lists(
    st.tuples(streams(INTS, size=6).filter(bool), ENDS, st.sampled_from(["stay", "die", "settle", "other", "without"])),
    max_size=8,
)


@given(batches=BATCHES, partitions=st.sampled_from([1, 3]))
@few(30)
def test_what_was_not_committed_never_counts(batches: list[tuple[list[Step], str, str]], partitions: int) -> None:
    """Batches are committed or rolled back, processes die before they could tell the store, others take their place, or
    commit without the store while it is away: the next batch sees the record, all of it and nothing else."""
    life = Life(partitions)
    one, other = ValkeyWindows(life.place), ValkeyWindows(life.place)
    for steps, ends, then in batches:
        life.batch(one, steps, ends)
        if then == "die":
            one = ValkeyWindows(life.place)
        elif then == "settle":
            life.meet(one)
            one.settle()
            assert not one.waiting
        elif then == "other":
            one, other = other, one
        elif then == "without":
            life.position += 1
            life.record.append((life.position, ("elsewhere",), steps[0]))
    life.batch(one, [Step("a", 300, 1), Step("b", 300, 1, False)], "committed")


def test_a_record_that_was_restored_from_an_older_copy_is_put_in_anew() -> None:
    life = Life(1)
    store = ValkeyWindows(life.place)
    life.batch(store, [Step("a", 0, 1), Step("a", 1, 2)], "committed")
    life.batch(store, [Step("a", 2, 3)], "committed")
    del life.record[1:]
    life.batch(ValkeyWindows(life.place), [Step("a", 3, 4)], "committed")


LONG = st.lists(
    st.builds(Step, st.just("k"), st.floats(0, 30_000).map(int), st.integers(0, 20)), min_size=60, max_size=150
)


@STORES
@given(stream=LONG)
@few(20)
def test_trimming_is_never_seen(store: str, stream: list[Step]) -> None:
    """Long streams, whose old events are dropped while they go on, with values of which many are different."""
    assert answers(new_store(store), stream, ALL, batch=20) == expected(stream, ALL)


@STORES
def test_a_busy_key_has_the_same_sums_and_extremes(store: str) -> None:
    """Far more events than Valkey adds one by one: its buckets are whole after late events and much trimming."""
    draw = random.Random(5)
    stream = [
        Step("k", n * 20 - (draw.random() < 0.2) * draw.random() * 3000, draw.randint(-(2**60), 2**60))
        for n in range(1200)
    ]
    kept = [window("sum", 7200), window("sum", 60), window("max", 7200), window("distinct", 7200)]
    assert answers(new_store(store), stream, kept, batch=100)[::17] == [
        expected(stream[: n + 1], kept, n)[0] for n in range(0, 1200, 17)
    ]


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
    stream = [Step("k", number / 50, f"value {number}") for number in range(25_000)]
    found = answers(store, stream, distinct)
    assert found[EXACT_DISTINCT - 1] == (EXACT_DISTINCT,)
    assert abs(found[-1][0] - 25_000) / 25_000 < 4 * STANDARD_ERROR
    assert store.report().entries < 3 * 25_000
    # Valkey's sketch is the same one: it is asked a few times only, since it goes through all registers each time.
    valkey = ValkeyWindows(address())
    valkey.begin(0, None)
    for first in range(0, 25_000, 5_000):
        part = [("", *fed(step, distinct)) for step in stream[first : first + 5_000]]
        valkey.put([(first + place + 1, scoped) for place, scoped in enumerate(part[:-1])], first + 4_999)
        assert [answered.values(0)[0] for answered in valkey.tentative(part[-1:], "1:t")] == list(found[first + 4_999])
        valkey.committed(first + 5_000)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 100)), max_size=80), st.integers(-1, 101))
def test_a_sketch_forgets_what_lies_before_the_cutoff(events: list[tuple[int, int]], cutoff: int) -> None:
    """Small counts come out of the sketch's linear counting nearly exactly, in any order of times."""
    sketch = SlidingSketch()
    for value, at in events:
        sketch.add(value, at)
    expected = len({value for value, at in events if at > cutoff})
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
    for kind in ("count", "first"):
        store, kept = MemoryWindows(), [window(kind, 86400)]
        (stream,) = streams_for(kept)
        row: Any = (1,) * len(stream.columns)
        events = ((SECOND + number, [(stream, "k", row)]) for number in range(MOST_EVENTS + 10))
        (last,) = deque(store.apply(events), maxlen=1)
        assert MOST_EVENTS * 8 // 10 <= store.report().entries <= MOST_EVENTS
        assert kind != "count" or last.values(0)[0] == store.report().entries


def test_a_cluster_gives_the_same_and_forgets_what_was_rolled_back() -> None:
    """Three nodes, eight partitions: values as in memory, and batches that were not committed are out on every node."""
    draw = random.Random(11)

    def steps(count: int, first: float) -> list[Step]:
        keys = [draw.choice("abcdefgh") for _ in range(count)]
        return [Step(key, first + n - draw.choice([0, 0, 30]), draw.randint(-9, 9)) for n, key in enumerate(keys)]

    with cluster(3) as nodes:
        life = Life(8)
        life.place = address(nodes[0], cluster=1, partitions=8)
        store = ValkeyWindows(life.place)
        for number, ends in enumerate(["committed", "rolled back", "committed", "not told", "unanswered", "committed"]):
            if number == 3:
                store.settle()
            if number == 4:
                store = ValkeyWindows(life.place)
            life.batch(store, steps(20, number * 25), ends)
        assert sum(server.client().dbsize() > 0 for server in nodes) == 3, "the keys must be on all nodes"
        calls = store.link.calls
        life.batch(store, steps(20, 200), "committed")
        assert store.link.calls == calls + 1
        stream = steps(60, 300)
        alone = ValkeyWindows(address(nodes[1], cluster=1))
        assert answers(alone, stream, ALL, batch=7) == answers(MemoryWindows(), stream, ALL)
        # When no node answers, windows are away; whether the nodes then did it or not, nothing counts twice.
        place = address(nodes[1], cluster=1, timeout=0.2)
        hasty = ValkeyWindows(place)
        counted, keys = [window("count")], "abcdefgh"
        answers(hasty, [Step(key, 0, 1) for key in keys], counted, batch=8)
        for server in nodes:
            server.client().execute_command("CLIENT", "PAUSE", "700", "ALL")
        (lost, *_) = hasty.apply([fed(Step(key, 1, 1), counted) for key in keys])
        with pytest.raises(Away):
            lost.values(0)
        time.sleep(0.8)
        seen = answers(ValkeyWindows(place), [Step(key, 2, 1) for key in keys], counted, batch=8)
        assert {count for (count,) in seen} <= {2, 3}


def test_a_slot_moves_to_another_node_while_events_come() -> None:
    """Before, during and after: where keys are on both nodes windows are away for a moment; nothing counts twice."""
    number = itertools.count()
    with cluster(2) as nodes:
        life = Life(1)
        life.place = address(nodes[0], cluster=1, partitions=1, timeout=5)
        store, was_away, answered = ValkeyWindows(life.place), [], []
        life.batch(store, [Step(key, next(number), 1) for key in "abcdef" * 7], "committed")
        head = store.head_of(0)
        first = nodes[0].client().execute_command("CLUSTER", "KEYSLOT", head) >= 16384 // 2
        for moment in move_slot(head, nodes[first], nodes[not first]):
            steps = [Step(key, next(number), 1) for key in "abz"]
            for _ in range(40):
                try:
                    life.batch(store, steps, "committed")
                    answered.append(moment)
                    break
                except Away:
                    store.forget()
                    was_away.append(moment)
                    if moment == "keys moved":  # it stays so until the operator goes on
                        break
                    time.sleep(0.1)
        life.batch(ValkeyWindows(life.place), [Step(key, next(number), 1) for key in "abz"], "committed")
    assert {"nothing moved", "moved"} <= set(answered)
    assert not {"nothing moved"} & set(was_away)
