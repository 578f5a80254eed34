"""Decisions, what they do, and how the platform hears of it. A rule's verdict and a person's are the same `Decision`,
made by another decider. Decisions are immutable; what changes is whether another decision overrides them.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from safehold.desk.decisions.states import ACTION, DELIVERY, UNDER_WAY
from safehold.desk.entities.models import Event, Service
from safehold.desk.reports.models import Notice
from safehold.engine.verdict import ACTIONS
from safehold.ids import new_id
from safehold.record.registry import recorded, salt_field, stateful

ACTION_CHOICES = [(action, action.capitalize()) for action in ACTIONS]


def new_policy_version_id() -> str:
    return new_id("pol")


def new_decision_id() -> str:
    return new_id("dec")


def new_action_id() -> str:
    return new_id("act")


def new_endpoint_id() -> str:
    return new_id("whk")


def new_delivery_id() -> str:
    return new_id("msg")


class Automation(models.TextChoices):
    FULLY = "fully", "Fully automated"
    PARTIALLY = "partially", "Partially automated"
    NOT_AUTOMATED = "not_automated", "Not automated"


class PolicyVersion(models.Model):
    """One policy as it stood: what reviewers read, what people are told, what law it rests on. Immutable but for its end."""

    id = models.CharField(primary_key=True, max_length=40, default=new_policy_version_id, editable=False)
    key = models.CharField(max_length=120)
    digest = models.CharField(max_length=64)  # SHA-256 of all that can change a verdict or a text
    title = models.CharField(max_length=200)
    severity = models.CharField(max_length=10)
    # guidance, notices by language, dsa, appeal, strikes, rules with hash and source, examples
    spec = models.JSONField()
    effective_from = models.DateTimeField(default=timezone.now)
    effective_to = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["key"], condition=Q(effective_to=None), name="one_version_in_force"),
        )
        indexes = (models.Index(fields=["key", "-effective_from"], name="policy_history"),)

    def __str__(self) -> str:
        return self.title


#: What the ledger says of a decision in clear: how it came about and what it does, never about whom.
PUBLIC = (
    "service_id", "subject_kind", "action", "policy_id", "rule", "bundle", "detection_automated", "automation",
    "override_of_id", "on_appeal",
)  # fmt: skip


@recorded("decision", at="decided_at", public=PUBLIC)
class Decision(models.Model):
    """What was decided about an entity as it stood in an event, by whom, on which ground, and why."""

    id = models.CharField(primary_key=True, max_length=40, default=new_decision_id, editable=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+", db_index=False)
    event = models.ForeignKey(Event, models.PROTECT, to_field="id", related_name="decisions")
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=256)
    account_id = models.CharField(max_length=256, blank=True)
    action = models.CharField(max_length=12, choices=ACTION_CHOICES)
    policy = models.ForeignKey(PolicyVersion, models.PROTECT, null=True, related_name="decisions", db_index=False)
    rule = models.CharField(max_length=200, blank=True)  # policy/rule of the winner
    policies = models.JSONField(default=list)  # keys of every policy that was broken, the primary one first
    reason = models.TextField(blank=True)  # why, for the affected person: the facts relied on
    note = models.TextField(blank=True)  # why, for colleagues
    queue = models.CharField(max_length=60, blank=True)  # where the decider wants a person to look
    bundle = models.CharField(max_length=64, blank=True)  # decider: the rules of this bundle...
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )  # ...or this person
    verdict = models.JSONField(null=True)  # the engine's whole answer
    detection_automated = models.BooleanField()
    automation = models.CharField(max_length=14, choices=Automation.choices)
    root = models.CharField(max_length=40)  # the first decision of its chain of overrides: itself, or another
    override_of = models.OneToOneField("self", models.PROTECT, null=True, related_name="overridden_by")
    on_appeal = models.BooleanField(default=False)
    strike_weight = models.PositiveSmallIntegerField(default=0)
    strike_expires_at = models.DateTimeField(null=True)
    params = models.JSONField(default=dict)  # of the action: {"seconds": 86400}, {"labels": [{"name":..,"on":..}]}
    decided_at = models.DateTimeField(default=timezone.now)
    salt = salt_field()

    RECORDED = (
        "id", "service_id", "event_id", "subject_kind", "subject_id", "account_id", "action", "policy_id", "rule",
        "policies", "reason", "note", "queue", "bundle", "person_id", "verdict", "detection_automated", "automation",
        "root", "override_of_id", "on_appeal", "strike_weight", "strike_expires_at", "params", "decided_at",
    )  # fmt: skip

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=(Q(person=None) & ~Q(bundle="")) | (Q(person__isnull=False) & Q(bundle="")),
                name="a_decision_has_one_decider",
            ),
            models.CheckConstraint(
                condition=(Q(automation="fully") & Q(person=None)) | (~Q(automation="fully") & Q(person__isnull=False)),
                name="fully_automated_means_nobody_decided",
            ),
            models.CheckConstraint(
                condition=Q(on_appeal=False) | (Q(override_of__isnull=False) & Q(person__isnull=False)),
                name="appeals_are_heard_by_people",
            ),
            models.CheckConstraint(
                condition=(Q(override_of=None) & Q(root=F("id"))) | (Q(override_of__isnull=False) & ~Q(root=F("id"))),
                name="a_chain_starts_with_its_root",
            ),
            models.CheckConstraint(condition=Q(action__in=ACTIONS), name="decision_action_is_known"),
        )
        indexes = (
            models.Index(fields=["service", "-decided_at"], name="decision_newest"),
            models.Index(fields=["service", "account_id", "-decided_at"], name="decision_of_account"),
            models.Index(fields=["service", "subject_kind", "subject_id"], name="decision_of_subject"),
            models.Index(fields=["service", "action", "-decided_at"], name="decision_by_action"),
            models.Index(fields=["service", "rule", "-decided_at"], name="decision_by_rule"),
            models.Index(fields=["policy", "-decided_at"], name="decision_by_policy"),
            # Few rows, which the console looks for among all the others.
            models.Index(
                fields=["service", "-decided_at"], condition=Q(person__isnull=False), name="decision_by_people"
            ),
            models.Index(fields=["service", "-decided_at"], condition=~Q(queue=""), name="decision_for_people"),
            models.Index(fields=["root"], condition=Q(on_appeal=True), name="decision_on_appeal"),
            models.Index(fields=["root"], name="decision_chain"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.subject_kind} {self.subject_id}"


class DecisionNotice(models.Model):
    """That a decision answers a notice."""

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="notice_links")
    notice = models.ForeignKey(Notice, models.PROTECT, related_name="decision_links")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["decision", "notice"], name="a_decision_answers_a_notice_once"),)

    def __str__(self) -> str:
        return f"{self.decision_id} answers {self.notice_id}"


class RuleHits(models.Model):
    """How often a rule matched in an hour, by what came of it: live and canary act; shadow, throttled and suppressed do
    nothing. The gateway adds to it with the decisions themselves; pages and the breaker read it."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=200)  # policy/rule
    mode = models.CharField(max_length=10)
    hour = models.DateTimeField()  # its beginning, UTC
    hits = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["service", "name", "mode", "hour"], name="hits_of_an_hour"),)
        indexes = (models.Index(fields=["hour"], name="hits_by_hour"),)

    def __str__(self) -> str:
        return f"{self.name}: {self.hits}"


@stateful("action", initial=ACTION.initial)
class Action(models.Model):
    """One thing a decision does to one target, and how far the platform has got with it."""

    id = models.CharField(primary_key=True, max_length=40, default=new_action_id, editable=False)
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="actions")
    type = models.CharField(max_length=12, choices=[choice for choice in ACTION_CHOICES if choice[0] != "allow"])
    target_kind = models.CharField(max_length=40)
    target_id = models.CharField(max_length=256)
    params = models.JSONField(default=dict)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    territorial_scope = models.JSONField(default=list)  # ISO 3166-1 alpha-2; empty: everywhere
    state = models.CharField(max_length=20, default=ACTION.initial, choices=ACTION.choices)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~Q(type="suspend") | Q(ends_at__isnull=False), name="a_suspension_ends"),
            models.CheckConstraint(condition=~Q(type="terminate") | Q(ends_at=None), name="a_termination_has_no_end"),
            models.CheckConstraint(condition=Q(state__in=ACTION.states), name="action_state_is_known"),
            models.CheckConstraint(condition=Q(type__in=ACTIONS[1:]), name="action_type_is_known"),
        )
        indexes = (
            models.Index(fields=["target_kind", "target_id", "state"], name="action_on_target"),
            models.Index(fields=["ends_at"], condition=Q(state__in=UNDER_WAY), name="action_to_expire"),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.target_kind} {self.target_id}"


class LabelChange(models.Model):
    """The feed of labels set and voided, in order. The engine follows it; what holds now is the fold of it."""

    position = models.BigAutoField(primary_key=True)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    external_id = models.CharField(max_length=256)
    name = models.CharField(max_length=80)
    expires_at = models.DateTimeField(null=True)
    voided = models.BooleanField(default=False)
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="label_changes")

    class Meta:
        indexes = (models.Index(fields=["service", "kind", "external_id"], name="labels_of_entity"),)

    def __str__(self) -> str:
        return f"{'-' if self.voided else '+'}{self.name} {self.kind} {self.external_id}"


class Strike(models.Model):
    """A strike against an account: a view over decisions, never a counter. Voided when its decision is overridden."""

    decision = models.OneToOneField(Decision, models.DO_NOTHING, primary_key=True, related_name="strike")
    service = models.ForeignKey(Service, models.DO_NOTHING, related_name="+")
    account_id = models.CharField(max_length=256)
    weight = models.PositiveSmallIntegerField()
    decided_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    voided_by = models.ForeignKey(Decision, models.DO_NOTHING, null=True, related_name="+")

    class Meta:
        managed = False
        db_table = "decisions_strike"

    def __str__(self) -> str:
        return f"{self.weight} on {self.account_id}"


class Outbox(models.Model):
    """What was committed and still has to be carried on: written with its cause, in the same transaction."""

    position = models.BigAutoField(primary_key=True)
    topic = models.CharField(max_length=40)  # decision.made
    reference = models.CharField(max_length=40)
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["topic", "reference"], name="one_outbox_row_a_cause"),)
        indexes = (models.Index(fields=["position"], condition=Q(done_at=None), name="outbox_to_do"),)

    def __str__(self) -> str:
        return f"{self.topic} {self.reference}"


class Endpoint(models.Model):
    """A URL at the platform that receives webhooks (Standard Webhooks). Secrets are kept sealed (see sealing.py);
    after a rotation both sign until `previous_until`, so that the platform can change over without losing a message.
    """

    id = models.CharField(primary_key=True, max_length=40, default=new_endpoint_id, editable=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    url = models.URLField(max_length=500)
    description = models.CharField(max_length=200, blank=True)
    secret = models.TextField()
    previous_secret = models.TextField(blank=True)
    previous_until = models.DateTimeField(null=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.url


@stateful("delivery", initial=DELIVERY.initial)
class Delivery(models.Model):
    """One message to one endpoint. `id` is the Standard Webhooks message id, so a receiver can ignore a repeat."""

    id = models.CharField(primary_key=True, max_length=40, default=new_delivery_id, editable=False)
    endpoint = models.ForeignKey(Endpoint, models.PROTECT, related_name="deliveries")
    type = models.CharField(max_length=60)  # action.apply, action.reverse, statement.issued, appeal.decided, ...
    action = models.ForeignKey(Action, models.PROTECT, null=True, related_name="deliveries")
    about = models.CharField(max_length=40)  # id of the action, statement, notice or appeal it tells of
    payload = models.TextField()  # the exact bytes that are signed and sent
    state = models.CharField(max_length=20, default=DELIVERY.initial, choices=DELIVERY.choices)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True)  # a sender is at it; if it dies, another goes on from then
    created_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(state__in=DELIVERY.states), name="delivery_state_is_known"),)
        indexes = (
            models.Index(fields=["next_at"], condition=Q(state__in=["pending", "retrying"]), name="delivery_to_send"),
            models.Index(fields=["state", "-created_at"], name="delivery_by_state"),
            models.Index(fields=["about"], name="delivery_about"),
        )

    def __str__(self) -> str:
        return f"{self.type} to {self.endpoint}"


class DeliveryAttempt(models.Model):
    """One try: what the endpoint answered, or why it could not be asked."""

    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="tries")
    at = models.DateTimeField(default=timezone.now)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    response_digest = models.CharField(max_length=64, blank=True)
    milliseconds = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.status or self.error}"
