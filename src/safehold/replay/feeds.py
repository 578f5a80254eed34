"""What the events of the past put into a window, and from that its value at each event: by columns where they can say it,
by the Python engine otherwise.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import duckdb
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
from safehold.engine.windows.store import LATENESS, SECOND
from safehold.replay.fields import FieldColumn
from safehold.replay.files import DayFile, History, recorded_from
from safehold.replay.windows import feeds_table, sql_kinds, window_query

if TYPE_CHECKING:
    from safehold.replay.columnar import Columnar


class Feeds:
    """`by_python` names the windows whose events had to be read one by one."""

    def __init__(self, history: History, run: "Columnar") -> None:
        self.history, self.run = history, run
        self.by_python: set[str] = set()

    def values(
        self, side: int, window: Window, kind: str, files: Sequence[DayFile], all_files: Sequence[DayFile]
    ) -> pa.Table:
        """(position, value) for every event of `files`, which are of the type `kind`; NULL where it is not known."""
        reach = self._reach(window, files, all_files)
        first, last = min(file.first for file in files), max(file.last for file in files)
        connection = duckdb.connect(
            config={"memory_limit": self.run.memory, "temp_directory": str(self.run.work / "spill")}
        )
        try:
            if not sql_kinds(window):
                self.by_python.add(window.id)
                return self._remembered(side, window, kind, reach, first, last)
            relation = self._by_columns(side, window, kind, reach, first, last)
            if relation is None:
                self.by_python.add(window.id)
                relation = self._by_python(side, window, kind, reach, first, last)
            connection.register("feeds", relation)
            return connection.execute(window_query(window, "feeds")).to_arrow_table()
        finally:
            connection.close()

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
        self, side: int, window: Window, kind: str, files: list[DayFile], first: int, last: int
    ) -> pa.Table | None:
        """The feeds as a query over the files; None where columns cannot say them."""
        from safehold.replay.columnar import Source

        parts = []
        for event_type in sorted({file.type for file in files}):
            of_type = [file for file in files if file.type == event_type]
            trees = [*window.by.get(event_type, ()), *(tree for each in (window.value, window.where)
                     if (tree := each.get(event_type)) is not None)]  # fmt: skip
            source = Source(self.run, event_type, of_type, trees)
            if source.has_odd or event_type not in window.by:
                return None
            columns = source.columns(side, source.table, {})
            found = _feed(columns, window, event_type)
            if found is None:
                return None
            table = source.table
            asks = (table.position >= first) & (table.position <= last) if event_type == kind else ibis.literal(False)
            query = table.select(position=table.position, time=table.time_ns // 1000, asks=asks, **found)
            batches = list(self.run.backend.batches(query))
            parts += [pa.Table.from_batches(batches)] if batches else []
        return pa.concat_tables(parts).select(["position", "time", "key", "v", "counts", "asks"]) if parts else None

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
        from safehold.engine.windows.store import Empty, TooLate

        store, positions, values = MemoryWindows(), [], []
        for position, micros, event_type, key, value in self._fed(side, window, files):
            answers = next(store.apply([(micros, [(window, key, value)])])) if not isinstance(key, Fault) else None
            if event_type == kind and first <= position <= last:
                found = None
                if answers is not None:
                    try:
                        found = answers.value(0)
                    except (Empty, TooLate):
                        found = None
                positions.append(position)
                values.append(found)
        return pa.table({"position": pa.array(positions, pa.int64()), "value": pa.array(values)})

    def _fed(self, side: int, window: Window, files: list[DayFile]) -> Any:
        """(position, time in microseconds, event type, key, value) in the order of the record, by the engine."""
        asked = self.run.asked[side]
        tables = [pq.read_table(self.history.folder / file.name, partitioning=None) for file in files]
        events = sorted((each for table in tables for each in recorded_from(table)), key=lambda each: each.position)
        for recorded, feeds in asked.feeds(events):
            for fed, key, value in feeds:
                if fed.id == window.id:
                    micros = int(timestamp_from_datetime(recorded.event.time)) // 1000
                    yield recorded.position, micros, recorded.event.type, key, value


def _feed(columns: Columns, window: Window, kind: str) -> dict[str, Any] | None:
    """`key`, `v` and `counts` as columns; None where one of them would have to be asked."""
    keys = [columns.cell(tree, {}) for tree in window.by[kind]]
    where = columns.cell(window.where[kind], {}) if kind in window.where else Cell(ibis.literal(True))
    value = columns.cell(window.value[kind], {}) if kind in window.value else None
    cells = [*keys, where, *([value] if value is not None else [])]
    if any(cell.value is None or cell.ask is not None or cell.empty for cell in cells):
        return None
    if any(tree.type.name not in ("string", "int", "bool", "timestamp", "duration") for tree in window.by[kind]):
        return None
    texts = [_key_part(cell, tree.type.name) for cell, tree in zip(keys, window.by[kind], strict=True)]
    key = texts[0]
    for text in texts[1:]:
        key = key + text
    counts = is_true(where)
    # A condition or a value that is not known leaves the event without a key, as in the engine.
    known = (counts | is_false(where)) if where.nullable else ibis.literal(True)
    if value is not None and value.nullable:
        known = known & (~counts | value.value.notnull())
    key = ibis.cases((known, key), else_=ibis.null("string"))
    measured = value.value if value is not None else ibis.literal(True)
    return {"key": key, "v": ibis.cases((counts, measured), else_=ibis.null(measured.type())), "counts": counts}


def _key_part(cell: Cell, kind: str) -> Any:
    """A part of the key as text that no other part can be mistaken for."""
    if kind == "string":
        return cell.value.length().cast("string") + ibis.literal(":") + cell.value
    return ibis.literal(f"{kind}:") + cell.value.cast("string") + ibis.literal(";")


def _times(history: History, file: DayFile) -> tuple[int, int]:
    """The least and the greatest time of a file's events, in nanoseconds, from its footer."""
    metadata = pq.ParquetFile(history.folder / file.name).metadata
    number = metadata.schema.names.index("time_ns")
    statistics = [metadata.row_group(group).column(number).statistics for group in range(metadata.num_row_groups)]
    return min(each.min for each in statistics), max(each.max for each in statistics)
