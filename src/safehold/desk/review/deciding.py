"""Deciding a task: the decision, its consequences, the task's end and the claim's end are one transaction. Called by the
console; appeals are heard in their own room.
"""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from safehold.accounts.models import User
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.models import Decision, PolicyVersion
from safehold.desk.review.claims import MayNot, end, hold
from safehold.desk.review.models import Claim, Task, TaskKind
from safehold.desk.review.moves import move
from safehold.record.recording import Record, recording


def decide_task(
    person: User,
    task_id: str,
    *,
    version: int,
    over: Decision,
    action: str,
    policy: PolicyVersion | None = None,
    reason: str = "",
    note: str = "",
    params: Mapping[str, Any] | None = None,
) -> Decision:
    """Decide a task that `person` holds. `version` and `over` (the decision that held) are what their page showed.

    Raises `NotHeld`, `StaleTask`, `MayNot`, and what `decide` raises (`DecisionRefused`). Then nothing is written, and
    the person still holds what they held.
    """
    with recording() as record:
        task, claim = hold(person, task_id, version)
        if task.kind == TaskKind.APPEAL:
            raise MayNot("An appeal is heard, not reviewed: open it under Appeals.")
        if task.kind == TaskKind.LABEL:
            raise MayNot("Nothing is decided about a text that is labelled: say what it is on its own page.")
        if over.root != task.decision.root:
            raise ValueError(f"decision {over.pk} is not of the chain that task {task.pk} is about")
        outcome = decide(person, over=over, action=action, policy=policy, reason=reason, note=note, params=params)
        close_decided(record, task, claim, person, outcome)
    return outcome


def close_decided(record: Record, task: Task, claim: Claim, person: User, outcome: Decision | None) -> None:
    """End a claimed task with its outcome (None: what was decided stands), inside the caller's transaction."""
    end(claim, "decided")
    move(record, task, "decided", by=person, outcome=outcome)
    move(record, task, "closed", by=person, closed_at=timezone.now())
