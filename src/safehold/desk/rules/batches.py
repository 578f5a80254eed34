"""Many decisions at once: all that a rule, a version or an earlier batch did is taken back; or a rule is applied to what
happened before it. Looked for and counted first; done only when the person types the count; a handful a transaction, so
that no event waits; stopped and resumed at any moment, each decision once. A daemon (`run`) does the work.
"""

import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.desk.decisions.models import Decision, PolicyVersion
from safehold.desk.decisions.reverting import LeftAlone, decide_again, take_back
from safehold.desk.moves import move
from safehold.desk.rules.in_force import files_of, newest
from safehold.desk.rules.models import Batch, BatchItem, BatchKind
from safehold.desk.rules.states import BATCH
from safehold.record.recording import Record, recording

log = structlog.get_logger("safehold.batches")

IDLE_SECONDS = 1.0
#: Decisions of one transaction: it holds the database's writer, which is the gateway's too.
HANDFUL = 10
_ROWS = 500


class BatchRefused(Exception):
    """It can't be done; the message is for the person. Nothing was written."""


def revert(
    person: User, *, rule: str = "", version: str = "", batch: str = "", reason: str, since: datetime | None = None,
    until: datetime | None = None,
) -> Batch:  # fmt: skip
    """Count what a rule (`policy/rule`), a version of a policy, or an earlier batch decided and still holds.

    `reason` is what the people concerned read. Raises BatchRefused.
    """
    _permit(person)
    if sum(map(bool, (rule, version, batch))) != 1:
        raise BatchRefused("Say what to take back: a rule, a version of a policy, or a batch.")
    if not reason.strip():
        raise BatchRefused("Say why: the people concerned read it.")
    what = {"rule": rule} if rule else {"version": version} if version else {"batch": batch}
    title = f"Revert {rule or version or 'batch'}"
    if version:
        found = PolicyVersion.objects.filter(pk=version).first()
        if found is None:
            raise BatchRefused("There is no such version.")
        title = f"Revert {found.key} of {found.effective_from:%Y-%m-%d %H:%M}"
    with recording() as record:
        made = Batch.objects.create(
            kind=BatchKind.REVERT, what=what | _period(since, until), title=title, reason=reason.strip(), person=person
        )
        decisions = _to_revert(made).values_list("pk", flat=True).order_by("decided_at", "pk")
        _fill(made, ((pk, None) for pk in decisions.iterator(_ROWS)))
        _counted(record, made)
    return made


def retro(person: User, *, rule: str, since: datetime, until: datetime, reason: str = "") -> Batch:
    """Begin to look which events of a period the rule, as it is in force, would have decided otherwise, and more
    strongly than what holds. The looking is done in a process of its own; then the batch is `counted`.

    Raises BatchRefused.
    """
    _permit(person)
    if since >= until:
        raise BatchRefused("The period ends before it begins.")
    with recording() as record:
        made = Batch.objects.create(
            kind=BatchKind.RETRO, what={"rule": rule, "edition": newest()} | _period(since, until),
            title=f"Apply {rule} to the past", reason=reason.strip(), person=person,
        )  # fmt: skip
        record.audit("batch.asked", "batch", made.pk, actor=person.pk, detail=made.what)
    return made


def confirm(person: User, batch_id: str, count: int) -> Batch:
    """Do it: `count` is what the person typed, and has to be what was counted. Raises BatchRefused, InvalidTransition."""
    _permit(person)
    with recording() as record:
        batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch_id)
        if count != batch.counted:
            raise BatchRefused(f"You typed {count:,}, and these are {batch.counted:,} decisions. Look again.")
        if not batch.counted:
            raise BatchRefused("There is nothing to do.")
        move(record, batch, BATCH, "confirmed", by=person.pk)
        record.audit("batch.confirmed", "batch", batch.pk, actor=person.pk, detail={"count": count, **batch.what})
    return batch


def stop(person: User, batch_id: str) -> Batch:
    """Do no more of it for now; what is done stays. Raises InvalidTransition."""
    return _move(person, batch_id, "stopped")


def resume(person: User, batch_id: str) -> Batch:
    """Go on with what is left. Raises InvalidTransition, BatchRefused for one that was never confirmed."""
    if not BatchItem.objects.filter(batch=batch_id).exists():
        raise BatchRefused("It was never counted. Begin another one.")
    return _move(person, batch_id, "resumed")


def _move(person: User, batch_id: str, activity: str) -> Batch:
    _permit(person)
    with recording() as record:
        batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch_id)
        move(record, batch, BATCH, activity, by=person.pk)
        record.audit(f"batch.{activity}", "batch", batch.pk, actor=person.pk)
    return batch


def _permit(person: User) -> None:
    if not person.may(Permission.REVERT_DECISIONS):
        raise BatchRefused(f"Your roles don't let you {Permission.REVERT_DECISIONS.label}; ask somebody whose do.")


def _period(since: datetime | None, until: datetime | None) -> dict[str, str]:
    ends = {"since": since, "until": until}
    return {name: moment.isoformat() for name, moment in ends.items() if moment is not None}


def _to_revert(batch: Batch) -> QuerySet[Decision]:
    """Decisions of rules that hold and do something, of what the batch names."""
    what = batch.what
    found = Decision.objects.filter(service_id=settings.SAFEHOLD_SERVICE, person=None, overridden_by=None)
    # Where nothing was done, asked or labelled there is nothing to take back.
    found = found.exclude(action="allow", queue="", params={})
    if "rule" in what:
        found = found.filter(rule=what["rule"])
    elif "version" in what:
        found = found.filter(policy_id=what["version"])
    else:
        found = found.filter(batch_item__batch_id=what["batch"])
    if "since" in what:
        found = found.filter(decided_at__gte=datetime.fromisoformat(what["since"]))
    if "until" in what:
        found = found.filter(decided_at__lt=datetime.fromisoformat(what["until"]))
    return found


def fill(batch: Batch, items: Iterable[tuple[str, Mapping[str, Any] | None]]) -> None:
    """What was found, and then `counted`: called by `looking`, which is where a retro-action is looked for."""
    with recording() as record:
        batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
        _fill(batch, items)
        _counted(record, batch)


def _fill(batch: Batch, items: Iterable[tuple[str, Mapping[str, Any] | None]]) -> None:
    page: list[BatchItem] = []
    for decision_id, verdict in items:
        page.append(BatchItem(batch=batch, over_id=decision_id, verdict=verdict))
        batch.counted += 1
        if len(page) == _ROWS:
            BatchItem.objects.bulk_create(page)
            page = []
    BatchItem.objects.bulk_create(page)


def _counted(record: Record, batch: Batch) -> None:
    batch.save(update_fields=["counted"])
    move(record, batch, BATCH, "counted", by=batch.person_id)
    record.audit(
        "batch.counted", "batch", batch.pk, actor=batch.person_id, detail={"count": batch.counted, **batch.what}
    )


# The work


def step(batch_id: str, limit: int = HANDFUL) -> int:
    """Do a handful of a running batch, in one transaction; how many were looked at. 0: it is done, or runs no more."""
    with recording() as record:
        batch = Batch.objects.select_for_update(of=("self",)).select_related("person").get(pk=batch_id)
        if batch.state != "running":
            return 0
        items = list(batch.items.filter(outcome="").order_by("id")[:limit])
        if not items:
            batch.finished_at = timezone.now()
            batch.save(update_fields=["finished_at"])
            move(record, batch, BATCH, "finished")
            detail = {"done": batch.done, "left_alone": batch.left_alone, "failed": batch.failed}
            record.audit("batch.finished", "batch", batch.pk, detail=detail)
            return 0
        versions = _versions(batch) if batch.kind == BatchKind.RETRO else {}
        for item in items:
            _do(record, batch, item, versions)
        tally = {name: sum(item.outcome == name for item in items) for name in ("done", "left_alone", "failed")}
        Batch.objects.filter(pk=batch.pk).update(**{name: F(name) + number for name, number in tally.items()})
    return len(items)


def _do(record: Record, batch: Batch, item: BatchItem, versions: Mapping[str, PolicyVersion]) -> None:
    try:
        with recording():
            if batch.kind == BatchKind.REVERT:
                made = take_back(record, batch.person, item.over_id, batch=batch.pk, reason=batch.reason)
            else:
                note = f"Rules applied to the past by {batch.person}, batch {batch.pk}."
                made = decide_again(
                    record, item.over_id, verdict=item.verdict or {}, policies=dict(versions), batch=batch.pk, note=note
                )
    except LeftAlone as left:
        item.outcome, item.why = "left_alone", str(left)[:300]
    except Exception as error:
        # One decision that can't be taken back must not keep all others from it; it is shown with its reason.
        log.error("batch_item_failed", batch=batch.pk, decision=item.over_id, exc_info=error)
        item.outcome, item.why = "failed", f"{type(error).__name__}: {error}"[:300]
    else:
        item.outcome, item.made = "done", made
    item.save(update_fields=["outcome", "why", "made"])


def _versions(batch: Batch) -> dict[str, PolicyVersion]:
    rows = files_of(batch.what["edition"]).values()
    return {row.key: row.version for row in rows if row.version is not None}


def look(batch: Batch) -> None:
    """Find out which decisions a retro-action would make, in a process of its own with a low priority."""
    done = subprocess.run(  # noqa: S603  our own module
        [sys.executable, "-m", "safehold.desk.rules.looking", batch.pk], capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        with recording() as record:
            batch.refresh_from_db()
            batch.reason = f"{batch.reason}\n{said[-1] if said else 'It ended without a word.'}".strip()
            batch.save(update_fields=["reason"])
            move(record, batch, BATCH, "came_to_nothing")
        log.error("batch_not_counted", batch=batch.pk, said=said[-3:])


def run(stop: threading.Event) -> None:
    """Carry batches on until `stop` is set."""
    while not stop.is_set():
        try:
            worked = _once()
        except Exception as error:
            log.error("batches_stalled", exc_info=error)
            close_old_connections()
            worked = 0
        # The gateway's own commits come in between.
        stop.wait(0.02 if worked else IDLE_SECONDS)
    connection.close()


def _once() -> int:
    open_ = Batch.objects.filter(Q(state="running") | Q(state="looking", kind=BatchKind.RETRO)).order_by("created_at")
    worked = 0
    for batch in open_:
        if batch.state == "looking":
            look(batch)
            worked += 1
        else:
            worked += step(batch.pk)
    return worked
