"""What the events of the past put into a window, and from that its value at each event: by columns where they can say it,
by the Python engine otherwise.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from safehold.engine.compile.columns import Columns
from safehold.engine.compile.columns.cell import Cell, is_false, is_true
from safehold.engine.compile.faults import Fault
from safehold.engine.compile.missing import MISSING
from safehold.engine.language.tree import Node
from safehold.engine.language.values import timestamp_from_datetime
from safehold.engine.policies.model import Window
from safehold.engine.windows.store import LATENESS, SECOND, NoValue
from safehold.engine.windows.streams import streams_of
from safehold.replay.backends import OnDuckDb
from safehold.replay.fields import FieldColumn
from safehold.replay.files import DayFile, History, recorded_from
from safehold.replay.source import Source
from safehold.replay.windows import feeds_table, plain_query, rising_query, sql_kinds, window_query

if TYPE_CHECKING:
    from safehold.replay.columnar import Columnar


class Feeds:
    """`by_python` names the windows whose events had to be read one by one."""

    def __init__(self, history: History, run: "Columnar") -> None:
        self.history, self.run, self._number = history, run, 0
        #: Windows are DuckDB's work whatever the backend: others take no column as the bound of a frame.
        self.backend = run.backend if isinstance(run.backend, OnDuckDb) else OnDuckDb(run.memory, run.work)
        self.by_python: set[str] = set()

    def values(
        self, side: int, windows: Sequence[Window], kind: str, files: Sequence[DayFile], all_files: Sequence[DayFile]
    ) -> Any:
        """A relation of the backend's with `position` and `value0`, ... for every event of `files`, which are of the type
        `kind`; NULL where a value is not known. The windows are of one `alike`."""
        reach = self._reach(windows[0], files, all_files)
        first, last = min(file.first for file in files), max(file.last for file in files)
        if not all(map(sql_kinds, windows)):
            self.by_python.add(windows[0].id)
            return self._handed_over(self._remembered(side, windows[0], kind, reach, first, last))
        query = self._by_columns(side, windows, kind, reach, first, last)
        if query is None:
            self.by_python |= {window.id for window in windows}
            return self._from_python(side, windows, kind, reach, first, last)
        feeds = self.backend.keep(query).get_name()
        return self._answered(windows, feeds)

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
        if self.backend is self.run.backend:
            return held
        return self._handed_over(connection.sql(self.backend.sql(held)).to_arrow_table())

    def _handed_over(self, table: pa.Table) -> Any:
        self._number += 1
        return self.run.backend.put(f"windows_{self._number}", table)

    def _from_python(
        self, side: int, windows: Sequence[Window], kind: str, files: list[DayFile], first: int, last: int
    ) -> Any:
        """One after the other: the engine feeds each by itself."""
        found: pa.Table | None = None
        connection = self.backend.connection.con
        for at, window in enumerate(windows):
            connection.register("python_feeds", self._by_python(side, window, kind, files, first, last))
            table = connection.sql(window_query([window], "python_feeds")).to_arrow_table()
            table = table.rename_columns(["position", f"value{at}"])
            found = table if found is None else found.join(table, "position")
        connection.unregister("python_feeds")
        return self._handed_over(found)

    def _reach(self, window: Window, files: Sequence[DayFile], all_files: Sequence[DayFile]) -> list[DayFile]:
        """The files that can have an event which some event of `files` counts."""
        last = max(file.last for file in files)
        earliest = min(_times(self.history, file)[0] for file in files)
        cutoff = earliest - (window.seconds * SECOND + LATENESS) * 1000
        return [
            file
            for file in all_files
            if file.type in window.on and file.first <= last and _times(self.history, file)[1] > cutoff
        ]

    def _by_columns(
        self, side: int, windows: Sequence[Window], kind: str, files: list[DayFile], first: int, last: int
    ) -> str | None:
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
            asks = (table.position >= first) & (table.position <= last) if event_type == kind else ibis.literal(False)
            measured = [name for name in found if name.startswith("v")]
            query = table.select(position=table.position, time=table.time_ns // 1000, asks=asks, **found)
            parts.append(self.backend.sql(query.select("position", "time", "asks", "key", "counts", *measured)))
        return " UNION ALL ".join(f"({part})" for part in parts) or None

    def _by_python(self, side: int, window: Window, kind: str, files: list[DayFile], first: int, last: int) -> pa.Table:
        rows = []
        for position, micros, event_type, key, value in self._fed(side, window, files):
            rows.append(
                (
                    position,
                    micros,
                    None if isinstance(key, Fault) else repr(key),
                    None if value is MISSING or window.kind in ("count", "rate") else value,
                    value is not MISSING,
                    event_type == kind and first <= position <= last,
                )
            )
        tree: Node | None = next(iter(window.value.values()), None)
        held = FieldColumn(("v",), tree.type).arrow if tree is not None else pa.bool_()
        return feeds_table(rows, held)

    def _remembered(
        self, side: int, window: Window, kind: str, files: list[DayFile], first: int, last: int
    ) -> pa.Table:
        """The values by the memory store itself."""
        from safehold.engine.windows.memory import MemoryWindows

        store, positions, values = MemoryWindows(), [], []
        (stream,) = streams_of([window])
        for position, micros, event_type, key, value in self._fed(side, window, files):
            row = value if value is MISSING else (value,) * len(stream.columns)
            answers = next(store.apply([(micros, [(stream, key, row)])])) if not isinstance(key, Fault) else None
            if event_type == kind and first <= position <= last:
                found = None
                if answers is not None:
                    (value,) = answers.values(0)
                    found = None if isinstance(value, NoValue) else value
                positions.append(position)
                values.append(found)
        return pa.table({"position": pa.array(positions, pa.int64()), "value0": pa.array(values)})

    def _fed(self, side: int, window: Window, files: list[DayFile]) -> Any:
        """(position, time in microseconds, event type, key, value) in the order of the record, by the engine."""
        asked = self.run.asked[side]
        tables = [pq.read_table(self.history.folder / file.name, partitioning=None) for file in files]
        events = sorted((each for table in tables for each in recorded_from(table)), key=lambda each: each.position)
        for recorded, feeds in asked.feeds(events):
            for stream, key, row in feeds:
                for each, place in zip(stream.windows, stream.places, strict=True):
                    if each.id == window.id:
                        value = row if row is MISSING else row[place] if place >= 0 else True
                        if isinstance(value, Fault):
                            key, value = value, MISSING
                        micros = int(timestamp_from_datetime(recorded.event.time)) // 1000
                        yield recorded.position, micros, recorded.event.type, key, value


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


def _times(history: History, file: DayFile) -> tuple[int, int]:
    """The least and the greatest time of a file's events, in nanoseconds, from its footer."""
    metadata = pq.ParquetFile(history.folder / file.name).metadata
    number = metadata.schema.names.index("time_ns")
    statistics = [metadata.row_group(group).column(number).statistics for group in range(metadata.num_row_groups)]
    return min(each.min for each in statistics), max(each.max for each in statistics)
