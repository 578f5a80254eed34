"""Labels: that a text is, or is not, an attribute, by whose word; and the models that learned from them. What was said stays as
it was said; a correction is another label, and `standing` says which of them counts.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from safehold.desk.entities.models import Event, Service
from safehold.desk.learning.sources import SOURCES
from safehold.desk.learning.states import MODEL, TRAINING
from safehold.desk.review.models import Task
from safehold.ids import new_id
from safehold.record.registry import stateful


class Text(models.Model):
    """The exact words that labels are about, kept for `SAFEHOLD_LABEL_DAYS` after the last label. Labels know them by their
    digest, so that what was said stays when the words go."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="+", db_index=False)
    digest = models.CharField(max_length=64)  # SHA-256 of the words in UTF-8
    words = models.TextField()
    kept_until = models.DateTimeField(null=True)  # None: for ever

    class Meta:
        constraints = (models.UniqueConstraint(fields=["service", "digest"], name="a_text_is_kept_once"),)
        indexes = (models.Index(fields=["kept_until"], condition=Q(kept_until__isnull=False), name="text_to_forget"),)

    def __str__(self) -> str:
        return self.digest[:12]


class Reading(models.Model):
    """What the models' representation is of a text (`safehold.signals.community.features.packed`), made once for all trainings.
    It goes with the words, and is made anew where `features` is another version than the one that reads now."""

    text = models.OneToOneField(Text, models.CASCADE, primary_key=True, related_name="reading")
    features = models.CharField(max_length=100)
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"reading of {self.text_id}"


class Label(models.Model):
    """One word on one text. `reference` is what it came of: a decision's id, a client's own token; with it a source says the
    same thing once, and contradicts itself in a label of its own (`taking.submit`)."""

    position = models.BigAutoField(primary_key=True)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+", db_index=False)
    digest = models.CharField(max_length=64)
    attribute = models.CharField(max_length=40)
    value = models.FloatField()  # how much it is: 0 not at all, 1 wholly
    source = models.CharField(max_length=16, choices=[(source.name, source.label) for source in SOURCES.values()])
    reference = models.CharField(max_length=200, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )  # none: an API's, or from a file
    key = models.CharField(max_length=40, blank=True)  # the id of the API key that brought it
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["service", "digest", "attribute", "source", "reference"], name="a_source_says_a_thing_once"
            ),
            models.CheckConstraint(condition=Q(value__gte=0) & Q(value__lte=1), name="a_label_is_between_0_and_1"),
            models.CheckConstraint(condition=Q(source__in=list(SOURCES)), name="label_source_is_known"),
            models.CheckConstraint(condition=~Q(attribute=""), name="a_label_has_an_attribute"),
        )
        indexes = (
            models.Index(fields=["service", "source", "-position"], name="label_by_source"),
            models.Index(fields=["service", "attribute", "-position"], name="label_by_attribute"),
        )

    def __str__(self) -> str:
        return f"{self.attribute} {self.value:g} by {self.source}"


#: What somebody can say of a text: it is, it is not, nobody could tell. `withdrawn`: it was taken back before anybody said.
ANSWERS = ("yes", "no", "unclear")


class Asked(models.Model):
    """A text that somebody is asked to label, as a task of the review queue. `turn` is 1, or 2 where a second person is asked of
    the same text, so that agreement can be measured, or 3 where those two contradict each other. Who labels is told neither
    `why` it was chosen (`unsure`, `audit`) nor `probability`, what `model` says."""

    task = models.OneToOneField(Task, models.PROTECT, primary_key=True, related_name="asked")
    service = models.ForeignKey(Service, models.PROTECT, related_name="+", db_index=False)
    event = models.ForeignKey(Event, models.PROTECT, to_field="id", related_name="+")
    digest = models.CharField(max_length=64)
    attribute = models.CharField(max_length=40)
    turn = models.PositiveSmallIntegerField(default=1)
    why = models.CharField(max_length=10)
    probability = models.FloatField(null=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )  # none: the shell
    answer = models.CharField(max_length=10, blank=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")  # who answered
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["service", "digest", "attribute", "turn"], condition=~Q(answer="withdrawn"),
                name="a_text_is_asked_about_once_a_turn",
            ),
            models.UniqueConstraint(
                fields=["service", "digest", "attribute", "person"], condition=Q(person__isnull=False),
                name="nobody_agrees_with_themselves",
            ),
            models.CheckConstraint(condition=Q(turn__in=[1, 2, 3]), name="a_text_is_asked_about_thrice_at_most"),
            models.CheckConstraint(
                condition=Q(answer__in=["", "withdrawn"], person=None, answered_at=None)
                | Q(answer__in=ANSWERS, person__isnull=False, answered_at__isnull=False),
                name="an_answer_is_somebodys",
            ),
        )  # fmt: skip
        indexes = (models.Index(fields=["service", "attribute", "answer"], name="asked_by_answer"),)

    def __str__(self) -> str:
        return f"{self.attribute} of {self.event_id}"


def new_model_id() -> str:
    return new_id("lmd")


class AuditShare(models.Model):
    """The salt by which texts of a service are drawn that no model is trained on. Made once; another one would let models be
    measured on what they were taught."""

    service = models.OneToOneField(Service, models.PROTECT, primary_key=True, related_name="+")
    salt = models.CharField(max_length=64)
    share = models.FloatField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(share__gte=0.1) & Q(share__lte=0.2), name="a_tenth_to_a_fifth_is_audited"
            ),
        )

    def __str__(self) -> str:
        return f"{self.share:.0%} of {self.service_id}"


@stateful("learned_model", initial=MODEL.initial)
class LearnedModel(models.Model):
    """A model trained on this installation's labels, up to the one at position `until`. What it is never changes; its state
    does. `report` is `safehold.signals.community.training.Lessons`."""

    id = models.CharField(primary_key=True, max_length=40, default=new_model_id, editable=False)
    number = models.PositiveIntegerField(unique=True)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, default=MODEL.initial, choices=MODEL.choices)
    digest = models.CharField(max_length=64, unique=True)  # of its file
    size = models.PositiveIntegerField()
    features = models.CharField(max_length=100)
    seed = models.PositiveIntegerField()
    until = models.BigIntegerField()
    taught = models.CharField(max_length=64)
    base = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")  # of old ones: what they began with
    report = models.JSONField()
    seconds = models.FloatField()
    note = models.TextField(blank=True)
    trained_at = models.DateTimeField(default=timezone.now)
    trained_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )  # none: the shell
    promoted_at = models.DateTimeField(null=True)
    promoted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    previous = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")  # what was live before it

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["state"], condition=Q(state="live"), name="one_model_is_live"),
            models.UniqueConstraint(fields=["state"], condition=Q(state="shadow"), name="one_model_is_in_shadow"),
            models.CheckConstraint(condition=Q(state__in=MODEL.states), name="model_state_is_known"),
            models.CheckConstraint(
                condition=Q(promoted_by=None) | Q(trained_by=None) | ~Q(promoted_by=F("trained_by")),
                name="nobody_promotes_their_own_model",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["live", "retired"]) | Q(promoted_at__isnull=False),
                name="what_is_live_was_promoted",
            ),
        )

    def __str__(self) -> str:
        return f"Model {self.number}"

    @property
    def name(self) -> str:
        """As verdicts name it."""
        return f"{self.number}-{self.digest[:8]}"


class ModelFile(models.Model):
    """The bytes of a model."""

    model = models.OneToOneField(LearnedModel, models.PROTECT, primary_key=True, related_name="file")
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"file of {self.model_id}"


def new_run_id() -> str:
    return new_id("trn")


@stateful("training_run", initial=TRAINING.initial)
class TrainingRun(models.Model):
    """A training that somebody started, from the console or at the shell, how far it is, and what became of it (`runs`)."""

    id = models.CharField(primary_key=True, max_length=40, default=new_run_id, editable=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, default=TRAINING.initial, choices=TRAINING.choices)
    step = models.CharField(max_length=100, default="Starting")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    cancel_asked = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    model = models.ForeignKey(LearnedModel, models.PROTECT, null=True, related_name="+")  # what came of it
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )  # none: the shell
    started_at = models.DateTimeField(default=timezone.now)
    said_at = models.DateTimeField(default=timezone.now)  # the last sign of life

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["service"], condition=Q(state="running"), name="one_training_at_a_time"),
            models.CheckConstraint(condition=Q(state__in=TRAINING.states), name="training_run_state_is_known"),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class ShadowRun(models.Model):
    """How far a model in shadow has got with the record: the position of the last event it was asked about."""

    model = models.OneToOneField(LearnedModel, models.PROTECT, primary_key=True, related_name="shadow_run")
    position = models.BigIntegerField()
    passed_over = models.BigIntegerField(default=0)  # events it was not asked about, because more came than it is given

    def __str__(self) -> str:
        return f"{self.model_id} at {self.position}"


class ShadowScore(models.Model):
    """What a model in shadow says of the text of an event, and what the live one says: attribute -> probability, 0 to 1. Apart
    from verdicts, and gone with the newest `shadow.KEPT`."""

    position = models.BigAutoField(primary_key=True)
    model = models.ForeignKey(LearnedModel, models.PROTECT, related_name="+", db_index=False)
    live = models.ForeignKey(LearnedModel, models.PROTECT, null=True, related_name="+")
    event = models.ForeignKey(Event, models.PROTECT, to_field="id", related_name="+")
    said = models.JSONField()
    live_said = models.JSONField(default=dict)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["model", "event"], name="a_shadow_scores_an_event_once"),)

    def __str__(self) -> str:
        return f"{self.model_id} on {self.event_id}"
