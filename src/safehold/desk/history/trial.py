"""One backtest from beginning to end: files brought up to the record, people's decisions read, the past decided.

Who calls: `safehold backtest` and the console's jobs.
"""

from datetime import datetime
from pathlib import Path

from django.conf import settings

from safehold.desk.history.export import export, history
from safehold.desk.history.truth import truth
from safehold.desk.lists.past import as_it_was, files_only
from safehold.engine.policies.model import Bundle
from safehold.replay.backtest import Progress, backtest
from safehold.replay.report import Report


def work_folder() -> Path:
    """Where chunks that were decided are kept: private, like the files they come from."""
    folder: Path = settings.SAFEHOLD_HISTORY / ".work"
    folder.mkdir(parents=True, exist_ok=True)
    settings.SAFEHOLD_HISTORY.chmod(0o700)
    return folder


def run(
    new: Bundle,
    live: Bundle,
    *,
    since: datetime,
    until: datetime | None = None,
    engine: str = "duckdb",
    memory: str = "",
    progress: Progress | None = None,
    recorded_lists: bool = True,
) -> Report:
    """Managed lists have the entries that were in effect at each event's time, or without `recorded_lists` those of their files.
    Raises what `replay.backtest.backtest` raises."""

    def exporting(done: int, total: int) -> None:
        if progress is not None:
            progress(done, total, "exporting the record")

    export(live.event_types, exporting)
    filled = as_it_was if recorded_lists else files_only
    return backtest(
        filled(new),
        filled(live),
        history(),
        since=since,
        until=until,
        engine=engine,
        memory=memory or settings.SAFEHOLD_HISTORY_MEMORY,
        work=work_folder(),
        truth=truth(since),
        progress=progress,
    )
