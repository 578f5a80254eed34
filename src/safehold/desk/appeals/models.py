"""Appeals: complaints against a decision, heard by somebody who had no part in it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from safehold.desk.appeals.states import APPEAL
from safehold.desk.decisions.models import Decision
from safehold.desk.reports.models import Notice
from safehold.desk.review.models import Task
from safehold.ids import new_id
from safehold.record.registry import recorded, salt_field, stateful


def new_appeal_id() -> str:
    return new_id("apl")


class Complainant(models.TextChoices):
    AFFECTED = "affected", "The affected person"
    NOTIFIER = "notifier", "The person who reported it"


@recorded("appeal", at="filed_at", public=("decision_id", "role"))
@stateful("appeal", initial=APPEAL.initial)
class Appeal(models.Model):
    """One complaint about one decision. A database trigger keeps everybody in the decision's chain from hearing it."""

    id = models.CharField(primary_key=True, max_length=40, default=new_appeal_id, editable=False)
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="appeals")
    role = models.CharField(max_length=10, choices=Complainant.choices, default=Complainant.AFFECTED)
    notice = models.ForeignKey(Notice, models.PROTECT, null=True, related_name="appeals")  # the notifier's
    grounds = models.TextField()
    contact = models.EmailField(blank=True)
    language = models.CharField(max_length=12, blank=True)
    filed_at = models.DateTimeField(default=timezone.now)
    window_ends_at = models.DateTimeField()
    task = models.OneToOneField(Task, models.PROTECT, related_name="appeal")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    outcome = models.OneToOneField(Decision, models.PROTECT, null=True, related_name="outcome_of")
    explanation = models.TextField(blank=True)  # what the complainant reads
    decided_at = models.DateTimeField(null=True)
    receipt_mailed_at = models.DateTimeField(null=True)
    outcome_mailed_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=14, default=APPEAL.initial, choices=APPEAL.choices)
    salt = salt_field()

    RECORDED = (
        "id", "decision_id", "role", "notice_id", "grounds", "contact", "language", "filed_at", "window_ends_at",
    )  # fmt: skip

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["decision"], condition=Q(role="affected"), name="the_affected_person_appeals_once"
            ),
            models.UniqueConstraint(fields=["decision", "notice"], name="each_notifier_appeals_once"),
            models.CheckConstraint(
                condition=Q(role="affected", notice=None) | Q(role="notifier", notice__isnull=False),
                name="a_notifier_has_a_notice",
            ),
            models.CheckConstraint(condition=Q(state__in=APPEAL.states), name="appeal_state_is_known"),
            models.CheckConstraint(condition=Q(filed_at__lte=models.F("window_ends_at")), name="appeal_in_its_window"),
        )
        indexes = (
            models.Index(fields=["state", "-filed_at"], name="appeal_by_state"),
            models.Index(
                fields=["filed_at"],
                condition=~Q(contact="")
                & (Q(receipt_mailed_at=None) | Q(outcome_mailed_at=None, decided_at__isnull=False)),
                name="appeal_letter_to_write",
            ),
        )

    def __str__(self) -> str:
        return f"appeal of {self.decision_id}"
