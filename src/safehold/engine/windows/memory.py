"""Windows in this process's memory: the default store, rebuilt from the record at start with `Engine.observe`.

A key that has one event is that event and nothing more; a series is made for the second. Bounded: at most `most_entries`
entries over all keys. Beyond that, keys that were not touched for longest are dropped whole: never one that is among the
last half of `most_entries` that were touched. `report()` says how many of them were still of use. An event more than
LATENESS behind the newest of its key, or whose window reaches back behind `complete_since`, is answered with TooLate
rather than with a value that may be too small.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from safehold.engine.compile.missing import MISSING
from safehold.engine.policies.model import Window
from safehold.engine.windows.series import SERIES, Series
from safehold.engine.windows.store import LATENESS, SECOND, Empty, Fed, Feed, TooLate, WindowReport
from safehold.engine.windows.values import exact_sum

_LONG_AGO = -(1 << 62)
#: Entries that a store keeps unless it is told otherwise: some 200 MB.
MOST_ENTRIES = 2_000_000


class _Table:
    """The keys of one window, by when they were last touched: in this turn, the one before, or earlier (`condemned`)."""

    __slots__ = ("bare", "condemned", "keep", "kind", "last", "none", "old", "one", "seconds", "span", "young")

    def __init__(self, window: Window) -> None:
        self.kind = window.kind
        self.bare = window.kind in ("count", "rate")  # one event is kept as its time, not as (time, value)
        self.last = window.kind == "last"  # which is (time, value) for ever
        self.none, self.one = _OF_NONE.get(window.kind), _OF_ONE.get(window.kind)
        self.seconds, self.span = window.seconds, window.seconds * SECOND
        self.keep = self.span + LATENESS
        self.young: dict[Hashable, Any] = {}
        self.old: dict[Hashable, Any] = {}
        self.condemned: dict[Hashable, Any] = {}

    def take(self, key: Hashable) -> Any:
        """Take a key out of the earlier turns, if it is there: it is touched."""
        held = self.old.pop(key, None)
        return held if held is not None else self.condemned.pop(key, None)

    def find(self, key: Hashable) -> Any:
        held = self.young.get(key)
        if held is None:
            held = self.old.get(key)
        return held if held is not None else self.condemned.get(key)

    def answer(self, held: Any, time: int) -> Any:
        """The window at an event of that time, `held` being what its key has. Raises Empty and TooLate."""
        cutoff = time - self.span
        if type(held) is int:
            at = held
        elif type(held) is tuple:
            at = held[0]
        else:
            if time < held.newest - LATENESS:
                raise TooLate
            found = held.after(cutoff)
            return found / self.seconds if self.kind == "rate" else found
        if time < at - LATENESS:
            raise TooLate
        if at <= cutoff:
            return self.of_none()
        if self.one is not None:
            return self.one / self.seconds if self.kind == "rate" else self.one
        return exact_sum((held[1],)) if self.kind == "sum" else held[1]

    def of_none(self) -> Any:
        if self.none is None:
            raise Empty
        return self.none

    def series(self, held: Any) -> Series:
        made = SERIES[self.kind]()
        made.add(*((held, True) if self.bare else held))
        return made


class MemoryWindows:
    """See `store.WindowStore`. Not thread-safe: one writer."""

    def __init__(self, most_entries: int = MOST_ENTRIES) -> None:
        self.most_entries = most_entries
        #: Events before this moment (microseconds since 1970) may not have been observed.
        self.complete_since = _LONG_AGO
        self._tables: dict[str, _Table] = {}
        self._queue: Iterator[tuple[_Table, Hashable]] = iter(())  # of the condemned
        self._touched = 0  # keys that became young in this turn
        self._entries = self._expired = self._evicted = 0
        self._watermark = _LONG_AGO
        self._turned = False

    def apply(self, batch: Iterable[Fed]) -> Iterator["_Answers"]:
        """A window is computed when a rule asks for it."""
        tables = self._tables
        for time, feeds in batch:
            seen: list[tuple[_Table, Any] | None] = []
            for window, key, value in feeds:
                if value is MISSING:
                    seen.append(None)
                    continue
                table = tables.get(window.id) or self._table(window)
                young = table.young
                held = young.get(key)
                if held is None:
                    self._touched += 1
                    if self._turned:
                        held = table.take(key)
                    if held is None:
                        held = young[key] = time if table.bare else (time, value)
                        self._entries += 1
                        seen.append((table, held))
                        continue
                    young[key] = held
                if table.last:
                    if time >= held[0]:
                        held = young[key] = (time, value)
                else:
                    if type(held) is int or type(held) is tuple:
                        held = young[key] = table.series(held)
                    self._entries += held.add(time, value)
                    # An eighth more than is needed, so that what is moved by dropping is shared by many events.
                    if held.oldest <= time - table.keep - (table.keep >> 3):
                        self._entries -= held.drop_until(held.newest - table.keep)
                seen.append((table, held))
            if time > self._watermark:
                self._watermark = time
            if self._touched * 2 > self.most_entries or self._entries > self.most_entries:
                self._make_room()
            yield _Answers(self, time, feeds, seen)

    def find(self, window: Window, key: Any) -> tuple[_Table, Any]:
        """What a key has, for an event that was not counted; None for nothing."""
        table = self._tables.get(window.id) or self._table(window)
        return table, table.find(key)

    def fresh(self) -> "MemoryWindows":
        return MemoryWindows(self.most_entries)

    def report(self) -> WindowReport:
        keys = sum(len(table.young) + len(table.old) + len(table.condemned) for table in list(self._tables.values()))
        return WindowReport(keys, self._entries, self.most_entries, self._expired, self._evicted)

    def _table(self, window: Window) -> _Table:
        table = self._tables[window.id] = _Table(window)
        return table

    def _make_room(self) -> None:
        """Drop condemned keys until the entries fit; begin a turn when half of the room was touched or none are left."""
        condemned = any(table.condemned for table in self._tables.values())
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
        one = type(held) is int or type(held) is tuple
        newest = (held if table.bare else held[0]) if one else held.newest
        self._entries -= 1 if one else len(held)
        if newest <= self._watermark - table.keep:
            self._expired += 1
        else:
            self._evicted += 1

    def _turn(self) -> None:
        self._turned, self._touched = True, 0
        for table in self._tables.values():
            table.condemned, table.old, table.young = table.old, table.young, {}
        self._queue = _in_turn([(table, iter(list(table.condemned))) for table in self._tables.values()])


def _in_turn(queues: list[tuple[_Table, Iterator[Hashable]]]) -> Iterator[tuple[_Table, Hashable]]:
    """The keys of all windows, one of each window after the other."""
    while queues:
        left = []
        for table, keys in queues:
            key = next(keys, MISSING)
            if key is not MISSING:
                yield table, key
                left.append((table, keys))
        queues = left


#: What a kind gives for no event; the others are Empty then.
_OF_NONE = {"count": 0, "distinct": 0, "sum": 0, "rate": 0.0}
#: What it gives for one, whatever its value.
_OF_ONE = {"count": 1, "distinct": 1, "rate": 1}


class _Answers:
    __slots__ = ("feeds", "seen", "store", "time")

    def __init__(
        self, store: MemoryWindows, time: int, feeds: list[Feed], seen: list[tuple[_Table, Any] | None]
    ) -> None:
        self.store, self.time, self.feeds, self.seen = store, time, feeds, seen

    def value(self, number: int) -> Any:
        found = self.seen[number]
        if found is None:
            window, key, _ = self.feeds[number]
            found = self.store.find(window, key)
        table, held = found
        if self.time - table.span < self.store.complete_since:
            raise TooLate
        return table.answer(held, self.time) if held is not None else table.of_none()
