"""What the Python engine feeds into windows that columns cannot say, and their values from that: all windows in one pass over
the events, since reading an event is dear. Rows go into tables of DuckDB's as they come, which spill to disk.
"""

from typing import Any

import pyarrow as pa

from safehold.engine.compile.faults import Fault
from safehold.engine.compile.missing import MISSING
from safehold.engine.language.tree import Node
from safehold.engine.policies.model import Window
from safehold.engine.windows.memory import MemoryWindows
from safehold.engine.windows.store import Feed, NoValue
from safehold.engine.windows.streams import streams_of
from safehold.replay.backends import OnDuckDb
from safehold.replay.fields import FieldColumn
from safehold.replay.windows import feeds_table, sql_kinds, window_query

#: Rows of a window that are kept in Python.
_AT_ONCE = 20_000


class Spool:
    """One window, by SQL. `first` is the first position that matters to it."""

    def __init__(self, backend: OnDuckDb, window: Window, first: int) -> None:
        self.window, self.first, self._backend = window, first, backend
        self._name = backend.name_of("fed")
        self._rows: list[tuple[int, int, str | None, Any, bool, bool]] = []
        tree: Node | None = next(iter(window.value.values()), None)
        self._held = FieldColumn(("v",), tree.type).arrow if tree is not None else pa.bool_()
        self._counts = window.kind in ("count", "rate")

    def add(self, position: int, micros: int, asks: bool, key: Any, value: Any) -> None:
        """Take in an event: its key or the fault that left it without, its value or MISSING, and whether it asks."""
        text = None if isinstance(key, Fault) else repr(key)
        there = value is not MISSING
        self._rows.append((position, micros, text, None if self._counts or not there else value, there, asks))
        if len(self._rows) >= _AT_ONCE:
            self._flush()

    def answer(self) -> str:
        """The name of a table with `position` and `value0` for the events that ask."""
        self._flush()
        held = self._backend.keep(window_query([self.window], self._name))
        self._backend.drop(self._name)
        return str(held.get_name())

    def _flush(self) -> None:
        self._backend.append(self._name, feeds_table(self._rows, self._held))
        self._rows = []


class Remembered:
    """One window, by the memory store itself: sums of doubles, which SQL does not round as the engine does, and windows whose
    key is a list."""

    def __init__(self, backend: OnDuckDb, window: Window, first: int) -> None:
        self.window, self.first, self._backend = window, first, backend
        self._store, (self._stream,) = MemoryWindows(), streams_of([window])
        self._positions: list[int] = []
        self._values: list[Any] = []
        self._last: tuple[int, int, bool] = (-1, 0, False)  # the event whose feeds are being taken in
        self._feeds: list[Feed] = []

    def add(self, position: int, micros: int, asks: bool, key: Any, value: Any) -> None:
        if position != self._last[0]:
            self._put_in()
            self._last = (position, micros, asks)
        if not isinstance(key, Fault):
            self._feeds.append((self._stream, key, value if value is MISSING else (value,) * len(self._stream.columns)))

    def _put_in(self) -> None:
        """The last event, with all of its keys; it has none where the window cannot count it."""
        (position, micros, asks), feeds, self._feeds = self._last, self._feeds, []
        found = None
        if feeds:
            answers = next(self._store.apply([(micros, feeds)]))
            (found,) = answers.together(range(len(feeds))) if self._stream.spread else answers.values(0)
        if asks:
            self._positions.append(position)
            self._values.append(None if isinstance(found, NoValue) else found)

    def answer(self) -> str:
        self._put_in()
        name = self._backend.name_of("fed")
        self._backend.append(
            name, pa.table({"position": pa.array(self._positions, pa.int64()), "value0": pa.array(self._values)})
        )
        return name


def spool_of(backend: OnDuckDb, window: Window, first: int) -> Spool | Remembered:
    return (Spool if sql_kinds(window) and not window.spread else Remembered)(backend, window, first)
