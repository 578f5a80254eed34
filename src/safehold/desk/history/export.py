"""Keeps the history files up with the record: adds what is new, erases what was erased, compacts and forgets old days.

Who calls: `safehold history export`, a backtest before it begins, and the worker once an hour.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from django.conf import settings

from safehold.desk.history.reading import last_position, position_before, recorded
from safehold.engine.policies.bundle import event_types_of
from safehold.engine.policies.events import EventTypes
from safehold.engine.policies.problems import Report
from safehold.record.models import Tombstone
from safehold.replay.files import History

log = structlog.get_logger("safehold.history")
#: When the worker looks after a start, and how often from then on.
FIRST_SECONDS, EVERY_SECONDS = 300.0, 3600.0

Progress = Callable[[int, int], None]


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did; `position` is how far the record is in the files now."""

    added: int
    erased: int
    compacted: int
    forgotten: int
    position: int


def history() -> History:
    return History(settings.SAFEHOLD_HISTORY)


def export(types: EventTypes, progress: Progress | None = None, *, files: History | None = None) -> Exported:
    """Bring the files up to the record. `progress` gets (events so far, events to add). May be stopped at any time."""
    files = files or history()
    today = datetime.now(UTC).date()
    keep = settings.SAFEHOLD_HISTORY_DAYS
    with files.writing():
        after, upto = files.manifest().position, last_position()
        if keep:
            oldest = datetime.combine(today - timedelta(days=keep), datetime.min.time(), UTC)
            after = max(after, position_before(oldest))
        total = max(upto - after, 0)
        report = None if progress is None else lambda done: progress(min(done, total), total)
        return Exported(
            added=files.export(recorded(after, upto), upto, types, report),
            erased=files.erase(Tombstone.objects.filter(of_kind="event").values_list("of_id", flat=True)),
            compacted=files.compact(today),
            forgotten=files.forget(today - timedelta(days=keep)) if keep else 0,
            position=upto,
        )


def run(stop: threading.Event) -> None:
    """The worker. It reads the event types alone: a bundle with its lists would be there for nothing."""
    wait = FIRST_SECONDS
    while not stop.wait(wait):
        wait = EVERY_SECONDS
        report = Report()
        types = event_types_of(settings.SAFEHOLD_POLICIES, report)
        if report.problems:
            # Events of a type that cannot be read would get no columns: they wait until somebody has mended it.
            log.warning("history_waits", problem=str(report.problems[0]))
            continue
        done = export(types)
        if done.added or done.erased or done.forgotten:
            log.info("history_exported", **msgspec.to_builtins(done))
