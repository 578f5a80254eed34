"""The one way a task's state changes: by the table in states.py, guarded by the task's version, with a transition in the
ledger. Everything in this room that moves a task calls `move`; the caller holds the transaction.
"""

from typing import Any

from django.db.models import F

from safehold.accounts.models import User
from safehold.desk.review.changes import task_moved
from safehold.desk.review.models import Task
from safehold.desk.review.states import TASK
from safehold.record.recording import Record


class StaleTask(Exception):
    """The task has changed since the caller looked at it: what they were about to do may not be what they want now."""

    def __init__(self, task_id: str) -> None:
        super().__init__("This item has changed since you opened it. Look at it again before you decide.")
        self.task_id = task_id


def move(record: Record, task: Task, activity: str, *, by: User | None = None, **fields: Any) -> None:
    """Take `task` one step on by `activity`, together with other `fields` of it; `task` becomes what it is now.

    Raises `StaleTask` if somebody else changed it since it was read, `InvalidTransition` if the table forbids it.
    """
    before, after = task.state, TASK.next(task.state, activity)
    changed = Task.objects.filter(pk=task.pk, version=task.version, state=before).update(
        state=after, version=F("version") + 1, **fields
    )
    if not changed:
        raise StaleTask(task.pk)
    task.state, task.version = after, task.version + 1
    for name, value in fields.items():
        setattr(task, name, value)
    record.transition("task", task.pk, before, after, activity, by=by.pk if by else "")
    task_moved.send(sender=Task, task=task, activity=activity, person=by, record=record)
