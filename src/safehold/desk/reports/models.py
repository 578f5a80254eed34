"""What users, trusted flaggers and authorities tell us: notices in the DSA's sense."""

from django.db import models
from django.utils import timezone

from safehold.desk.entities.models import Entity, Event, Service
from safehold.desk.reports.states import NOTICE
from safehold.ids import new_id
from safehold.record.registry import recorded, salt_field, stateful


def new_notice_id() -> str:
    return new_id("ntc")


class NoticeKind(models.TextChoices):
    USER_REPORT = "user_report", "User report"
    ARTICLE_16 = "art16_notice", "Notice of illegal content (DSA Art. 16)"
    TRUSTED_FLAGGER = "trusted_flagger", "Trusted flagger"
    ORDER_ACT = "order_art9", "Order to act (DSA Art. 9)"
    ORDER_INFORM = "order_art10", "Order to inform (DSA Art. 10)"
    OSA_COMPLAINT = "osa_complaint", "Complaint (UK OSA)"
    PROACTIVE = "proactive", "Own initiative"


@recorded("notice", at="received_at", public=("service_id", "good_faith"))
@stateful("notice", initial=NOTICE.initial)
class Notice(models.Model):
    """Somebody says that something is wrong with an entity."""

    id = models.CharField(primary_key=True, max_length=40, default=new_notice_id, editable=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=NoticeKind.choices)
    event = models.OneToOneField(Event, models.PROTECT, to_field="id", null=True, related_name="notice")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="notices")
    reason = models.CharField(max_length=60)
    explanation = models.TextField(blank=True)
    locators = models.JSONField(default=list)
    notifier_account_id = models.CharField(max_length=256, blank=True)
    notifier_contact = models.EmailField(blank=True)  # may be missing: nobody must give a name to report child abuse
    good_faith = models.BooleanField(default=False)
    language = models.CharField(max_length=12, blank=True)
    state = models.CharField(max_length=20, default=NOTICE.initial, choices=NOTICE.choices)
    received_at = models.DateTimeField(default=timezone.now)
    receipt_sent_at = models.DateTimeField(null=True)
    decision_notified_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=12, blank=True)  # the last one: actioned, no_action, duplicate, inadmissible
    salt = salt_field()

    RECORDED = (
        "id", "service_id", "kind", "event_id", "entity_id", "reason", "explanation", "locators",
        "notifier_account_id", "notifier_contact", "good_faith", "language", "received_at",
    )  # fmt: skip

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(state__in=NOTICE.states), name="notice_state_is_known"),
        )
        indexes = (
            models.Index(fields=["service", "-received_at"], name="notice_newest"),
            models.Index(fields=["service", "state", "-received_at"], name="notice_by_state"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} about {self.entity}"
