"""Windows in this process's memory: the default store, rebuilt from the record at start with `Engine.observe`.

A key has one object for all windows of a stream: a `log` of its events, or a series for each window (`apart`) once it has
more than a log holds. Bounded: at most `most_entries` entries over all keys. Beyond that, keys that were not touched for
longest are dropped whole: never one that is among the last half of `most_entries` that were touched. `report()` says how
many of them were still of use. An event more than LATENESS behind the newest of its key, or whose window reaches back
behind `complete_since`, is answered with LATE rather than with a value that may be too small.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

from safehold.engine.compile.missing import MISSING
from safehold.engine.windows.apart import Apart, recast
from safehold.engine.windows.log import MOST, Plan, newest, put_in, together, without
from safehold.engine.windows.store import LATE, LATENESS, SECOND, Fed, Feed, WindowReport
from safehold.engine.windows.streams import Stream

_LONG_AGO = -(1 << 62)
#: Entries that a store keeps unless it is told otherwise: some 250 MB.
MOST_ENTRIES = 1_000_000


class _Table:
    """The keys of one stream, by when they were last touched: in this turn, the one before, or earlier (`condemned`)."""

    def __init__(self, stream: Stream) -> None:
        self.width = len(stream.columns) + 1
        self.most = MOST * self.width
        self.read(stream)
        self.young: dict[Hashable, Any] = {}
        self.old: dict[Hashable, Any] = {}
        self.condemned: dict[Hashable, Any] = {}

    def read(self, stream: Stream) -> None:
        """Answer this stream's windows from now on: another one of the same rows."""
        self.stream, self.plan = stream, Plan(stream, stream.places, self.width)
        self.keep = stream.seconds * SECOND + LATENESS
        # An eighth more than is needed, so that what is moved by dropping is shared by many events.
        self.stale = self.keep + (self.keep >> 3)

    def take(self, key: Hashable) -> Any:
        """Take a key out of the earlier turns, if it is there: it is touched."""
        held = self.old.pop(key, None)
        return held if held is not None else self.condemned.pop(key, None)

    def find(self, key: Hashable) -> Any:
        held = self.young.get(key)
        if held is None:
            held = self.old.get(key)
        return held if held is not None else self.condemned.get(key)

    def entries(self, held: Any) -> int:
        return len(held) // self.width if type(held) is tuple else len(held)

    def put(self, held: Any, time: int, row: Any) -> tuple[Any, int]:
        """What a key has with one event more, and by how many entries that is more; `held` is None for a new key."""
        if held is None and type(row) is tuple:
            return (time, *row), 1
        width = self.width
        if self.stream.spread:
            before, held = len(held or ()), put_in(held, width, time, row) if held else (time, *row)
            held = newest(without(held, width, held[-width] - self.keep), width)
            return held, (len(held) - before) // width
        if type(held) is tuple and type(row) is tuple:
            before = len(held)
            if held[0] <= time - self.stale or before >= self.most:
                held = without(held, width, max(held[-width], time) - self.keep)
            if len(held) < self.most:
                held = put_in(held, width, time, row) if held else (time, *row)
                return held, (len(held) - before) // width
            more = -(before // width)
        else:
            more = -self.entries(held) if type(held) is tuple else 0
        if not isinstance(held, Apart):
            held = Apart.of(self.stream, held or ())
            more += len(held)
        return held, more + held.add(self.stream, time, row)


class MemoryWindows:
    """See `store.WindowStore`. Not thread-safe: one writer."""

    def __init__(self, most_entries: int = MOST_ENTRIES) -> None:
        self.most_entries = most_entries
        #: Events before this moment (microseconds since 1970) may not have been observed.
        self.complete_since = _LONG_AGO
        self.tables: dict[str, _Table] = {}
        self._queue: Iterator[tuple[_Table, Hashable]] = iter(())  # of the condemned
        self._touched = 0  # keys that became young in this turn
        self._entries = self._expired = self._evicted = 0
        self._watermark = _LONG_AGO
        self._turned = False
        self._lists: MemoryWindows | None = None

    @property
    def lists(self) -> "MemoryWindows":
        """Where spread streams are: in a room of their own, half as large, because an event with many keys there must not
        drive out what other windows have."""
        if self._lists is None:
            self._lists = MemoryWindows(max(self.most_entries // 2, 1))
        return self._lists

    def apply(self, batch: Iterable[Fed]) -> Iterator["_Answers"]:
        """A stream's windows are computed when a rule asks for one of them."""
        tables = self.tables
        for time, feeds in batch:
            seen: list[Any] = []
            for stream, key, row in feeds:
                if row is MISSING:
                    seen.append(None)
                    continue
                if stream.spread:
                    seen.append(self.lists.put(stream, key, time, row))
                    continue
                table = tables.get(stream.name)
                if table is None or table.stream is not stream:
                    table = self.table(stream)
                young = table.young
                held = young.get(key)
                # Nearly always: one event more, in order, and nothing to be dropped.
                if (
                    type(held) is tuple
                    and type(row) is tuple
                    and len(held) < table.most
                    and time >= held[-table.width]
                    and held[0] > time - table.stale
                ):
                    held = (*held, time, *row)
                    self._entries += 1
                else:
                    held = self._put(table, key, held, time, row)
                young[key] = held
                seen.append(held)
            if time > self._watermark:
                self._watermark = time
            if self._touched * 2 > self.most_entries or self._entries > self.most_entries:
                self._make_room()
            yield _Answers(self, time, feeds, seen)

    def put(self, stream: Stream, key: Hashable, time: int, row: Any) -> Any:
        """What the key has with this event."""
        table = self.table(stream)
        held = table.young[key] = self._put(table, key, table.young.get(key), time, row)
        self._watermark = max(self._watermark, time)
        if self._touched * 2 > self.most_entries or self._entries > self.most_entries:
            self._make_room()
        return held

    def _put(self, table: _Table, key: Hashable, held: Any, time: int, row: Any) -> Any:
        """What the key has then; `held` is None where it was not touched in this turn."""
        if held is None:
            self._touched += 1
            if self._turned:
                held = table.take(key)
        held, more = table.put(held, time, row)
        self._entries += more
        return held

    def table(self, stream: Stream) -> _Table:
        """Where a stream is; one of the same events with other columns becomes it."""
        table = self.tables.get(stream.name)
        if table is None:
            table = self.tables[stream.name] = _Table(stream)
            before = [name for name, other in self.tables.items() if other.stream.base == stream.base]
            for name in before[:-1]:
                self._move(self.tables.pop(name), table)
        if table.stream is not stream:
            table.read(stream)
        return table

    def _move(self, old: _Table, new: _Table) -> None:
        """The keys of a stream whose columns have changed: each of its windows keeps what it has."""
        for of_old, of_new in ((old.young, new.young), (old.old, new.old), (old.condemned, new.condemned)):
            for key, held in of_old.items():
                before = old.entries(held)
                of_new[key] = kept = (
                    held.only(new.stream) if isinstance(held, Apart) else recast(held, old.stream, new.stream)
                )
                self._entries += new.entries(kept) - before
            of_old.clear()

    def fresh(self) -> "MemoryWindows":
        return MemoryWindows(self.most_entries)

    def report(self) -> WindowReport:
        keys = sum(len(table.young) + len(table.old) + len(table.condemned) for table in list(self.tables.values()))
        own = WindowReport(keys, self._entries, self.most_entries, self._expired, self._evicted)
        return own if self._lists is None else own + self._lists.report()

    def _make_room(self) -> None:
        """Drop condemned keys until the entries fit; begin a turn when half of the room was touched or none are left."""
        condemned = any(table.condemned for table in self.tables.values())
        if self._touched * 2 > self.most_entries and not condemned:
            self._turn()
        while self._entries > self.most_entries:
            found = next(self._queue, None)
            if found is None:
                self._turn()
                continue
            table, key = found
            held = table.condemned.pop(key, None)
            if held is not None:  # else it was touched since
                self._drop(table, held)

    def _drop(self, table: _Table, held: Any) -> None:
        newest = held[-table.width] if type(held) is tuple else held.newest
        self._entries -= table.entries(held)
        if newest <= self._watermark - table.keep:
            self._expired += 1
        else:
            self._evicted += 1

    def _turn(self) -> None:
        self._turned, self._touched = True, 0
        for table in self.tables.values():
            table.condemned, table.old, table.young = table.old, table.young, {}
        self._queue = _in_turn([(table, iter(list(table.condemned))) for table in self.tables.values()])


def _in_turn(queues: list[tuple[_Table, Iterator[Hashable]]]) -> Iterator[tuple[_Table, Hashable]]:
    """The keys of all streams, one of each stream after the other."""
    while queues:
        left = []
        for table, keys in queues:
            key = next(keys, MISSING)
            if key is not MISSING:
                yield table, key
                left.append((table, keys))
        queues = left


class _Answers:
    __slots__ = ("feeds", "seen", "store", "time")

    def __init__(self, store: MemoryWindows, time: int, feeds: list[Feed], seen: list[Any]) -> None:
        self.store, self.time, self.feeds, self.seen = store, time, feeds, seen

    def values(self, number: int) -> list[Any]:
        (stream, key, _), held, store, time = self.feeds[number], self.seen[number], self.store, self.time
        table = store.tables.get(stream.name)
        if table is None or table.stream is not stream:
            table = store.table(stream)
        if held is None:  # it was not counted
            held = table.find(key)
        if not isinstance(held, Apart):
            return table.plan.values(held or (), time, store.complete_since)
        cutoffs = [(window, time - window.seconds * SECOND) for window in stream.windows]
        return [
            held.value(window, time, cutoff) if cutoff >= store.complete_since else LATE for window, cutoff in cutoffs
        ]

    def together(self, numbers: Sequence[int]) -> list[Any]:
        store, table = self.store, self.store.lists.table(self.feeds[numbers[0]][0])
        helds = (self.seen[number] or table.find(self.feeds[number][1]) or () for number in numbers)
        return table.plan.values(together(helds, table.width), self.time, store.complete_since)
