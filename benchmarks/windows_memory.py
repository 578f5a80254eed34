"""Verdicts a CPU-second with ten windows of five kinds over 1,000,000 keys in memory, and bytes a key and window.

Peers answer the same ten numbers of each event and make no verdict: a dict of lists written by hand for just these windows,
one of deques of sorted containers as one would first write it, and SQLite in memory, one indexed table and one statement
for all windows. Everybody must see the same numbers before anything is timed. The peers hold 50,000 keys only, which
flatters them: a million takes them too long, or too much room.
"""

import bisect
import gc
import itertools
import sqlite3
import statistics
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import Result
from benchmarks._windows import START, WINDOWS, bundle, payment, stream
from safehold.engine import Engine, Event, MemoryWindows

KEYS, FEWER = 1_000_000, 50_000
ROUNDS, EVENTS = 5, 8_000
SECOND = 1_000_000
SPANS = {name: seconds * SECOND for name, (_, _, seconds, _) in WINDOWS.items()}


def micros(event: Event) -> int:
    delta = event.time - START
    return (delta.days * 86400 + delta.seconds) * SECOND + delta.microseconds


def filling(keys: int) -> Iterator[Event]:
    """One payment by each account, in the ten minutes before the stream begins."""
    for number in range(keys):
        at = START - timedelta(seconds=600 * (1 - number / keys))
        yield payment(f"f{number}", f"account-{number:07}", at, number % 10_000, f"r{number % 5000}")


def ours(engine: Engine) -> Callable[[Event], list[Any]]:
    """The verdict, and for the comparison the values behind it."""
    names = [f"windows.{name}" for name in WINDOWS]

    def decide(event: Event) -> list[Any]:
        values: dict[str, Any] = {}
        for hit in engine.decide(event).hits:
            values |= hit.values
        return [values.get(name) for name in names]

    return decide


class ByHand:
    """Sorted lists of times with cents and recipients beside them, a dict of them: what these ten windows need, no more."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[list[int], list[int], list[str]]] = {}

    def __call__(self, event: Event) -> list[Any]:
        at, account, data = micros(event), event.actor["id"], event.data
        found = self.kept.get(account)
        if found is None:
            found = self.kept[account] = ([], [], [])
        times, cents, recipients = found
        place = bisect.bisect_right(times, at)
        times.insert(place, at)
        cents.insert(place, data["cents"])
        recipients.insert(place, data["recipient_id"])
        ten, hour = bisect.bisect_right(times, at - 600 * SECOND), bisect.bisect_right(times, at - 3600 * SECOND)
        late, all_hour = cents[ten:], cents[hour:]
        return [
            len(times) - ten, len(times) - hour, sum(late), sum(all_hour), len(set(recipients[ten:])),
            len(set(recipients[hour:])), max(late), max(all_hour), late[-1], all_hour[-1],
        ]  # fmt: skip


class Deques:
    """A deque a window and key, trimmed at each event and gone through: what one writes first. Late events are put last."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], deque[tuple[int, int, str]]] = defaultdict(deque)

    def __call__(self, event: Event) -> list[Any]:
        at, account, data = micros(event), event.actor["id"], event.data
        found = []
        for name, (kind, _, _, _) in WINDOWS.items():
            kept, span = self.kept[name, account], SPANS[name]
            kept.append((at, data["cents"], data["recipient_id"]))
            while kept and kept[0][0] <= at - span - 3600 * SECOND:
                kept.popleft()
            inside = [part for part in kept if part[0] > at - span]
            found.append(_measure(kind, inside))
        return found


def _measure(kind: str, inside: list[tuple[int, int, str]]) -> Any:
    match kind:
        case "count":
            return len(inside)
        case "sum":
            return sum(cents for _, cents, _ in inside)
        case "distinct":
            return len({recipient for _, _, recipient in inside})
        case "max":
            return max(cents for _, cents, _ in inside)
    return max(enumerate(inside), key=lambda part: (part[1][0], part[0]))[1][1]


class Sqlite:
    """One table by account and time, and one statement for all ten."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.execute("CREATE TABLE paid (account TEXT, at INT, place INTEGER, cents INT, recipient TEXT, "
                        "PRIMARY KEY (account, at, place)) WITHOUT ROWID")  # fmt: skip
        self.place = itertools.count()
        parts = []
        for span in (600, 3600):
            inside = f"FILTER (WHERE at > :at - {span * SECOND})"
            parts.append([f"count(*) {inside}", f"sum(cents) {inside}", f"count(DISTINCT recipient) {inside}",
                          f"max(cents) {inside}"])  # fmt: skip
        columns = ", ".join(part for pair in zip(*parts, strict=True) for part in pair)
        newest = "(SELECT cents FROM paid WHERE account = :account ORDER BY at DESC, place DESC LIMIT 1)"
        self.query = (
            f"SELECT {columns}, {newest}, {newest} FROM paid WHERE account = :account AND at > :at - {3600 * SECOND}"  # noqa: S608
        )

    def __call__(self, event: Event) -> list[Any]:
        at, account, data = micros(event), event.actor["id"], event.data
        row = (account, at, next(self.place), data["cents"], data["recipient_id"])
        self.db.execute("INSERT INTO paid VALUES (?, ?, ?, ?, ?)", row)
        return list(self.db.execute(self.query, {"account": account, "at": at}).fetchone())


def agree(engine: Engine) -> None:
    """Everybody sees the same ten numbers; of ours, those of rules that match are seen (their limits are low enough)."""
    contenders: dict[str, Callable[[Event], list[Any]]] = {"hand": ByHand(), "deques": Deques(), "sqlite": Sqlite()}
    decide, matched = ours(engine), Counter[str]()
    for event in itertools.islice(stream(3, 40), 3_000):
        seen = {name: contender(event) for name, contender in contenders.items()}
        assert seen["hand"] == seen["deques"] == seen["sqlite"], (event, seen)
        for name, value, truth in zip(WINDOWS, decide(event), seen["hand"], strict=True):
            limit = WINDOWS[name][3]
            assert value == (truth if truth >= limit else None), (name, value, truth)
            matched[name] += value is not None
    assert len(matched) == len(WINDOWS) and min(matched.values()) > 0, (
        f"rules that never match prove nothing: {matched}"
    )


def rate(decide: Callable[[Event], object], keys: int) -> float:
    """Events a CPU-second, the median of five rounds of new events."""
    events = stream(1, keys)
    found = []
    for _ in range(ROUNDS):
        some = list(itertools.islice(events, EVENTS))
        begun = time.process_time()
        for event in some:
            decide(event)
        found.append(EVENTS / (time.process_time() - begun))
    return statistics.median(found)


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def run() -> Result:
    rules = bundle()
    agree(Engine(rules, []))
    figures, sizes = {}, {}
    peers: dict[str, Callable[[], Callable[[Event], object]]] = {
        "one dict of sorted lists by hand": ByHand, "a deque a window and key": Deques, "SQLite in memory": Sqlite,
    }  # fmt: skip
    for name, make in peers.items():
        gc.collect()
        before, contender = resident(), make()
        for event in filling(FEWER):
            contender(event)
        if name != "SQLite in memory":  # whose pages lie where those of others were
            sizes[name] = (resident() - before) / FEWER
        figures[name] = rate(contender, FEWER)
        del contender
    gc.collect()
    engine = Engine(rules, [], windows=MemoryWindows(most_entries=12 * KEYS))
    before = resident()
    for event in filling(KEYS):
        engine.observe(event)
    ours_bytes = (resident() - before) / KEYS
    gc.collect()
    gc.freeze()  # as the gateway does
    mine = rate(engine.decide, KEYS)
    gc.unfreeze()
    report = engine.windows.report()
    assert report.evicted == 0 and report.keys >= KEYS * len(WINDOWS)
    more = {f"bytes a key, {name}": size for name, size in sizes.items()}
    more |= {"bytes a key": ours_bytes, "bytes a key and window": ours_bytes / len(WINDOWS), "keys": KEYS}
    return Result(mine, "verdicts per CPU-second", figures, more)
