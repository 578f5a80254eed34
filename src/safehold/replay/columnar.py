"""Days of history decided by columns: every rule of an event type in one query, windows joined in, the rest asked of the
Python engine.

A rule that both bundles have is computed once. What comes back is one small integer for each rule and event; events that
no rule can hit or leave open do not leave the database (`layers`).
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from safehold.engine.compile.columns import ASK
from safehold.engine.language.tree import paths
from safehold.engine.policies.model import Bundle, Window
from safehold.replay.backends import Backend
from safehold.replay.feeds import Feeds
from safehold.replay.files import STANDARD, DayFile, History, recorded_from
from safehold.replay.layers import Layers
from safehold.replay.outcomes import DayOutcome, RuleCount
from safehold.replay.questions import Question, list_marks, questions_of
from safehold.replay.rows import Asked
from safehold.replay.segments import SEGMENTS
from safehold.replay.source import Source
from safehold.replay.statuses import HIT_COLUMNS, Statuses

Parts = tuple[str, ...]


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
        self._marks = [list_marks(bundle) for bundle in self.bundles]

    def decide(self, day: str, files: Sequence[DayFile], all_files: Sequence[DayFile]) -> DayOutcome:
        """The outcome of these files, which are one or more whole days. `all_files` are those that windows look back to."""
        outcome, begun = DayOutcome(day=day), time.process_time()
        try:
            for kind in sorted({file.type for file in files}):
                self._decide(outcome, kind, [file for file in files if file.type == kind], all_files)
        finally:
            self.feeds.backend.forget()
        outcome.hits.sort(key=lambda hit: hit.position)
        outcome.seconds = time.process_time() - begun
        return outcome

    def _decide(self, outcome: DayOutcome, kind: str, files: list[DayFile], all_files: Sequence[DayFile]) -> None:
        questions = questions_of(self.bundles, kind, self._marks)
        source = Source(self, kind, files)
        self._count(outcome, source)
        if not questions:
            return
        table, windows = self._with_windows(source, questions, files, all_files)
        layers = Layers(self.backend, source, table, questions)
        layers.narrow([source.columns(side, layers.table, windows[side], layers.found[side]) for side in (0, 1)])
        table = layers.table
        translators = [source.columns(side, table, windows[side], layers.found[side]) for side in (0, 1)]
        wanted = {name: table[name] for name in HIT_COLUMNS}
        for number, question in enumerate(questions):
            wanted[f"q{number}"] = translators[question.side].status(question.tree, question.policy.key)
        if source.has_odd:
            wanted["odd"] = table.odd
        found = Statuses(questions, self.backend.batches(table.select(**wanted)))
        self._ask(outcome, source, found, windows)
        found.count_undecided(outcome)
        outcome.hits.extend(found.hits())

    def long_list(self, side: int, name: str, entries: frozenset[str]) -> Any:
        """A list as a table of the backend's; its column of entries."""
        if (side, name) not in self._lists:
            table = pa.table({"entry": pa.array(sorted(entries))})
            self._lists[side, name] = self.backend.put(f"list_{side}_{name}", table)
        return self._lists[side, name].entry

    def _count(self, outcome: DayOutcome, source: Source) -> None:
        """How many events there are of each segment."""
        table = source.table
        for batch in self.backend.batches(table.group_by(*SEGMENTS).aggregate(events=table.count())):
            for row in batch.to_pylist():
                outcome.count({name: row[name] for name in SEGMENTS}, row["events"])

    def _with_windows(
        self, source: Source, questions: list[Question], files: list[DayFile], all_files: Sequence[DayFile]
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
        groups = [(side, list(group.values())) for (side, _), group in wanted.items() if group]
        answered = self.feeds.values(groups, source.kind, files, all_files)
        for (_, windows), values in zip(groups, answered, strict=True):
            named_as = {columns[window.id]: f"value{at}" for at, window in enumerate(windows)}
            held = values.select(window_at="position", **named_as)
            table = table.left_join(held, table.position == held.window_at).drop("window_at")
        source.window_columns = sorted(columns.values())
        source.joined = table
        return table, named

    def _ask(self, outcome: DayOutcome, source: Source, found: Statuses, windows: Sequence[dict[Parts, str]]) -> None:
        """Have the Python engine fill in what is ASK."""
        open_ = np.flatnonzero(found.asking())
        if not len(open_):
            return
        index = dict(zip(found.positions()[open_].tolist(), open_.tolist(), strict=True))
        known = source.window_values(list(index))
        outcome.asked += len(index)
        for table in source.rows(list(index), STANDARD.names):
            for recorded in recorded_from(table):
                row = found.statuses[index[recorded.position]]
                readings: dict[int, Any] = {}
                for number in np.flatnonzero(row == ASK).tolist():
                    question = found.questions[number]
                    side = question.side
                    if side not in readings:
                        values = known.get(recorded.position, {})
                        assumed = {parts: values.get(column) for parts, column in windows[side].items()}
                        readings[side] = self.asked[side].reading(recorded, assumed)
                    row[number] = self.asked[side].status(readings[side], question.policy.key, question.rule.id)
                    for named, name in question.names:
                        (outcome.before, outcome.after)[named].setdefault(name, RuleCount()).asked += 1
