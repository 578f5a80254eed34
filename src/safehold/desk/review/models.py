"""Queues, the tasks in them, and who holds which. A claim is a lease; the database allows one open claim a task."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from safehold.accounts.roles import Permission
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Entity, Service
from safehold.desk.review.states import TASK
from safehold.ids import new_id
from safehold.record.registry import stateful

OPEN_STATES = ("queued", "claimed", "decided", "held")


def new_task_id() -> str:
    return new_id("tsk")


def new_claim_id() -> str:
    return new_id("clm")


#: The queue of samples for blind review (a backtest's), and that of texts to label; each is made when there is one.
BLIND = "backtest"
LABELLING = "labelling"


class Queue(models.Model):
    """Where tasks wait. `default` takes whatever names a queue that is not there: nothing is dropped."""

    slug = models.SlugField(primary_key=True, max_length=60)
    title = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    max_wait_seconds = models.PositiveIntegerField(default=86_400)  # after that a task is overdue
    lease_seconds = models.PositiveIntegerField(default=300)  # how long a claim lasts without a sign of life
    permission = models.CharField(max_length=40, default=Permission.REVIEW.value)  # who may work it
    escalates_to = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    appeals_only = models.BooleanField(default=False)
    order = models.PositiveSmallIntegerField(default=100)

    def __str__(self) -> str:
        return self.title

    @property
    def blind(self) -> bool:
        """Whether reviewers here are not shown what rules or people said before."""
        return self.slug in (BLIND, LABELLING)


class TaskKind(models.TextChoices):
    REVIEW = "review", "Review"
    REPORT = "report", "Report"
    APPEAL = "appeal", "Appeal"
    LABEL = "label", "Label"  # nothing is decided: somebody says what a text is, for models to learn from


#: Kinds of which each task stands for itself, also where there are two about one thing.
APART = (TaskKind.APPEAL, TaskKind.LABEL)


@stateful("task", initial=TASK.initial)
class Task(models.Model):
    """Something a person has to decide: about an entity, in the light of the decision that asks for it."""

    id = models.CharField(primary_key=True, max_length=40, default=new_task_id, editable=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=TaskKind.choices)
    queue = models.ForeignKey(Queue, models.PROTECT, related_name="tasks")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="tasks")
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="tasks")  # what is looked at again
    outcome = models.OneToOneField(Decision, models.PROTECT, null=True, related_name="decided_task")
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children")
    priority = models.SmallIntegerField(default=0)  # the higher, the sooner
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=12, default=TASK.initial, choices=TASK.choices)
    version = models.PositiveIntegerField(default=0)  # rises with each change: two people can't both act on one sight
    excluded = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["entity", "kind", "queue"],
                # Each appeal is heard on its own, and what is labelled twice is two tasks.
                condition=Q(state__in=OPEN_STATES) & ~Q(kind__in=["appeal", "label"]),
                name="one_open_task",
            ),
            models.CheckConstraint(condition=Q(state__in=TASK.states), name="task_state_is_known"),
        )
        indexes = (
            models.Index(
                fields=["queue", "-priority", "created_at", "id"],
                condition=Q(state="queued"),
                name="task_next_in_queue",
            ),
            models.Index(fields=["queue", "state", "due_at"], condition=Q(closed_at=None), name="task_open_in_queue"),
            models.Index(fields=["queue", "closed_at"], name="task_closed_in_queue"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.entity}"


class Claim(models.Model):
    """That somebody holds a task, until `lease_expires_at` or until released. Kept as history."""

    id = models.CharField(primary_key=True, max_length=40, default=new_claim_id, editable=False)
    task = models.ForeignKey(Task, models.PROTECT, related_name="claims")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="claims")
    claimed_at = models.DateTimeField(default=timezone.now)
    lease_expires_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, blank=True)  # decided, skipped, released, lease_expired, escalated, moved

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["task"], condition=Q(released_at=None), name="one_open_claim_a_task"),
        )
        indexes = (
            models.Index(fields=["lease_expires_at"], condition=Q(released_at=None), name="claim_to_expire"),
            models.Index(fields=["reviewer", "-claimed_at"], name="claim_of_person"),
        )

    def __str__(self) -> str:
        return f"{self.reviewer} holds {self.task_id}"
