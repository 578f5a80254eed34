"""Days of history decided by columns: every rule of an event type in one query, windows joined in, the rest asked of the
Python engine.

A rule that both bundles have is computed once. What comes back is one small integer for each rule and event; events that
no rule hit or left open are forgotten at once.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from safehold.engine.compile.columns import ASK, ERROR, FALSE, TRUE, UNKNOWN, Columns, Held
from safehold.engine.compile.columns.screens import screens
from safehold.engine.language.tree import Node, paths, walk
from safehold.engine.language.tree import Path as Read
from safehold.engine.policies.events import EventType
from safehold.engine.policies.model import Bundle, Policy, Rule, Window
from safehold.replay.backends import Backend, OnDuckDb
from safehold.replay.feeds import Feeds
from safehold.replay.fields import FieldColumn, Filler, arrays, columns_of
from safehold.replay.files import STANDARD, DayFile, History, recorded_from
from safehold.replay.outcomes import DayOutcome, HitRow, RuleCount, rules_of
from safehold.replay.rows import Asked
from safehold.replay.segments import SEGMENTS

Parts = tuple[str, ...]
#: Events that are asked of the Python engine are read this many at a time.
_ASKED_AT_ONCE = 5_000


@dataclass
class Question:
    """A rule to be computed once: `names` are the sides (0 before, 1 after) and rules it stands for."""

    side: int
    policy: Policy
    rule: Rule
    tree: Node
    names: list[tuple[int, str]] = field(default_factory=list)


class Columnar:
    """Decides days of `history` with two bundles on one backend. `asked` answers for what columns leave open, a side each."""

    def __init__(
        self,
        before: Bundle,
        after: Bundle,
        asked: tuple[Asked, Asked],
        history: History,
        backend: Backend,
        work: Path,
        memory: str = "2GB",
    ) -> None:
        self.memory = memory
        self.bundles, self.asked, self.history, self.backend, self.work = (before, after), asked, history, backend, work
        self.feeds = Feeds(history, self)
        self._lists: dict[tuple[int, str], Any] = {}

    def decide(self, day: str, files: Sequence[DayFile], all_files: Sequence[DayFile]) -> DayOutcome:
        """The outcome of these files, which are one or more whole days. `all_files` are those that windows look back to."""
        outcome, begun = DayOutcome(day=day), time.process_time()
        for kind in sorted({file.type for file in files}):
            self._decide(outcome, kind, [file for file in files if file.type == kind], all_files)
        outcome.hits.sort(key=lambda hit: hit.position)
        outcome.seconds = time.process_time() - begun
        return outcome

    def _decide(self, outcome: DayOutcome, kind: str, files: list[DayFile], all_files: Sequence[DayFile]) -> None:
        questions = self._questions(kind)
        source = Source(self, kind, files)
        self._count(outcome, source)
        if not questions:
            return
        table, windows = self._with_windows(source, questions, files, all_files)
        table, screened = self._screened(source, table, questions)
        wanted: dict[str, Any] = {"position": table.position}
        translators = [source.columns(side, table, windows[side], screened) for side in (0, 1)]
        for number, question in enumerate(questions):
            wanted[f"q{number}"] = translators[question.side].status(question.tree, question.policy.key)
        if source.has_odd:
            wanted["odd"] = table.odd
        positions, statuses = _interesting(self.backend.batches(table.select(**wanted)), len(questions))
        if len(positions):
            self._take(outcome, source, questions, positions, statuses, windows)

    def long_list(self, side: int, name: str, entries: frozenset[str]) -> Any:
        """A list as a table of the backend's; its column of entries."""
        if (side, name) not in self._lists:
            table = pa.table({"entry": pa.array(sorted(entries))})
            self._lists[side, name] = self.backend.put(f"list_{side}_{name}", table)
        return self._lists[side, name].entry

    def _screened(
        self, source: "Source", table: Any, questions: list[Question]
    ) -> tuple[Any, dict[Parts, tuple[str, frozenset[tuple[str, str]]]]]:
        """The table with a column for each text that many rules search; where the backend computes it once."""
        if not isinstance(self.backend, OnDuckDb):
            return table, {}
        held = source.held(0) | source.held(1)
        found = {
            parts: (pattern, covered)
            for parts, (pattern, covered) in screens(question.tree for question in questions).items()
            if parts in held
        }
        if not found:
            return table, {}
        names = {parts: f"screen_{number}" for number, parts in enumerate(found)}
        columns = {names[parts]: table[held[parts].name].re_search(pattern) for parts, (pattern, _) in found.items()}
        view = self.backend.with_columns(table, columns)
        return view, {parts: (names[parts], covered) for parts, (_, covered) in found.items()}

    def _questions(self, kind: str) -> list[Question]:
        """Every rule of both bundles for this event type; one that is the same in both is there once."""
        found: dict[object, Question] = {}
        for side, bundle in enumerate(self.bundles):
            for policy, rule in rules_of(bundle):
                tree = rule.when.get(kind)
                if tree is not None:
                    identity = _identity(bundle, policy, rule, tree)
                    question = found.setdefault(identity, Question(side, policy, rule, tree))
                    question.names.append((side, f"{policy.key}/{rule.id}"))
        return list(found.values())

    def _count(self, outcome: DayOutcome, source: "Source") -> None:
        """How many events there are of each segment."""
        for table in source.pieces([*SEGMENTS]):
            grouped = table.group_by(list(SEGMENTS)).aggregate([([], "count_all")]).to_pylist()
            for row in grouped:
                outcome.count({name: row[name] for name in SEGMENTS}, row["count_all"])

    def _with_windows(
        self, source: "Source", questions: list[Question], files: list[DayFile], all_files: Sequence[DayFile]
    ) -> tuple[Any, list[dict[Parts, str]]]:
        """The table with a column for each window that is read, and which column that is, a side each."""
        named: list[dict[Parts, str]] = [{}, {}]
        wanted: dict[tuple[int, object], dict[str, Window]] = {}
        columns: dict[str, str] = {}
        for question in questions:
            for parts in paths(question.tree):
                found = (each for each in question.policy.windows if parts[0] == "windows" and each.name == parts[1])
                window = next((each for each in found if source.kind in each.on), None)
                if window is not None:
                    column = columns.setdefault(window.id, f"w{len(columns)}")
                    named[question.side]["windows", question.policy.key, parts[1]] = column
                    group = wanted.setdefault((question.side, self.feeds.alike(window)), {})
                    if not any(window.id in other for other in wanted.values()):
                        group[window.id] = window
        table = source.table
        for (side, _), group in wanted.items():
            if not group:
                continue
            values = self.feeds.values(side, list(group.values()), source.kind, files, all_files)
            held = values.select(window_at="position", **{columns[each]: f"value{at}" for at, each in enumerate(group)})
            table = table.left_join(held, table.position == held.window_at).drop("window_at")
        source.window_columns = sorted(columns.values())
        source.joined = table
        return table, named

    def _take(
        self,
        outcome: DayOutcome,
        source: "Source",
        questions: list[Question],
        positions: np.ndarray,
        statuses: np.ndarray,
        windows: list[dict[Parts, str]],
    ) -> None:
        """Turn statuses into hits, asking where columns left it open."""
        asking = (statuses == ASK).any(axis=1)
        if asking.any():
            self._ask(outcome, source, questions, positions, statuses, asking, windows)
        for number, question in enumerate(questions):
            unknown, error = (int((statuses[:, number] == status).sum()) for status in (UNKNOWN, ERROR))
            for side, name in question.names if unknown or error else ():
                count = (outcome.before, outcome.after)[side].setdefault(name, RuleCount())
                count.unknown += unknown
                count.error += error
        hit = (statuses == TRUE).any(axis=1)
        rows = {int(position): row.tobytes() for position, row in zip(positions[hit], statuses[hit], strict=True)}
        names: dict[bytes, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        made: Any = HitRow
        for table in source.rows(list(rows), _HIT_COLUMNS):
            held = [table.column(name).to_pylist() for name in _HIT_COLUMNS]
            for position, *meta in zip(*held, strict=True):
                row = rows[position]
                if row not in names:
                    names[row] = _names(questions, np.frombuffer(row, np.int8))
                outcome.hits.append(made(position, *meta, *names[row]))

    def _ask(
        self,
        outcome: DayOutcome,
        source: "Source",
        questions: list[Question],
        positions: np.ndarray,
        statuses: np.ndarray,
        asking: np.ndarray,
        windows: list[dict[Parts, str]],
    ) -> None:
        """Have the Python engine fill in what is ASK."""
        index = {int(position): at for at, position in enumerate(positions) if asking[at]}
        known = source.window_values(list(index))
        outcome.asked += len(index)
        for table in source.rows(list(index), STANDARD.names):
            for recorded in recorded_from(table):
                row = statuses[index[recorded.position]]
                readings: dict[int, Any] = {}
                for number in np.flatnonzero(row == ASK):
                    question = questions[number]
                    side = question.side
                    if side not in readings:
                        values = known.get(recorded.position, {})
                        assumed = {parts: values.get(column) for parts, column in windows[side].items()}
                        readings[side] = self.asked[side].reading(recorded, assumed)
                    row[number] = self.asked[side].status(readings[side], question.policy.key, question.rule.id)
                    for named, name in question.names:
                        (outcome.before, outcome.after)[named].setdefault(name, RuleCount()).asked += 1


class Source:
    """The files of one event type as a table that has every column the rules read."""

    def __init__(
        self,
        run: Columnar,
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
        self.files = [self._whole(file, [*self._read(kind), *also]) for file in files]
        self.table = self.backend.read([str(path) for path in self.files])
        self.nulls = _nulls(self.files)
        self.has_odd = any(_any_odd(path) for path in self.files)
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
        screened: Mapping[Parts, tuple[str, frozenset[tuple[str, str]]]] | None = None,
    ) -> Columns:
        """The translator for one bundle's rules over this table."""
        held = {**self.held(side), **{parts: Held(name) for parts, name in windows.items()}}
        presence = {
            parts: Held(column.name) for parts, column in self._presence[side].items() if column.name in table.columns
        }
        lists = self.run.bundles[side].lists
        return Columns(
            table, held, presence=presence, lists=lists, backend=self.backend.name,
            long_list=lambda name, entries: self.run.long_list(side, name, entries), screens=screened,
        )  # fmt: skip

    def _whole(self, file: DayFile, trees: list[Node]) -> Path:
        """The file, or a copy with the columns that it lacks, made from its events: the type had other fields then."""
        path = self.run.history.folder / file.name
        there = set(pq.read_schema(path).names)
        wanted = {parts for tree in trees for parts in paths(tree)}
        wanted |= {(parts[0], "created_at") for parts in wanted if parts[1:] == ("age",)}
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


#: In the order of HitRow's fields.
_HIT_COLUMNS = [
    "position", "id", "decision", "service", "account_id", "subject_kind", "subject_id", "type", "age_band", "locale",
    "language", "time_ns",
]  # fmt: skip


def _names(questions: list[Question], row: np.ndarray) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The rules that hit, before and after."""
    hits: tuple[list[str], list[str]] = ([], [])
    for number in np.flatnonzero(row == TRUE):
        for side, name in questions[number].names:
            hits[side].append(name)
    return tuple(sorted(hits[0])), tuple(sorted(hits[1]))


def _interesting(batches: Iterable[pa.RecordBatch], count: int) -> tuple[np.ndarray, np.ndarray]:
    """The positions and statuses of the events where some rule is not plainly false; an odd event is ASK throughout."""
    positions, statuses = [], []
    for batch in batches:
        columns = [batch.column(f"q{number}").to_numpy(zero_copy_only=False) for number in range(count)]
        any_ = np.zeros(batch.num_rows, dtype=bool)
        for column in columns:
            any_ |= column != FALSE
        odd = batch.column("odd").to_numpy(zero_copy_only=False) if "odd" in batch.schema.names else None
        if odd is not None:
            any_ |= odd
        at = np.flatnonzero(any_)
        if not len(at):
            continue
        found = np.stack([column[at] for column in columns], axis=1).astype(np.int8)
        if odd is not None:
            found[odd[at]] = ASK
        positions.append(batch.column("position").to_numpy(zero_copy_only=False)[at])
        statuses.append(found)
    if not positions:
        return np.empty(0, np.int64), np.empty((0, count), np.int8)
    return np.concatenate(positions), np.concatenate(statuses)


def _identity(bundle: Bundle, policy: Policy, rule: Rule, tree: Node) -> object:
    """What makes two rules give the same answers on every event."""
    windows = {window.name: window.hash for window in policy.windows}
    read = paths(tree)
    asked = sorted({parts[1] for parts in read if parts[0] == "lists"})
    return (
        policy.key,
        rule.id,
        rule.hash,
        tuple((parts[1], windows.get(parts[1])) for parts in read if parts[0] == "windows"),
        tuple((name, bundle.lists[name].digest(), bundle.lists[name].version) for name in asked),
        tuple(sorted((parts, str(part.type)) for part in _reads(tree) for parts in (part.parts,))),
    )


def _reads(tree: Node) -> list[Read]:
    return [part for part in walk(tree) if isinstance(part, Read)]


def _nulls(files: list[Path]) -> dict[str, int]:
    """Rows without a value, by column; a column without statistics is not there."""
    found: dict[str, int] = {}
    unknown: set[str] = set()
    for path in files:
        metadata = pq.ParquetFile(path).metadata
        for group in range(metadata.num_row_groups):
            row_group = metadata.row_group(group)
            for number in range(row_group.num_columns):
                column = row_group.column(number)
                name = column.path_in_schema
                if column.statistics is None or not column.statistics.has_null_count:
                    unknown.add(name)
                else:
                    found[name] = found.get(name, 0) + column.statistics.null_count
    return {name: count for name, count in found.items() if name not in unknown}


def _any_odd(path: Path) -> bool:
    metadata = pq.ParquetFile(path).metadata
    number = metadata.schema.names.index("odd")
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(number).statistics
        if statistics is None or not statistics.has_min_max or statistics.max:
            return True
    return False
