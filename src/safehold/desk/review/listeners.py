"""What this room hears from others: decisions that ask for a person, notices that came in, people who leave."""

from typing import Any

from django.dispatch import receiver

from safehold.accounts.changes import person_deactivated
from safehold.accounts.models import User
from safehold.desk.decisions.models import Decision
from safehold.desk.decisions.standing import last_of_chain
from safehold.desk.entities.models import Entity
from safehold.desk.entities.projection import project
from safehold.desk.reports.models import Notice, NoticeKind
from safehold.desk.reports.notices import OPEN, link
from safehold.desk.review.claims import release_all
from safehold.desk.review.models import APART, Task, TaskKind
from safehold.desk.review.queues import REPORTS, queue_for
from safehold.desk.review.tasks import NOTICE, SEVERITY, close_unneeded, join, open_task
from safehold.desk.topics import on
from safehold.record.recording import Record


@on("notice.filed")
def take_notice(notice: Notice, record: Record) -> None:
    """A notice gets a person's look: it joins what is open about the same thing, or opens a task. Not if a rule has
    answered the report for good.

    The task is about what holds for the thing now; where nothing was ever decided about it, about the report itself.
    """
    asked = _of_event(notice)
    if asked is not None and asked.rule and not asked.queue:
        return
    urgency = NOTICE[NoticeKind(notice.kind)]
    waiting = Task.objects.select_for_update(of=("self",)).select_related("decision").filter(closed_at=None)
    task = waiting.filter(entity=notice.entity).exclude(kind__in=APART).order_by("created_at").first()
    if task is not None:
        join(task, None, urgency)
    elif (about := _decision_about(notice)) is not None:
        queue = queue_for(asked.queue if asked and asked.queue else REPORTS)
        open_task(
            record, entity=notice.entity, kind=TaskKind.REPORT, queue=queue, decision=about,
            priority=urgency + _severity(about),
        )  # fmt: skip
    else:
        raise ValueError(
            f"notice {notice.pk} is about {notice.entity}, of which no event told, and came with none itself"
        )
    link(record, notice)


@on("decision.made")
def see_to_decision(decision: Decision, record: Record) -> None:
    """A rule that wants a person gets a task; what a person has settled waits no longer."""
    if decision.person_id is not None:
        _close_settled(record, decision)
    elif decision.queue and not Notice.objects.filter(event_id=decision.event_id).exists():
        open_task(
            record, entity=project(decision.event), kind=TaskKind.REVIEW, queue=queue_for(decision.queue),
            decision=decision, priority=_severity(decision),
        )  # fmt: skip


def _close_settled(record: Record, decision: Decision) -> None:
    """Waiting tasks about this chain of decisions, and reports about the same thing whose notices are all answered."""
    entity = Entity.objects.filter(
        service_id=decision.service_id, kind=decision.subject_kind, external_id=decision.subject_id
    ).first()
    waiting = Task.objects.select_for_update(of=("self",)).filter(state="queued").exclude(kind__in=APART)
    settled = {task.pk: task for task in waiting.filter(decision__root=decision.root)}
    if entity and not Notice.objects.filter(entity=entity, state__in=OPEN).exists():
        settled |= {task.pk: task for task in waiting.filter(entity=entity, kind=TaskKind.REPORT)}
    for task in settled.values():
        close_unneeded(record, task, by=decision.person)


def _of_event(notice: Notice) -> Decision | None:
    """What the rules said of the report itself."""
    if notice.event_id is None:
        return None
    return Decision.objects.filter(event_id=notice.event_id, override_of=None).first()


def _decision_about(notice: Notice) -> Decision | None:
    entity = notice.entity
    standing = Decision.objects.filter(
        service_id=entity.service_id, subject_kind=entity.kind, subject_id=entity.external_id, overridden_by=None
    ).select_related("policy")
    # What rules said when they saw a report is no decision on what was reported.
    newest = standing.exclude(event__subject_kind="report", person=None).order_by("-decided_at", "-id").first()
    if newest is not None:
        return newest
    asked = _of_event(notice)
    return last_of_chain(asked.root) if asked else None


def _severity(decision: Decision) -> int:
    return SEVERITY[decision.policy.severity] if decision.policy else 0


@receiver(person_deactivated)
def let_go(user: User, **_: Any) -> None:
    """Somebody leaves: what they hold goes back to the queues."""
    release_all(user)
