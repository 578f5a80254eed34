"""Backtests that people started from the console: each in a thread, its progress and its report as files beside the
history, so that every process can show them. They name accounts, and are as private as the history is.
"""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog
from django.conf import settings
from django.db import connection

from safehold.desk.history.trial import run
from safehold.engine.policies.model import Bundle
from safehold.ids import new_id
from safehold.replay.report import Report

log = structlog.get_logger("safehold.history")
#: A job that has not said anything for so many seconds has died with its process.
SILENT_SECONDS = 120.0
_SAY_SECONDS = 0.5


class Job(msgspec.Struct, kw_only=True):
    """One backtest: what is tried, how far it is, and in the end the figures that a list shows."""

    id: str
    title: str
    by: str
    since: datetime
    started_at: datetime
    said_at: datetime
    state: str = "running"
    step: str = "starting"
    done: int = 0
    total: int = 0
    error: str = ""
    events: int = 0
    newly_hit: int = 0
    no_longer_hit: int = 0
    seconds: float = 0.0

    @property
    def running(self) -> bool:
        return self.state == "running" and (datetime.now(UTC) - self.said_at).total_seconds() < SILENT_SECONDS

    @property
    def stopped(self) -> bool:
        return self.state == "running" and not self.running


def jobs() -> list[Job]:
    """All of them, newest first."""
    found = [msgspec.json.decode(path.read_bytes(), type=Job) for path in _folder().glob("*.job.json")]
    return sorted(found, key=lambda job: job.started_at, reverse=True)


def job(job_id: str) -> Job | None:
    path = _folder() / f"{job_id}.job.json"
    if not job_id.replace("_", "").isalnum() or not path.exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=Job)


def report_of(job_id: str) -> Report | None:
    path = _folder() / f"{job_id}.report.json"
    return msgspec.json.decode(path.read_bytes(), type=Report) if path.exists() else None


def start(title: str, new: Bundle, live: Bundle, since: datetime, *, by: str) -> Job:
    """Begin a backtest in a thread of this process, and return its job."""
    now = datetime.now(UTC)
    made = Job(id=new_id("bkt"), title=title, by=by, since=since, started_at=now, said_at=now)
    _say(made)
    threading.Thread(target=_work, args=(made, new, live), name="backtest", daemon=True).start()
    return made


def _work(made: Job, new: Bundle, live: Bundle) -> None:
    """Whatever happens, the page hears of it."""
    begun = said = time.monotonic()

    def progress(done: int, total: int, step: str) -> None:
        nonlocal said
        made.done, made.total, made.step = done, total, step
        if time.monotonic() - said > _SAY_SECONDS:
            said = time.monotonic()
            _say(made)

    try:
        report = run(new, live, since=made.since, progress=progress)
        _write(_folder() / f"{made.id}.report.json", msgspec.json.encode(report))
        made.events, made.newly_hit, made.no_longer_hit = report.events, report.newly_hit, report.no_longer_hit
        made.state = "done"
    except Exception as error:
        made.state, made.error = "failed", f"{type(error).__name__}: {error}"
        log.error("backtest_failed", job=made.id, exc_info=error)
    finally:
        made.seconds = round(time.monotonic() - begun, 1)
        _say(made)
        connection.close()


def _say(made: Job) -> None:
    made.said_at = datetime.now(UTC)
    _write(_folder() / f"{made.id}.job.json", msgspec.json.encode(made))


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".writing")
    temporary.write_bytes(content)
    temporary.replace(path)


def _folder() -> Path:
    folder: Path = settings.SAFEHOLD_HISTORY / ".reports"
    folder.mkdir(parents=True, exist_ok=True)
    settings.SAFEHOLD_HISTORY.chmod(0o700)
    return folder
