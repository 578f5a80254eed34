"""The history files of one event type as a table that has every column the rules read, and their rows where they are asked
for one by one. `columnar` decides over it; `feeds` reads windows' events from it.
"""

import functools
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from safehold.engine.compile.columns import Columns, Found, Held
from safehold.engine.language.tree import Node, paths
from safehold.engine.language.values import INT_MAX, INT_MIN
from safehold.engine.policies.events import EventType
from safehold.replay.backends import Backend
from safehold.replay.fields import FieldColumn, Filler, arrays, columns_of
from safehold.replay.files import STANDARD, DayFile, History, recorded_from
from safehold.replay.outcomes import rules_of
from safehold.replay.recorded import Recorded

if TYPE_CHECKING:
    from safehold.replay.columnar import Columnar

Parts = tuple[str, ...]
#: Events that are asked of the Python engine are read this many at a time.
_ASKED_AT_ONCE = 5_000


class Source:
    """The files of one event type as a table that has every column the rules read."""

    def __init__(
        self,
        run: "Columnar",
        kind: str,
        files: Sequence[DayFile],
        also: Iterable[Node] = (),
        backend: Backend | None = None,
    ) -> None:
        self.run, self.kind, self.backend = run, kind, backend or run.backend
        self.types: list[EventType | None] = [bundle.event_types.types.get(kind) for bundle in run.bundles]
        self._columns = [
            {column.parts: column for column in columns_of(each) if column.type is not None} if each else {}
            for each in self.types
        ]
        self._presence = [
            {column.parts: column for column in columns_of(each) if column.type is None} if each else {}
            for each in self.types
        ]
        wanted = _paths([*self._read(kind), *also])
        self.files = [self._whole(file, wanted) for file in files]
        self.table = self.backend.read([str(path) for path in self.files])
        self.nulls = _nulls(self.files)
        self.has_odd = any(footer(path).odd for path in self.files)
        self.window_columns: list[str] = []
        self.joined = self.table

    def _read(self, kind: str) -> list[Node]:
        return [rule.when[kind] for bundle in self.run.bundles for _, rule in rules_of(bundle) if kind in rule.when]

    def held(self, side: int) -> dict[Parts, Held]:
        """Which column has which path of one bundle."""
        held: dict[Parts, Held] = {
            ("now",): Held("time_ns", nullable=False),
            ("event", "time"): Held("time_ns", nullable=False),
            **{("labels", who): Held(f"labels.{who}", nullable=False) for who in ("actor", "target", "content")},
        }
        for parts, column in self._columns[side].items():
            if column.name in self.table.columns:
                held[parts] = Held(column.name, nullable=column.name not in self.nulls or self.nulls[column.name] > 0,
                                   finite=True)  # fmt: skip
        return held

    def columns(
        self,
        side: int,
        table: Any,
        windows: Mapping[Parts, str],
        found: Found | None = None,
    ) -> Columns:
        """The translator for one bundle's rules over this table."""
        held = {**self.held(side), **{parts: Held(name) for parts, name in windows.items()}}
        presence = {
            parts: Held(column.name) for parts, column in self._presence[side].items() if column.name in table.columns
        }
        lists = self.run.bundles[side].lists
        return Columns(
            table, held, presence=presence, lists=lists, backend=self.backend.name,
            long_list=lambda name, entries: self.run.long_list(side, name, entries), found=found,
        )  # fmt: skip

    def _whole(self, file: DayFile, wanted: set[Parts]) -> Path:
        """The file, or a copy with the columns that it lacks, made from its events: the type had other fields then."""
        path = self.run.history.folder / file.name
        there = footer(path).names
        lacking: list[FieldColumn] = []
        for known in (*self._columns, *self._presence):
            lacking += [column for parts, column in known.items() if parts in wanted and column.name not in there]
        lacking = list({column.name: column for column in lacking}.values())
        kind = next((each for each in reversed(self.types) if each is not None), None)
        if not lacking or kind is None:
            return path
        table = pq.read_table(path, partitioning=None)
        filler = Filler(lacking, kind.text)
        values, odd = filler.fill(recorded.event for recorded in recorded_from(table))
        for name, array in arrays(lacking, values).items():
            table = table.append_column(name, array)
        either = pa.array([one or other for one, other in zip(table.column("odd").to_pylist(), odd, strict=True)])
        table = table.set_column(table.column_names.index("odd"), "odd", either)
        copy = self.run.work / "widened" / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, copy, compression="zstd")
        return copy

    def pieces(self, columns: list[str]) -> Iterable[pa.Table]:
        """The table in parts that fit into memory."""
        for path in self.files:
            file = pq.ParquetFile(path)
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=columns)

    def rows(self, positions: list[int], columns: list[str]) -> Iterable[pa.Table]:
        """The rows at these positions, a few at a time."""
        wanted = np.sort(np.array(positions, dtype=np.int64))
        for path in self.files:
            file = pq.ParquetFile(path)
            for group in range(file.num_row_groups):
                here = file.read_row_group(group, columns=["position"]).column("position").to_numpy()
                mask = np.isin(here, wanted, assume_unique=True)
                if mask.any():
                    found = file.read_row_group(group, columns=columns).filter(pa.array(mask))
                    for start in range(0, found.num_rows, _ASKED_AT_ONCE):
                        yield found.slice(start, _ASKED_AT_ONCE)

    def window_values(self, positions: list[int]) -> dict[int, dict[str, Any]]:
        """The windows at these positions, by the names of their columns."""
        if not self.window_columns:
            return {}
        joined = self.joined
        wanted = pa.table({"asked_at": pa.array(positions, pa.int64())})
        held = self.run.backend.put(f"asked_{abs(hash(tuple(positions))) % 10**12}", wanted)
        found = joined.inner_join(held, joined.position == held.asked_at)
        values: dict[int, dict[str, Any]] = {}
        for batch in self.run.backend.batches(found.select("position", *self.window_columns)):
            for row in batch.to_pylist():
                values[row.pop("position")] = row
        return values


def _paths(trees: Iterable[Node]) -> set[Parts]:
    """What conditions read, and what `age` is made of."""
    found = {parts for tree in trees for parts in paths(tree)}
    return found | {(parts[0], "created_at") for parts in found if parts[1:] == ("age",)}


@dataclass(frozen=True)
class Footer:
    """What a file says of itself: its columns, the rows without a value by column (a column without statistics is not
    there), whether an event in it is odd, the least and the greatest time of its events in nanoseconds."""

    names: frozenset[str]
    nulls: Mapping[str, int]
    odd: bool
    times: tuple[int, int]


def footer(path: Path) -> Footer:
    return _footer(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _footer(path: Path, _changed: int) -> Footer:
    metadata = pq.read_metadata(path)
    nulls: dict[str, int] = {}
    unknown: set[str] = set()
    odd, earliest, latest = False, INT_MAX, INT_MIN
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for number in range(row_group.num_columns):
            column = row_group.column(number)
            name, said = column.path_in_schema, column.statistics
            if said is None or not said.has_null_count:
                unknown.add(name)
            else:
                nulls[name] = nulls.get(name, 0) + said.null_count
            if name == "odd":
                odd = odd or said is None or not said.has_min_max or bool(said.max)
            elif name == "time_ns":
                earliest, latest = min(earliest, said.min), max(latest, said.max)
    names = frozenset(pq.read_schema(path).names)
    return Footer(names, {name: count for name, count in nulls.items() if name not in unknown}, odd, (earliest, latest))


def _nulls(files: Iterable[Path]) -> dict[str, int]:
    """Rows without a value in all files, by column; one that some file does not count is not there."""
    footers = [footer(path) for path in files]
    known = set.intersection(*({*each.nulls} for each in footers)) if footers else set()
    return {name: sum(each.nulls[name] for each in footers) for name in known}


def in_order(history: History, files: Iterable[DayFile]) -> Iterator[Recorded]:
    """The events of files in the order of the record, a row group of each of a day's files in memory."""
    by_day: dict[str, list[DayFile]] = {}
    for file in files:
        by_day.setdefault(file.day, []).append(file)
    for day in sorted(by_day):
        streams = [_events(history.folder / file.name) for file in by_day[day]]
        yield from heapq.merge(*streams, key=lambda each: each.position)


def _events(path: Path) -> Iterator[Recorded]:
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        yield from recorded_from(file.read_row_group(group, columns=STANDARD.names))
