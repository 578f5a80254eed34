"""Second looks: which decisions of rules a judge or a remote service is asked about, and how far that is."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from safehold.desk.decisions.models import Decision


class Outcome(models.TextChoices):
    ANSWERED = "answered", "Answered"
    FAILED = "failed", "Not answered"
    SKIPPED = "skipped", "Not needed any more"


class Look(models.Model):
    """One question about one decision, by one policy. What was answered is not here but an event of the record, whose id within
    SOURCE is `event_id`. An open row is taken by one worker at a time (`leased_until`)."""

    position = models.BigAutoField(primary_key=True)
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="+", db_index=False)
    policy = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    why = models.TextField(blank=True)  # there is no answer yet, or none at all

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["decision", "policy"], name="one_look_a_policy"),
            models.CheckConstraint(
                condition=Q(finished_at=None, outcome="") | Q(finished_at__isnull=False, outcome__in=Outcome.values),
                name="a_look_that_ended_has_an_outcome",
            ),
        )
        indexes = (models.Index(fields=["next_at"], condition=Q(finished_at=None), name="looks_to_take"),)

    def __str__(self) -> str:
        return self.event_id

    @property
    def event_id(self) -> str:
        """The id of the event that carries the answer: the same however often it is sent."""
        return f"{self.decision_id}:{self.policy}"
