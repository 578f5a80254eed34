"""Texts to label as tasks of the review queue: asked for by whoever trains, worked by moderators like their other tasks. Of some
a second person is asked as well, so that it is known how far people agree; of those that two contradict, a third. Called by
the console and by `safehold learn ask`.
"""

import hashlib
from datetime import timedelta

from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.projection import project
from safehold.desk.entities.subjects import text_of
from safehold.desk.learning.models import ANSWERS, Asked
from safehold.desk.learning.next import picks
from safehold.desk.learning.taking import digest_of, say_in
from safehold.desk.review.claims import MayNot, hold
from safehold.desk.review.deciding import close_decided
from safehold.desk.review.models import LABELLING, Queue, Task, TaskKind
from safehold.desk.review.tasks import close_unneeded, open_task
from safehold.record.recording import Record, recording

#: Of so many texts one is labelled by two people.
TWICE = 5
#: Texts that can be asked for at once.
MOST = 1_000
_ABOUT = "Texts to label, for models to learn from. Nothing happens to what you see; say only what it is."


def queue() -> Queue:
    """The queue, made when it is first needed."""
    wanted = {
        "title": "Labelling", "description": _ABOUT, "max_wait_seconds": timedelta(days=14).total_seconds(), "order": 890,
    }  # fmt: skip
    return Queue.objects.get_or_create(slug=LABELLING, defaults=wanted)[0]


def ask(by: User | None, service: str, attribute: str, count: int) -> int:
    """Put so many texts into the queue, those from which a model learns most and a share by lot; how many there were. Texts
    that nothing was decided about, and those that wait there already, are left out."""
    found = picks(service, attribute, min(count, MOST))
    target, opened = queue(), 0
    with recording() as record:
        for pick in found:
            decision = Decision.objects.filter(event=pick.event, override_of=None).first()
            if decision is None:
                continue
            row = Asked(
                service_id=service, event=pick.event, digest=digest_of(pick.words), attribute=attribute, why=pick.why,
                probability=pick.probability, asked_by=by,
            )  # fmt: skip
            for turn in (1, 2) if _twice(row) else (1,):
                _open(record, target, row, decision, turn)
            opened += 1
        if opened:
            detail = {"attribute": attribute, "texts": opened}
            record.audit(
                "labels.asked",
                "service",
                service,
                actor=by.pk if by else "",
                detail=detail if by else detail | AT_THE_SHELL,
            )
    return opened


def _twice(row: Asked) -> bool:
    """By lot, and the same each time: whoever labels can't tell which."""
    return hashlib.sha256(f"twice {row.attribute} {row.digest}".encode()).digest()[0] % TWICE == 0


def _open(record: Record, target: Queue, like: Asked, decision: Decision, turn: int) -> Task:
    task, _ = open_task(
        record, entity=project(like.event), kind=TaskKind.LABEL, queue=target, decision=decision
    )  # fmt: skip
    Asked.objects.create(
        task=task, service_id=like.service_id, event=like.event, digest=like.digest, attribute=like.attribute, turn=turn,
        why=like.why, probability=like.probability, asked_by_id=like.asked_by_id,
    )  # fmt: skip
    return task


def answer(person: User, task_id: str, said: str, version: int | None = None) -> Asked:
    """Say of a text that `person` holds what it is: one of ANSWERS. `version` is what their page showed.

    Raises `NotHeld`, `StaleTask`, `MayNot` (it is no such task, or they have labelled the same text before), `BadLabel`.
    """
    with recording() as record:
        task, claim = hold(person, task_id, version)
        if task.kind != TaskKind.LABEL or said not in ANSWERS:
            raise MayNot("This is not a text to label.")
        asked = Asked.objects.select_related("event").get(task=task)
        same = list(
            Asked.objects.select_for_update(of=("self",))
            .filter(service=asked.service_id, digest=asked.digest, attribute=asked.attribute)
            .exclude(answer="withdrawn")
            .select_related("task", "person")
            .order_by("turn")
        )
        if any(other.person_id == person.pk for other in same):
            raise MayNot("You have labelled this text before: somebody else has to. Skip it.")
        asked.answer, asked.person, asked.answered_at = said, person, timezone.now()
        asked.save(update_fields=["answer", "person", "answered_at"])
        if said != "unclear":
            words = text_of(asked.event).strip()
            say_in(
                record,
                person,
                asked.service_id,
                words,
                asked.attribute,
                float(said == "yes"),
                task.pk,
                asked.answered_at,
            )
        close_decided(record, task, claim, person, None)
        others = [other for other in same if other.pk != asked.pk]
        for other in others:
            if other.task.closed_at is None:
                other.task.excluded.add(person)
        _settle(record, task, asked, others)
    return asked


def _settle(record: Record, task: Task, asked: Asked, others: list[Asked]) -> None:
    """Two who contradict each other are followed by a third, whose word is the newest and so counts."""
    if len(others) != 1 or {asked.answer, others[0].answer} != {"yes", "no"}:
        return
    third = _open(record, task.queue, asked, task.decision, 3)
    third.excluded.set([each.person for each in (asked, others[0]) if each.person is not None])


def withdraw(by: User | None, service: str, attribute: str) -> int:
    """Take back what waits in the queue and nobody looks at, for a model that has changed its mind; how many tasks that was."""
    with recording() as record:
        waiting = Asked.objects.filter(service=service, attribute=attribute, answer="", task__state="queued")
        tasks = list(Task.objects.select_for_update(of=("self",)).filter(pk__in=waiting.values("pk"), state="queued"))
        for task in tasks:
            close_unneeded(record, task, by=by)
        Asked.objects.filter(pk__in=[task.pk for task in tasks]).update(answer="withdrawn")
        if tasks:
            detail = {"attribute": attribute, "tasks": len(tasks)}
            record.audit(
                "labels.withdrawn", "service", service, actor=by.pk if by else "",
                detail=detail if by else detail | AT_THE_SHELL,
            )  # fmt: skip
    return len(tasks)
