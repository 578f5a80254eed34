"""`backtest(new, live, history, ...)`: what a bundle would have done with the past, beside what another one does.

Days are taken together up to CHUNK events. What a chunk came to is kept in `work`; a second run with the same bundles, the
same files and the same question reads it instead of deciding again. Pure of HTTP and of the database.
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pyarrow.parquet as pq

from safehold.engine.policies.bundle import installed_signals
from safehold.engine.policies.model import Bundle
from safehold.engine.signal import Signal
from safehold.replay.again import Again, longest_window
from safehold.replay.backends import ENGINES, backend
from safehold.replay.columnar import Columnar
from safehold.replay.costs import rule_costs
from safehold.replay.files import DayFile, History, recorded_from
from safehold.replay.outcomes import DayOutcome
from safehold.replay.report import Report, Truth, make_report
from safehold.replay.rows import Asked, decide_rows
from safehold.replay.source import in_order

#: Events that are decided in one query; a day is never cut.
CHUNK = 2_000_000
#: (events so far, events in all, what is being done).
Progress = Callable[[int, int, str], None]


class NoHistory(Exception):
    """There are no files for the time that was asked for."""


class UnknownEngine(ValueError):
    """The engine's name is none of ENGINES or `python`."""


def backtest(
    new: Bundle,
    live: Bundle,
    history: History,
    *,
    since: datetime,
    until: datetime | None = None,
    engine: str = "duckdb",
    memory: str = "2GB",
    work: Path,
    truth: Truth | None = None,
    signals: Iterable[Signal] | None = None,
    progress: Progress | None = None,
    chunk: int = CHUNK,
) -> Report:
    """Decide every event that was received from `since` until `until` with both bundles, and compare.

    `engine` is `duckdb`, `polars`, `spark` or `python`; they give the same report. Every rule that is not retired is tried as
    if it were live. `memory` bounds the engine, which spills into `work`. Raises NoHistory, UnknownEngine,
    BrokenHistory and TooLittleMemory.
    """
    if engine != "python" and engine not in ENGINES:
        raise UnknownEngine(f"`{engine}` is no engine; one of: {', '.join((*ENGINES, 'python'))}")
    until = until or datetime.now(UTC) + timedelta(days=1)
    every = history.manifest().files
    chosen = [file for file in every if since.date().isoformat() <= file.day <= until.date().isoformat()]
    if not chosen:
        raise NoHistory(f"there are no events from {since:%Y-%m-%d} on; export them first: safehold history export")
    begun = time.perf_counter()
    signals = list(installed_signals() if signals is None else signals)
    runner = _Runner(new, live, history, engine, memory, work, signals, every)
    total, done, outcomes = sum(file.rows for file in chosen), 0, []
    for days in _chunks(chosen, chunk):
        name = _words(days)
        if progress is not None:
            progress(done, total, name)
        outcomes.append(runner.outcome(days))
        done += sum(file.rows for file in days)
    if progress is not None:
        progress(done, total, "measuring rules")
    report = make_report(
        new, live, outcomes, truth or Truth(), engine=engine, since=since, until=until,
        costs=rule_costs(new, runner.sample(chosen), signals), by_python=sorted(runner.by_python),
        received=_received(chosen), replayed=runner.replayed(),
    )  # fmt: skip
    report.seconds = round(time.perf_counter() - begun, 2)
    runner.close()
    if progress is not None:
        progress(total, total, "done")
    return report


class TooLittleMemory(ValueError):
    """Not even one day on one thread can be decided with this much."""


class _Runner:
    """Decides chunks, or finds what an earlier run came to."""

    def __init__(
        self, new: Bundle, live: Bundle, history: History, engine: str, memory: str, work: Path,
        signals: list[Signal], files: Sequence[DayFile],
    ) -> None:  # fmt: skip
        self.new, self.live, self.history, self.engine, self.memory = new, live, history, engine, memory
        self.work, self.signals, self.files = work, signals, files
        self._columnar: Columnar | None = None
        self._again: tuple[Again, Again] | None = None
        self._observed = 0

    @property
    def by_python(self) -> set[str]:
        return self._columnar.feeds.by_python if self._columnar is not None else set()

    def outcome(self, files: list[DayFile]) -> DayOutcome:
        kept = self.work / "kept" / f"{self._fingerprint(files)}.json"
        if kept.exists():
            return msgspec.json.decode(kept.read_bytes(), type=DayOutcome)
        found = self._by_rows(files) if self.engine == "python" else self._by_columns(files)
        kept.parent.mkdir(parents=True, exist_ok=True)
        temporary = kept.with_suffix(".writing")
        temporary.write_bytes(msgspec.json.encode(found))
        temporary.replace(kept)
        return found

    def _fingerprint(self, files: list[DayFile]) -> str:
        """What the outcome depends on: both bundles, the engine, these files and those that windows look back to."""
        last = max(file.last for file in files)
        before = [file for file in self.files if file.first <= last]
        lists = [
            (name, held.version) for bundle in (self.new, self.live) for name, held in sorted(bundle.lists.items())
        ]
        parts = (
            1,
            self.new.hash,
            self.live.hash,
            self.engine,
            lists,
            [file.name for file in files],
            [f.name for f in before],
        )
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]

    def _by_columns(self, files: list[DayFile]) -> DayOutcome:
        if self._columnar is None:
            asked = (Asked(self.live, self.signals), Asked(self.new, self.signals))
            where = backend(self.engine, self.memory, self.work)
            self._columnar = Columnar(self.live, self.new, asked, self.history, where, self.work, self.memory)
        return self._decided(self._columnar, files)

    def _decided(self, run: Columnar, files: list[DayFile]) -> DayOutcome:
        """Where memory does not do although DuckDB spills, on one thread, and then day by day. Raises TooLittleMemory."""
        try:
            return run.decide(_words(files), files, self.files)
        except duckdb.OutOfMemoryException as error:
            if run.feeds.backend.one_thread():
                return self._decided(run, files)
            days = list(_chunks(files, 1))
            if len(days) == 1:
                raise TooLittleMemory(
                    f"{self.memory} are too little for {_words(files)}: give more (`--memory`, or SAFEHOLD_HISTORY_MEMORY)"
                ) from error
        outcome = DayOutcome(day=_words(files))
        for day in days:
            outcome.add(self._decided(run, day))
        return outcome

    def _by_rows(self, files: list[DayFile]) -> DayOutcome:
        if self._again is None:
            self._again = (Again(self.live, self.signals), Again(self.new, self.signals))
        before, after = self._again
        first, last = min(file.first for file in files), max(file.last for file in files)
        if max(longest_window(self.new), longest_window(self.live)):
            for recorded in in_order(self.history, self.files):
                if self._observed < recorded.position < first:
                    before.observe(recorded)
                    after.observe(recorded)
        self._observed = last
        return decide_rows(_words(files), in_order(self.history, files), before, after)

    def sample(self, files: Sequence[DayFile], most: int = 400):  # type: ignore[no-untyped-def]
        """Some events of every type, the newest, for measuring what rules cost."""
        found = []
        for kind in sorted({file.type for file in files}):
            newest = max((file for file in files if file.type == kind), key=lambda file: file.last)
            parquet = pq.ParquetFile(self.history.folder / newest.name)
            table = parquet.read_row_group(parquet.num_row_groups - 1)
            found += list(recorded_from(table.slice(max(table.num_rows - most, 0))))
        return found

    def replayed(self) -> tuple[int, int]:
        """How often a signal's values came from the record, and how often it was run again."""
        if self._columnar is not None:
            signals = [signal for asked in self._columnar.asked for signal in asked.signals]
        else:
            signals = [signal for again in self._again or () for signal in again.signals]
        return sum(signal.replayed for signal in signals), sum(signal.run_again for signal in signals)

    def close(self) -> None:
        if self._columnar is not None:
            self._columnar.backend.close()
        shutil.rmtree(self.work / "spill", ignore_errors=True)
        shutil.rmtree(self.work / "widened", ignore_errors=True)


def _received(files: Sequence[DayFile]) -> dict[str, int]:
    """Events of each day."""
    found: dict[str, int] = {}
    for file in files:
        found[file.day] = found.get(file.day, 0) + file.rows
    return found


def _chunks(files: Sequence[DayFile], most: int) -> Iterable[list[DayFile]]:
    """Whole days, as many together as have `most` events."""
    chunk: list[DayFile] = []
    for day in sorted({file.day for file in files}):
        of_day = [file for file in files if file.day == day]
        if chunk and sum(file.rows for file in (*chunk, *of_day)) > most:
            yield chunk
            chunk = []
        chunk += of_day
    if chunk:
        yield chunk


def _words(files: Sequence[DayFile]) -> str:
    days = sorted({file.day for file in files})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def days_ago(text: str, now: datetime | None = None) -> datetime:
    """`90d`, `12h`, `2w` or a date, as a moment. Raises ValueError that says how to write it."""
    now = now or datetime.now(UTC)
    number, unit = text[:-1], text[-1:]
    if number.isdecimal() and unit in "hdw":
        return now - timedelta(**{{"h": "hours", "d": "days", "w": "weeks"}[unit]: int(number)})
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{text}` is no time; write 90d, 12h, 2w or 2026-03-01") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
