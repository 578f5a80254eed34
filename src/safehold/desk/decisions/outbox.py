"""Carries on what was committed: takes each outbox row in order and does, in one transaction with marking it done, all
that follows. A daemon; the gateway's process and `safehold worker` run it.

A row that fails keeps its error and is tried again later, ever more rarely; the rows behind it go on. Doing a row twice
is impossible: what it does and that it is done commit together.

Other rooms listen with `on("decision.made")(function)` (see `safehold.desk.topics`): their function is called with the
decision and the open record, inside that transaction. It is called for people's decisions too, by `decide`; a rule's
decision that wants a person has a `queue` and no `person`.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog
from django.db import close_old_connections, connection
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from safehold.desk.decisions.actions import InvalidParams
from safehold.desk.decisions.enforce import enforce_labels, enforce_rules
from safehold.desk.decisions.models import Decision, Outbox
from safehold.desk.entities.projection import project, project_all
from safehold.desk.reports.notices import notice_from
from safehold.desk.topics import on, tell
from safehold.record.recording import Record, recording

__all__ = ["carry_on_once", "on", "run"]

log = structlog.get_logger("safehold.outbox")

IDLE_SECONDS = 0.2
#: Longest time of one transaction, for SQLite's one writer is the gateway's too; at least one row is done.
SLICE_SECONDS = 0.05
BATCH = 100
BACK_OFF_SECONDS = (1, 5, 30, 120, 600, 3600)


def decision_made(record: Record, reference: str) -> None:
    """All that follows from a rule's decision."""
    decision = Decision.objects.select_related("event", "policy").get(pk=reference)
    project(decision.event)
    notice_from(record, decision.event)
    enforce_rules(record, decision)


def carry_on_first(record: Record, root: str) -> None:
    """Before a person decides over a rule's decision that still waits here: carry it on, so that there is something to
    put another in the place of. Where the rule asked for what can't be done, only its labels are; the person's decision
    is what helps then, and the row keeps the error.
    """
    row = Outbox.objects.select_for_update().filter(topic="decision.made", reference=root, done_at=None).first()
    if row is None:
        return
    error = ""
    try:
        with recording():
            decision_made(record, root)
    except InvalidParams as refused:
        error = f"a person decided instead: {refused}"
        decision = Decision.objects.select_related("event", "policy").get(pk=root)
        project(decision.event)
        notice_from(record, decision.event)
        enforce_labels(record, decision)
    Outbox.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1, done_at=timezone.now(), error=error)


#: topic -> what carries it on, called with the open record and the row's reference.
TOPICS: dict[str, Callable[[Record, str], None]] = {"decision.made": decision_made}


def carry_on_once(limit: int = BATCH) -> int:
    """Carry on up to `limit` waiting rows and return how many were taken, failed ones included; 0 when nothing waits."""
    if not _waiting().exists():  # a look without the writer's lock
        return 0
    with recording() as record:
        waiting = _waiting()
        if connection.features.has_select_for_update_skip_locked:
            waiting = waiting.select_for_update(skip_locked=True)
        rows = list(waiting[:limit])
        done = _carry_on_quiet(record, rows)
        until = time.monotonic() + SLICE_SECONDS
        for row in rows:
            if row.pk not in done:
                _carry_on(record, row)
                done.add(row.pk)
                if time.monotonic() > until:
                    break
    return len(done)


def _carry_on_quiet(record: Record, rows: Sequence[Outbox]) -> set[int]:
    """Most decisions allow something and nothing follows but that it was seen: those, all at once. Returns which."""
    references = {row.reference: row.pk for row in rows if row.topic == "decision.made" and not row.attempts}
    decisions = Decision.objects.filter(pk__in=references, action="allow", queue="", overridden_by=None)
    quiet = [decision for decision in decisions.select_related("event").defer("verdict") if is_quiet(decision)]
    if not quiet:
        return set()
    try:
        with recording():
            project_all(decision.event for decision in quiet)
            for decision in quiet:
                tell("decision.made", decision, record)
    except Exception as error:
        log.warning("outbox_batch_failed", decisions=len(quiet), exc_info=error)
        return set()  # one by one, each with its own error
    done = {references[decision.pk] for decision in quiet}
    Outbox.objects.filter(pk__in=done).update(attempts=F("attempts") + 1, done_at=timezone.now())
    return done


def is_quiet(decision: Decision) -> bool:
    """True if a rule's decision does nothing, sets nothing, answers nobody and asks nobody."""
    silent = decision.action == "allow" and not decision.queue and not decision.params.get("labels")
    return silent and decision.event.subject_kind != "report"


def _waiting() -> QuerySet[Outbox]:
    due = Q(next_at=None) | Q(next_at__lte=timezone.now())
    return Outbox.objects.filter(due, done_at=None).order_by("position")


def _carry_on(record: Record, row: Outbox) -> None:
    try:
        with recording():
            TOPICS[row.topic](record, row.reference)
    except Exception as error:
        # Whatever it was: it is kept where operators see it, and must not hold up the rows behind it.
        wait = BACK_OFF_SECONDS[min(row.attempts, len(BACK_OFF_SECONDS) - 1)]
        log.error("outbox_failed", topic=row.topic, reference=row.reference, exc_info=error)
        Outbox.objects.filter(pk=row.pk).update(
            attempts=F("attempts") + 1,
            next_at=timezone.now() + timedelta(seconds=wait),
            error=f"{type(error).__name__}: {error}"[:2000],
        )
    else:
        Outbox.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1, done_at=timezone.now(), error="")


def run(stop: threading.Event) -> None:
    """Carry on until `stop` is set. A failure of the database itself is logged, and tried again."""
    while not stop.is_set():
        try:
            taken = carry_on_once()
        except Exception as error:
            log.error("outbox_stalled", exc_info=error)
            close_old_connections()
            taken = 0
        if not taken:
            stop.wait(IDLE_SECONDS)
    connection.close()
