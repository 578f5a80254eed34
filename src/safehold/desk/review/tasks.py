"""How tasks come to be, and end without being decided. Called by the listeners (a decision asks for a person, a notice
came in), by appeals, and by claims when a task moves.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from safehold.accounts.models import User
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Entity
from safehold.desk.reports.models import NoticeKind
from safehold.desk.review.models import APART, Queue, Task, TaskKind
from safehold.desk.review.moves import move
from safehold.record.recording import Record

#: What a policy's severity adds to the priority of a task.
SEVERITY = {"low": 10, "medium": 20, "high": 30, "critical": 40}
#: What a notice adds: orders and trusted flaggers come first (DSA Art. 9 and 22), each report of a user counts a little.
NOTICE = {
    NoticeKind.USER_REPORT: 5,
    NoticeKind.PROACTIVE: 5,
    NoticeKind.ARTICLE_16: 15,
    NoticeKind.OSA_COMPLAINT: 15,
    NoticeKind.TRUSTED_FLAGGER: 100,
    NoticeKind.ORDER_ACT: 200,
    NoticeKind.ORDER_INFORM: 200,
}
HIGHEST = 1_000


def open_task(
    record: Record,
    *,
    entity: Entity,
    kind: TaskKind,
    queue: Queue,
    decision: Decision,
    priority: int = 0,
    excluded: Iterable[User] = (),
    parent: Task | None = None,
) -> tuple[Task, bool]:
    """A task of this kind about the entity in this queue: the open one there, made more urgent, or a new one (then True)."""
    same = Task.objects.select_for_update().filter(entity=entity, kind=kind, closed_at=None)
    lineage = Q(queue=queue) | Q(queue=queue.escalates_to_id) if queue.escalates_to_id else Q(queue=queue)
    if kind not in APART and (task := same.filter(lineage).order_by("created_at").first()):
        join(task, decision, priority)
        return task, False
    now = timezone.now()
    task = Task.objects.create(
        service=entity.service,
        kind=kind,
        queue=queue,
        entity=entity,
        decision=decision,
        parent=parent,
        priority=min(priority, HIGHEST),
        created_at=now,
        due_at=now + timedelta(seconds=queue.max_wait_seconds),
    )
    task.excluded.set(excluded)
    record.audit("task.opened", "task", task.pk, detail={"kind": kind.value, "queue": queue.pk})
    return task, True


def join(task: Task, decision: Decision | None, priority: int) -> None:
    """Somebody or something asks for an open task again: it becomes more urgent. Who holds it is not disturbed.

    While it waits, it is about the newest decision that asks.
    """
    fields: dict[str, object] = {"priority": F("priority") + max(0, min(priority, HIGHEST - task.priority))}
    if decision is not None and task.state == "queued" and decision.decided_at > task.decision.decided_at:
        fields |= {"decision": decision, "version": F("version") + 1}
    Task.objects.filter(pk=task.pk).update(**fields)
    task.refresh_from_db()


def merge_into(record: Record, there: Task, task: Task, *, by: User | None = None) -> None:
    """Close a waiting task because `there` is about the same; nothing of its urgency is lost."""
    join(there, task.decision, task.priority)
    close_unneeded(record, task, by=by)


def close_unneeded(record: Record, task: Task, *, by: User | None = None) -> None:
    """Close a task that waits: what it was about is settled elsewhere."""
    move(record, task, "closed", by=by, closed_at=timezone.now())
