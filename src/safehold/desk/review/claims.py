"""Who holds what: taking the next item, keeping it, letting go of it. A claim is a lease, held by at most one person.

Three lines of defence. `FOR UPDATE SKIP LOCKED` on PostgreSQL gives two people two rows, and SQLite's transactions begin
IMMEDIATE, so one waits for the other. The update that takes a task says which version it takes. And the database has
a unique index on open claims. Who calls: the console's pages, `deciding`, appeals, and `leases` for the clock.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.desk.decisions.models import Decision
from safehold.desk.review.models import Claim, Queue, Task, TaskKind
from safehold.desk.review.moves import StaleTask, move
from safehold.desk.review.queues import may_work
from safehold.desk.review.tasks import merge_into
from safehold.record.recording import Record, recording

#: How often taking is tried again when somebody else was quicker each time.
TRIES = 20
GONE = "You no longer hold this item. It went back to the queue, or somebody else has decided it."


class NotHeld(Exception):
    """The person does not hold this task (any more)."""


class MayNot(Exception):
    """The person's roles do not let them do this; the message says what is lacking."""


def waiting(person: User, queue: Queue) -> QuerySet[Task]:
    """What this person may take from the queue, the most urgent first."""
    tasks = Task.objects.filter(queue=queue, state="queued").exclude(excluded=person)
    took_part = Decision.objects.filter(root=OuterRef("decision__root"), person=person)
    if not person.may(Permission.HEAR_APPEALS):
        tasks = tasks.exclude(kind=TaskKind.APPEAL)
    return tasks.exclude(Q(kind=TaskKind.APPEAL) & Exists(took_part)).order_by("-priority", "created_at", "id")


def held_by(person: User, queue: Queue | None = None) -> QuerySet[Claim]:
    """What this person holds now, the oldest first."""
    claims = Claim.objects.filter(reviewer=person, released_at=None).select_related("task").order_by("claimed_at", "id")
    return claims.filter(task__queue=queue) if queue else claims


def claim_next(person: User, queue: Queue) -> Claim | None:
    """Give `person` the most urgent waiting task of the queue; the one they hold there already, if they hold one.

    None if nothing waits that they may take. Raises `MayNot` if they may not work this queue.
    """
    if not may_work(person, queue):
        raise MayNot(f"You may not work the queue {queue.title}: it needs {queue.permission}.")
    if mine := held_by(person, queue).first():
        return mine
    for _ in range(TRIES):
        if not waiting(person, queue).exists():  # asked outside the transaction, so that an empty queue locks nobody
            return None
        with recording() as record:
            task = waiting(person, queue).select_for_update(skip_locked=True, of=("self",)).first()
            if task is None:
                continue
            try:
                return _take(record, person, task, queue)
            except StaleTask:
                continue
    return None


def claim(person: User, task_id: str) -> Claim:
    """Give `person` this very task. Raises `NotHeld` if somebody else has it or it is done, `MayNot` if they may not."""
    with recording() as record:
        task = Task.objects.select_for_update(of=("self",)).select_related("queue").get(pk=task_id)
        if task.state == "claimed":
            current = task.claims.select_related("reviewer").get(released_at=None)
            if current.reviewer_id == person.pk:
                return current
            raise NotHeld(f"{current.reviewer} is looking at this item.")
        if not may_work(person, task.queue):
            raise MayNot(f"You may not work the queue {task.queue.title}: it needs {task.queue.permission}.")
        if task.state != "queued":
            raise NotHeld("This item is decided.")
        if not waiting(person, task.queue).filter(pk=task.pk).exists():
            raise MayNot("You may not take this item: you skipped it, or you took part in what it is about.")
        return _take(record, person, task, task.queue)


def _take(record: Record, person: User, task: Task, queue: Queue) -> Claim:
    move(record, task, "claimed", by=person)
    now = timezone.now()
    return Claim.objects.create(
        task=task, reviewer=person, claimed_at=now, lease_expires_at=now + timedelta(seconds=queue.lease_seconds)
    )


def renew(person: User, task_id: str) -> datetime:
    """A sign of life: the lease begins anew. Returns its new end; raises `NotHeld` if the claim is gone."""
    claim = Claim.objects.select_related("task__queue").filter(task=task_id, reviewer=person, released_at=None).first()
    if claim is not None:
        until = timezone.now() + timedelta(seconds=claim.task.queue.lease_seconds)
        if Claim.objects.filter(pk=claim.pk, released_at=None).update(lease_expires_at=until):
            return until
    raise NotHeld(GONE)


def hold(person: User, task_id: str, version: int | None = None) -> tuple[Task, Claim]:
    """Lock a task that `person` holds, inside the caller's transaction. `version` is what their page showed.

    Raises `NotHeld` if they do not hold it, `StaleTask` if it changed since.
    """
    task = Task.objects.select_for_update(of=("self",)).select_related("queue", "entity", "decision").get(pk=task_id)
    current = Claim.objects.filter(task=task, released_at=None).select_related("reviewer").first()
    if current is None:
        raise NotHeld(GONE)
    if current.reviewer_id != person.pk:
        raise NotHeld(f"{current.reviewer} holds this item now.")
    if version is not None and task.version != version:
        raise StaleTask(task.pk)
    return task, current


def end(claim: Claim, outcome: str) -> None:
    """Close a claim with what became of it, inside the caller's transaction."""
    claim.released_at, claim.outcome = timezone.now(), outcome
    if not Claim.objects.filter(pk=claim.pk, released_at=None).update(released_at=claim.released_at, outcome=outcome):
        raise StaleTask(claim.task_id)


def release(person: User, task_id: str, version: int | None = None) -> Task:
    """Put a task back; the same person may get it again."""
    return _put_back(person, task_id, version, "released")


def skip(person: User, task_id: str, version: int | None = None) -> Task:
    """Put a task back for somebody else: this person does not get it again."""
    return _put_back(person, task_id, version, "skipped")


def _put_back(person: User, task_id: str, version: int | None, activity: str) -> Task:
    with recording() as record:
        task, claim = hold(person, task_id, version)
        if activity == "skipped":
            task.excluded.add(person)
        end(claim, activity)
        move(record, task, activity, by=person)
    return task


def escalate(person: User, task_id: str, version: int | None = None) -> Task:
    """Put a task into the queue of those who decide more. Raises `MayNot` where there is no higher queue."""
    with recording() as record:
        task, claim = hold(person, task_id, version)
        above = task.queue.escalates_to
        if above is None:
            raise MayNot(f"Nothing is above {task.queue.title}: decide it here.")
        end(claim, "escalated")
        return _move_to(record, task, above, "escalated", person)


def move_to(person: User, task_id: str, queue: Queue, version: int | None = None) -> Task:
    """Put a task that `person` holds into another queue. An appeal stays among appeals, and nothing else goes there."""
    with recording() as record:
        task, claim = hold(person, task_id, version)
        if (task.kind == TaskKind.APPEAL) != queue.appeals_only or task.kind == TaskKind.LABEL:
            raise MayNot(f"{task.get_kind_display()} tasks don't belong in {queue.title}.")
        if queue.pk == task.queue_id:
            raise MayNot(f"It is in {queue.title} already.")
        end(claim, "moved")
        return _move_to(record, task, queue, "moved", person)


def _move_to(record: Record, task: Task, queue: Queue, activity: str, person: User) -> Task:
    """The task in its new queue; where one about the same thing waits there already, that one, and this one is closed."""
    there = Task.objects.filter(entity=task.entity, kind=task.kind, queue=queue, closed_at=None).first()
    if there is not None:
        move(record, task, "released", by=person)
        merge_into(record, there, task, by=person)
        return there
    due = min(task.due_at, timezone.now() + timedelta(seconds=queue.max_wait_seconds))
    move(record, task, activity, by=person, queue=queue, due_at=due)
    return task


def take_back(manager: User, task_id: str) -> Task:
    """Release a claim that somebody else holds. Raises `MayNot` without the right to manage tasks."""
    if not manager.may(Permission.MANAGE_TASKS):
        raise MayNot("Releasing what somebody else holds needs tasks.manage.")
    with recording() as record:
        task = Task.objects.select_for_update().get(pk=task_id)
        claim = task.claims.filter(released_at=None).first()
        if claim is None:
            raise NotHeld("Nobody holds this item.")
        end(claim, "released")
        move(record, task, "released", by=manager)
    return task


def expire(now: datetime | None = None) -> int:
    """Put back what nobody has given a sign of life for; return how many tasks that were. Safe to run anywhere, any time."""
    now = now or timezone.now()
    overdue = Claim.objects.filter(released_at=None, lease_expires_at__lt=now)
    return sum(_expire(task_id, now) for task_id in overdue.values_list("task_id", flat=True))


def _expire(task_id: str, now: datetime) -> bool:
    with recording() as record:
        task = Task.objects.select_for_update(skip_locked=True).filter(pk=task_id).first()
        claim = task and Claim.objects.filter(task=task, released_at=None, lease_expires_at__lt=now).first()
        if not task or not claim:
            return False  # renewed, decided, or being worked on by somebody else's transaction
        end(claim, "lease_expired")
        move(record, task, "lease_expired")
    return True


def release_all(person: User, claims: Iterable[Claim] | None = None) -> None:
    """Put back everything that `person` holds: they are leaving."""
    for claim in claims if claims is not None else list(held_by(person)):
        release(person, claim.task_id)
