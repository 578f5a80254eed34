"""Verdicts a CPU-second with ten windows of five kinds over 1,000,000 keys in memory, and bytes a key.

Each contender stands in for the engine's store of windows, so that all do the same: the same rules, the same verdicts, and
ten numbers behind them. Peers are a dict of sorted lists written by hand for just these windows, one of deques as one would
first write it, and SQLite in memory, one indexed table and one statement for all windows. Everybody must give the same
verdicts before anything is timed. Deques and SQLite hold 50,000 keys only, which flatters them: a million takes the first
too much room and the other too long.

The figure is for the worst of what is common: nearly every event is the second of its key, which nobody has touched since
the keys were filled, so that nothing of it is in the processor's caches. The other figures are for keys that are new, that
have twenty events, and for ten busy ones that have thousands.
"""

import bisect
import gc
import itertools
import sqlite3
import statistics
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import Result
from benchmarks._windows import START, WINDOWS, bundle, payment, stream
from safehold.engine import Engine, Event, MemoryWindows
from safehold.engine.windows.store import Fed, WindowReport

KEYS, FEWER = 1_000_000, 50_000
ROUNDS, EVENTS, TWENTIES = 5, 8_000, 10_000
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


#: An event's time (microseconds), account, cents and recipient: the ten windows at it.
Contender = Callable[[int, str, int, str], list[Any]]


class InPlace:
    """A contender in the place of the engine's store."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.cents = self.recipient = -1  # the columns' places in a row

    def apply(self, batch: Iterable[Fed]) -> Iterator["Said"]:
        for at, feeds in batch:
            one, key, row = feeds[0]
            if self.cents < 0:
                measured = [str(column.trees["bench.payment"]) for column in one.columns]
                self.cents, self.recipient = (
                    next(place for place, tree in enumerate(measured) if name in tree)
                    for name in ("cents", "recipient")
                )
            yield Said(self.contender(at, key, row[self.cents], row[self.recipient]))

    def fresh(self) -> "InPlace":
        return self

    def report(self) -> WindowReport:
        return WindowReport()


class Said:
    __slots__ = ("found",)

    def __init__(self, found: list[Any]) -> None:
        self.found = found

    def values(self, number: int) -> Sequence[Any]:
        return self.found


class ByHand:
    """Sorted lists of times with cents and recipients beside them, a dict of them: what these ten windows need, no more. What
    is two hours old goes, so that a key does not grow for ever; keys do not go."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[list[int], list[int], list[str]]] = {}

    def __call__(self, at: int, account: str, paid: int, recipient: str) -> list[Any]:
        found = self.kept.get(account)
        if found is None:
            found = self.kept[account] = ([], [], [])
        times, cents, recipients = found
        place = bisect.bisect_right(times, at)
        times.insert(place, at)
        cents.insert(place, paid)
        recipients.insert(place, recipient)
        if times[0] <= at - 7200 * SECOND:
            old = bisect.bisect_right(times, at - 7200 * SECOND)
            del times[:old], cents[:old], recipients[:old]
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

    def __call__(self, at: int, account: str, paid: int, recipient: str) -> list[Any]:
        found = []
        for name, (kind, _, _, _) in WINDOWS.items():
            kept, span = self.kept[name, account], SPANS[name]
            kept.append((at, paid, recipient))
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

    def __call__(self, at: int, account: str, paid: int, recipient: str) -> list[Any]:
        row = (account, at, next(self.place), paid, recipient)
        self.db.execute("INSERT INTO paid VALUES (?, ?, ?, ?, ?)", row)
        return list(self.db.execute(self.query, {"account": account, "at": at}).fetchone())


def agree(engines: Sequence[Engine]) -> None:
    """Everybody gives the same verdicts, the values of matching rules in them; and every rule matches at times."""
    matched = Counter[str]()
    for event in itertools.islice(stream(3, 40), 3_000):
        verdicts = [engine.decide(event) for engine in engines]
        assert all(verdict == verdicts[0] for verdict in verdicts[1:]), verdicts
        matched.update(path for hit in verdicts[0].hits for path in hit.values)
    assert len(matched) == len(WINDOWS), f"rules that never match prove nothing: {matched}"


def rate(decide: Callable[[Event], object], events: Iterator[Event]) -> float:
    """Events a CPU-second, the median of five rounds of new events."""
    found = []
    for _ in range(ROUNDS):
        some = list(itertools.islice(events, EVENTS))
        begun = time.process_time()
        for event in some:
            decide(event)
        found.append(EVENTS / (time.process_time() - begun))
    return statistics.median(found)


def filled(engine: Engine, keys: int) -> tuple[Engine, float]:
    """The engine with so many keys, and the bytes that each takes."""
    gc.collect()
    before = resident()
    for event in filling(keys):
        engine.observe(event)
    size = (resident() - before) / keys
    gc.collect()
    gc.freeze()  # as the gateway does
    return engine, size


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def run() -> Result:
    rules = bundle()
    peers: dict[str, tuple[Callable[[], Contender], int]] = {
        "one dict of sorted lists by hand": (ByHand, KEYS),
        "a deque a window and key, 50,000 keys": (Deques, FEWER),
        "SQLite in memory, 50,000 keys": (Sqlite, FEWER),
    }
    makers = [make for make, _ in peers.values()]
    agree([Engine(rules, []), *(Engine(rules, [], windows=InPlace(make())) for make in makers)])
    figures, more = {}, {}
    for name, (make, keys) in peers.items():
        engine, size = filled(Engine(rules, [], windows=InPlace(make())), keys)
        if make is not Sqlite:  # whose pages lie where those of others were
            more[f"bytes a key, {name}"] = size
        figures[name] = rate(engine.decide, stream(1, keys))
        if make is ByHand:
            more |= {f"{kind}, by hand": value for kind, value in other_keys(engine).items()}
        del engine
        gc.unfreeze()
    engine, size = filled(Engine(rules, [], windows=MemoryWindows(most_entries=2 * KEYS)), KEYS)
    mine = rate(engine.decide, stream(1, KEYS))
    more |= {"bytes a key": size, "bytes a key and window": size / len(WINDOWS), "keys": KEYS}
    more |= other_keys(engine)
    report = engine.windows.report()
    gc.unfreeze()
    assert report.evicted == 0 and report.keys >= KEYS
    return Result(mine, "verdicts per CPU-second", figures, more)


def other_keys(engine: Engine) -> dict[str, float]:
    """Rates for keys that are new, have twenty events, or have thousands."""
    found = {"new keys": rate(engine.decide, fresh())}
    for number in range(20 * TWENTIES):
        engine.observe(paid_again(number, TWENTIES))
    again = map(paid_again, itertools.count(20 * TWENTIES), itertools.repeat(TWENTIES))
    found["keys of 20 events"] = rate(engine.decide, again)
    found["busy keys"] = rate(engine.decide, map(paid_again, itertools.count(), itertools.repeat(10)))
    return found


def paid_again(number: int, keys: int) -> Event:
    """The payments of so many accounts in turn."""
    at = START + timedelta(seconds=500 + number / 1000)
    return payment(f"a{number}", f"again-{keys}-{number % keys}", at, number % 10_000, f"r{number % 5000}")


def fresh() -> Iterator[Event]:
    """Payments of accounts that never paid before."""
    for number in itertools.count():
        at = START + timedelta(seconds=500 + number / 100)
        yield payment(f"n{number}", f"new-{number:07}", at, number % 10_000, f"r{number % 5000}")
