"""What the events of the past put into a window, and from that its value at each event: by columns where they can say it,
by the Python engine otherwise.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis

from safehold.engine.compile.columns import Columns
from safehold.engine.compile.columns.cell import Cell, is_false, is_true
from safehold.engine.compile.faults import Fault
from safehold.engine.compile.missing import MISSING
from safehold.engine.language.tree import Node
from safehold.engine.language.values import timestamp_from_datetime
from safehold.engine.policies.model import Window
from safehold.engine.windows.store import LATENESS, SECOND
from safehold.replay.backends import OnDuckDb
from safehold.replay.files import DayFile, History
from safehold.replay.source import Source, footer, in_order
from safehold.replay.spools import Remembered, Spool, spool_of
from safehold.replay.windows import plain_query, rising_query, sql_kinds, window_query

if TYPE_CHECKING:
    from safehold.replay.columnar import Columnar


#: A side (0 before, 1 after) and windows of it that are alike.
Group = tuple[int, Sequence[Window]]


class Feeds:
    """`by_python` names the windows whose events had to be read one by one."""

    def __init__(self, history: History, run: "Columnar") -> None:
        self.history, self.run, self._number = history, run, 0
        #: Windows are DuckDB's work whatever the backend: others take no column as the bound of a frame.
        self.backend = run.backend if isinstance(run.backend, OnDuckDb) else OnDuckDb(run.memory, run.work)
        self.by_python: set[str] = set()

    def values(
        self, groups: Sequence[Group], kind: str, files: Sequence[DayFile], all_files: Sequence[DayFile]
    ) -> list[Any]:
        """For each group a relation of the backend's with `position` and `value0`, ... for every event of `files`, which
        are of the type `kind`; NULL where a value is not known. The windows of a group are of one `alike`."""
        asks = _Asks(kind, min(file.first for file in files), max(file.last for file in files))
        found: list[Any] = []
        for side, windows in groups:
            query = None
            if all(sql_kinds(window) and not window.spread for window in windows):
                query = self._by_columns(side, windows, self._reach(windows[0], files, all_files), asks)
            found.append(None if query is None else self._answered(windows, self.backend.keep(query).get_name()))
        for side in (0, 1):
            left = [at for at, group in enumerate(groups) if group[0] == side and found[at] is None]
            if left:
                windows_left = [groups[at][1] for at in left]
                read = self._by_python(side, windows_left, files, all_files, asks)
                for at, values in zip(left, read, strict=True):
                    found[at] = values
        return found

    def alike(self, window: Window) -> object:
        """What windows have to share so that one query answers them."""
        if not sql_kinds(window):
            return window.id
        trees = [(kind, tuple(map(_shape, window.by[kind]))) for kind in sorted(window.by)]
        return (
            window.on,
            window.seconds,
            tuple(trees),
            tuple((kind, _shape(window.where[kind])) for kind in sorted(window.where)),
        )

    def _answered(self, windows: Sequence[Window], feeds: str) -> Any:
        """The values from the feeds, in a table of the backend's."""
        connection = self.backend.connection.con
        (rising,) = connection.execute(rising_query(feeds)).fetchone()
        held = self.backend.keep((plain_query if rising else window_query)(windows, feeds))
        connection.execute(f"DROP TABLE IF EXISTS {feeds}")
        return self._of_the_backend(held)

    def _of_the_backend(self, held: Any) -> Any:
        """A table of DuckDB's as one of the backend that asks for it."""
        if self.backend is self.run.backend:
            return held
        self._number += 1
        table = self.backend.connection.con.sql(self.backend.sql(held)).to_arrow_table()
        return self.run.backend.put(f"windows_{self._number}", table)

    def _by_python(
        self,
        side: int,
        groups: Sequence[Sequence[Window]],
        files: Sequence[DayFile],
        all_files: Sequence[DayFile],
        asks: "_Asks",
    ) -> list[Any]:
        """The same for windows of one side that columns cannot say: the engine reads each event once for all of them."""
        spools: dict[str, Spool | Remembered] = {}
        reach: dict[str, DayFile] = {}
        for window in (window for group in groups for window in group):
            near = self._reach(window, files, all_files)
            reach |= {file.name: file for file in near}
            spools[window.id] = spool_of(self.backend, window, min((file.first for file in near), default=0))
        self.by_python |= set(spools)
        for recorded, feeds in self.run.asked[side].feeds(in_order(self.history, reach.values())):
            micros = int(timestamp_from_datetime(recorded.event.time)) // 1000
            asking = asks.asks(recorded.event.type, recorded.position)
            for stream, key, row in feeds:
                for window, place in zip(stream.windows, stream.places, strict=True):
                    spool = spools.get(window.id)
                    if spool is None or recorded.position < spool.first:
                        continue
                    value = row if row is MISSING else row[place] if place >= 0 else True
                    fault = isinstance(value, Fault)
                    spool.add(recorded.position, micros, asking, value if fault else key, MISSING if fault else value)
        return [self._joined([spools[window.id].answer() for window in group]) for group in groups]

    def _joined(self, tables: Sequence[str]) -> Any:
        """Tables of one window each as one."""
        values = ", ".join(f"{name}.value0 AS value{at}" for at, name in enumerate(tables))
        others = " ".join(f"JOIN {name} USING (position)" for name in tables[1:])
        held = self.backend.keep(f"SELECT position, {values} FROM {tables[0]} {others}")  # noqa: S608 - our own names
        for name in tables:
            self.backend.drop(name)
        return self._of_the_backend(held)

    def _reach(self, window: Window, files: Sequence[DayFile], all_files: Sequence[DayFile]) -> list[DayFile]:
        """The files that can have an event which some event of `files` counts."""
        last = max(file.last for file in files)
        earliest = min(self._times(file)[0] for file in files)
        cutoff = earliest - (window.seconds * SECOND + LATENESS) * 1000
        return [
            file
            for file in all_files
            if file.type in window.on and file.first <= last and self._times(file)[1] > cutoff
        ]

    def _times(self, file: DayFile) -> tuple[int, int]:
        """The least and the greatest time of a file's events, in nanoseconds."""
        return footer(self.history.folder / file.name).times

    def _by_columns(self, side: int, windows: Sequence[Window], files: list[DayFile], asking: "_Asks") -> str | None:
        """The feeds as a query over the files; None where columns cannot say them."""
        parts, on = [], windows[0]
        for event_type in sorted({file.type for file in files}):
            of_type = [file for file in files if file.type == event_type]
            trees = [*on.by.get(event_type, ()), *(tree for window in windows for each in (window.value, window.where)
                     if (tree := each.get(event_type)) is not None)]  # fmt: skip
            source = Source(self.run, event_type, of_type, trees, self.backend)
            if source.has_odd or event_type not in on.by:
                return None
            found = _feed(source.columns(side, source.table, {}), windows, event_type)
            if found is None:
                return None
            table = source.table
            inside = (table.position >= asking.first) & (table.position <= asking.last)
            asks = inside if event_type == asking.kind else ibis.literal(False)
            measured = [name for name in found if name.startswith("v")]
            query = table.select(position=table.position, time=table.time_ns // 1000, asks=asks, **found)
            parts.append(self.backend.sql(query.select("position", "time", "asks", "key", "counts", *measured)))
        return " UNION ALL ".join(f"({part})" for part in parts) or None


@dataclass(frozen=True)
class _Asks:
    """Which events are to be answered: those of a type, from one position to another."""

    kind: str
    first: int
    last: int

    def asks(self, kind: str, position: int) -> bool:
        return kind == self.kind and self.first <= position <= self.last


def _feed(columns: Columns, windows: Sequence[Window], kind: str) -> dict[str, Any] | None:
    """`key`, `counts` and `v0`, ... as columns; None where one of them would have to be asked."""
    window = windows[0]
    keys = [columns.cell(tree, {}) for tree in window.by[kind]]
    where = columns.cell(window.where[kind], {}) if kind in window.where else Cell(ibis.literal(True))
    values = [columns.cell(each.value[kind], {}) if kind in each.value else None for each in windows]
    cells = [*keys, where, *(value for value in values if value is not None)]
    if any(cell.value is None or cell.ask is not None or cell.empty for cell in cells):
        return None
    if any(tree.type.name not in ("string", "int", "bool", "timestamp", "duration") for tree in window.by[kind]):
        return None
    if len(windows) > 1 and any(value is not None and value.nullable for value in values):
        return None
    texts = [_key_part(cell, tree.type.name, len(keys)) for cell, tree in zip(keys, window.by[kind], strict=True)]
    key = texts[0]
    for text in texts[1:]:
        key = key + text
    counts = is_true(where)
    # A condition or a value that is not known leaves the event without a key, as in the engine.
    known = (counts | is_false(where)) if where.nullable else None
    for value in values:
        if value is not None and value.nullable:
            there = ~counts | value.value.notnull()
            known = there if known is None else known & there
    if known is not None:
        key = ibis.cases((known, key), else_=ibis.null("string"))
    found = {"key": key, "counts": counts}
    for at, value in enumerate(values):
        measured = value.value if value is not None else ibis.literal(True)
        found[f"v{at}"] = measured if kind not in window.where else ibis.cases(
            (counts, measured), else_=ibis.null(measured.type())
        )  # fmt: skip
    return found


def _shape(node: Node) -> object:
    """A tree without the places it came from."""
    return re.sub(r"line=\d+, column=\d+", "", repr(node))


def _key_part(cell: Cell, kind: str, parts: int) -> Any:
    """A part of the key as text that no other part can be mistaken for."""
    if kind == "string" and parts == 1:
        return ibis.literal("string:") + cell.value
    if kind == "string":
        return cell.value.length().cast("string") + ibis.literal(":") + cell.value
    return ibis.literal(f"{kind}:") + cell.value.cast("string") + ibis.literal(";")
