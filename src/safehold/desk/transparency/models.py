"""Statements of reasons (DSA Art. 17 and 24(5)): derived from a decision, its actions and the policy's version."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from safehold.desk.decisions.models import Decision
from safehold.desk.transparency.states import STATEMENT
from safehold.ids import new_id
from safehold.record.registry import recorded, salt_field, stateful


def new_statement_id() -> str:
    return new_id("sor")


@recorded("statement", at="issued_at", public=("decision_id", "excluded_reason"))
@stateful("statement", initial=STATEMENT.initial)
class StatementOfReasons(models.Model):
    """What the affected person is told, per language, and the fields for the EU's database. Its text never changes."""

    id = models.CharField(primary_key=True, max_length=40, default=new_statement_id, editable=False)
    decision = models.OneToOneField(Decision, models.PROTECT, related_name="statement")
    texts = models.JSONField()  # {"en": {"what": .., "why": .., ...}}
    dsa = models.JSONField()  # the body of POST /api/v1/statement, schema in force since 2025-07-01
    excluded_reason = models.CharField(max_length=60, blank=True)
    issued_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)  # the restriction was lifted on an overturned decision
    state = models.CharField(max_length=18, default=STATEMENT.initial, choices=STATEMENT.choices)
    salt = salt_field()

    RECORDED = ("id", "decision_id", "texts", "dsa", "excluded_reason", "issued_at")

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(state__in=STATEMENT.states), name="statement_state_is_known"),
            models.CheckConstraint(
                condition=~Q(state="withheld") | ~Q(excluded_reason=""), name="a_withheld_statement_says_why"
            ),
        )

    def __str__(self) -> str:
        return f"statement of {self.decision_id}"
