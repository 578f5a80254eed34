"""What this room hears from review: an appeal's task is taken, or let go of. The appeal follows it, in the same transaction."""

from typing import Any

from django.dispatch import receiver

from safehold.accounts.models import User
from safehold.desk.appeals.models import Appeal
from safehold.desk.appeals.states import APPEAL
from safehold.desk.moves import move
from safehold.desk.review.changes import task_moved
from safehold.desk.review.models import Task, TaskKind
from safehold.record.recording import Record

_LET_GO = ("released", "skipped", "lease_expired", "moved", "escalated")


@receiver(task_moved)
def follow_task(task: Task, activity: str, person: User | None, record: Record, **_: Any) -> None:
    """`claimed` opens the hearing under that person's name; letting go of it closes it again."""
    if task.kind != TaskKind.APPEAL:
        return
    appeal = Appeal.objects.select_for_update(of=("self",)).get(task=task)
    by = person.pk if person else ""
    if activity == "claimed":
        appeal.reviewer = person
        appeal.save(update_fields=["reviewer"])
        move(record, appeal, APPEAL, "opened", by=by)
    elif activity in _LET_GO and appeal.state == "in_review":
        appeal.reviewer = None
        appeal.save(update_fields=["reviewer"])
        move(record, appeal, APPEAL, "returned", by=by)
