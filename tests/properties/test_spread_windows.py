"""Windows whose key is a list, in memory and in Valkey, against the definition: all events that share an item, each once."""

import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.engine.compile.missing import MISSING
from safehold.engine.language import types
from safehold.engine.policies.model import Window
from safehold.engine.windows.log import MOST
from safehold.engine.windows.memory import MemoryWindows
from safehold.engine.windows.store import EMPTY, LATE, LATENESS, SECOND, WindowStore
from safehold.engine.windows.streams import Stream, streams_of
from safehold.engine.windows.valkey import ValkeyWindows, token_of
from tests.cases import cases
from tests.properties.window_streams import EPOCH, OVER
from tests.valkey_server import address

STORES = pytest.mark.parametrize("store", ["memory", "valkey"])
_valkey: list[ValkeyWindows] = []


def new_store(kind: str) -> WindowStore:
    if kind == "memory":
        return MemoryWindows()
    if not _valkey:
        _valkey.append(ValkeyWindows(address()))
    return _valkey[0].fresh()


class Step(NamedTuple):
    keys: tuple[str, ...]
    seconds: int
    value: int
    counted: bool = True

    @property
    def time(self) -> int:
        return (EPOCH + self.seconds) * SECOND


def window(kind: str, seconds: int = OVER) -> Window:
    by: dict[str, Any] = {"t": (SimpleNamespace(type=types.list_of(types.STRING)),)}
    value: dict[str, Any] = {"t": SimpleNamespace(type=types.INT)}
    return Window(f"spread/{kind}_{seconds}@0", f"{kind}_{seconds}", kind, seconds, ("t",), value, by, {}, "0")


WINDOWS = [window("distinct"), window("min"), window("max"), window("distinct", 3), window("distinct", 7200)]
(STREAM,) = streams_of(WINDOWS)


def said(store: WindowStore, steps: Sequence[Step], batch: int = 1, stream: Stream = STREAM) -> list[tuple[Any, ...]]:
    found = []
    for first in range(0, len(steps), batch):
        part = steps[first : first + batch]
        fed = [
            (step.time, [(stream, key, (step.value,) if step.counted else MISSING) for key in step.keys])
            for step in part
        ]
        for step, answered in zip(part, store.apply(fed), strict=True):
            found.append(tuple(answered.together(range(len(step.keys)))))
    return found


def by_definition(steps: Sequence[Step]) -> list[tuple[Any, ...]]:
    """At each step. An item keeps the newest MOST events that had it."""
    held: dict[str, list[tuple[int, int, int]]] = {}
    found = []
    for order, step in enumerate(steps):
        if step.counted:
            for key in step.keys:
                held[key] = sorted([*held.get(key, []), (step.time, order, step.value)])[-MOST:]
        shared = {event for key in step.keys for event in held.get(key, [])}
        if any(time > step.time + LATENESS for time, _, _ in shared):
            found.append((LATE,) * len(WINDOWS))
            continue
        row = []
        for one in WINDOWS:
            values = [value for time, _, value in shared if time > step.time - one.seconds * SECOND]
            if one.kind == "distinct":
                row.append(len(set(values)))
            else:
                row.append((min if one.kind == "min" else max)(values) if values else EMPTY)
        found.append(tuple(row))
    return found


ITEMS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True).map(tuple)
TIMES = st.integers(0, 40).map(lambda step: step * 15) | st.sampled_from([3000, 3600, 3601, 4199, 4260, 7300])
STEPS = st.lists(
    st.builds(Step, ITEMS, TIMES, st.integers(-3, 3), st.sampled_from([True, True, True, False])), max_size=40
)


@STORES
@cases(20)
@given(steps=STEPS, batch=st.integers(1, 12))
def test_stores_give_what_the_definition_says(store: str, steps: list[Step], batch: int) -> None:
    assert said(new_store(store), steps, batch) == by_definition(steps)


@STORES
@pytest.mark.parametrize("batch", [7, 300])
def test_an_item_that_is_in_everything_keeps_its_newest_events(store: str, batch: int) -> None:
    draw = random.Random(3)
    steps = [
        Step(("all", f"own{draw.randrange(2)}"), 10 * number - draw.choice([0, 0, 0, 35, 900]), draw.randrange(10**9))
        for number in range(220)
    ]
    found = said(new_store(store), steps, batch)
    assert found == by_definition(steps)
    assert max(row[4] for row in found) > MOST  # over all of its items an event can see more


def test_memory_stays_bounded() -> None:
    store = MemoryWindows()
    said(store, [Step(("all",), number, number) for number in range(1000)])
    assert store.report().entries == MOST


def test_many_keys_drive_out_no_other_windows() -> None:
    plain = Window("plain@0", "plain", "count", 7200, ("t",), {}, {}, {}, "0")
    (other,) = streams_of([plain])
    store = MemoryWindows(200)
    list(store.apply([(EPOCH * SECOND, [(other, f"k{n}", ()) for n in range(40)])]))
    said(store, [Step((f"a{n}", f"b{n}", f"c{n}"), n, n) for n in range(500)])
    answers = next(store.apply([((EPOCH + 600) * SECOND, [(other, f"k{n}", ()) for n in range(40)])]))
    assert [answers.values(n) for n in range(40)] == [[2]] * 40
    assert store.report().entries <= 80 + 100


def test_what_was_not_committed_never_counts() -> None:
    """A batch that fills an item beyond its room is taken out again, as whoever comes next finds that it is not in the record."""
    place = address(partitions=1)
    steps = [Step(("all", f"own{number % 3}"), number, number) for number in range(MOST + 40)]
    record = [(number + 1, ("s", *_fed(step))) for number, step in enumerate(steps[: MOST - 5])]
    last = record[-1][0]
    first, second = ValkeyWindows(place), ValkeyWindows(place)
    first.begin(0, None)
    first.put(record, last)
    lost = [("s", *_fed(Step(("all", "own1"), 500 + n, 10_000 + n))) for n in range(30)]
    list(first.tentative(lost, token_of([("lost", str(n)) for n in range(30)])))
    assert second.meet(last, lambda position, count: []) == last
    rest = steps[MOST - 5 :]
    found = second.tentative(
        [("s", *_fed(step)) for step in rest], token_of([("kept", str(n)) for n in range(len(rest))])
    )
    said_then = [tuple(one.together(range(2))) for one in found]
    assert said_then == by_definition(steps)[MOST - 5 :]


def _fed(step: Step) -> tuple[int, list[Any]]:
    return step.time, [(STREAM, key, (step.value,)) for key in step.keys]
