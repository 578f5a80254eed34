"""Hash banks: what is known of media without keeping the media. Each change of a bank is numbered; an item counts as it is
once its number is not above the bank's, so that an import of a million takes effect in one moment.
"""

from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from safehold.desk.banks.states import CHANGE, ITEM, WRITE_BACK
from safehold.ids import new_id
from safehold.record.registry import stateful
from safehold.signals.hashes.kinds import KINDS, MOST_PDQ_DISTANCE, MOST_TLSH_DISTANCE, in_share, key_of, written
from safehold.signals.media.vpdq import ITEM_SHARE, QUERY_SHARE

KIND_CHOICES = [(kind.name, kind.title) for kind in KINDS.values()]


def new_change_id() -> str:
    return new_id("bch")


def new_write_back_id() -> str:
    return new_id("wrb")


class Sign(models.TextChoices):
    POSITIVE = "positive", "Known to violate"
    NEGATIVE = "negative", "Known not to"


class Bank(models.Model):
    """A named set of hashes. `number` and `digest` are those of the last change that is in effect; whoever changes the bank
    locks this row. `enabled_ratio` is the share of its hashes that count (a canary); the others are looked up and shown.
    """

    name = models.CharField(
        primary_key=True, max_length=60,
        validators=[RegexValidator(r"^[A-Za-z][A-Za-z0-9_.-]*$", "letters, digits, _ . and -, from a letter on")],
    )  # fmt: skip
    title = models.CharField(max_length=120, blank=True)
    description = models.TextField(blank=True)
    sign = models.CharField(max_length=8, choices=Sign.choices, default=Sign.POSITIVE)
    enabled_ratio = models.FloatField(default=1.0)
    pdq_distance = models.PositiveSmallIntegerField(default=MOST_PDQ_DISTANCE)
    tlsh_distance = models.PositiveSmallIntegerField(default=30)
    video_query_share = models.FloatField(default=QUERY_SHARE)  # how much of a video must be found in an item
    video_item_share = models.FloatField(default=ITEM_SHARE)  # and of the item in the video
    variants = models.BooleanField(default=False)  # whether cropped and unbarred forms of a picture are indexed with it
    one_side = models.BooleanField(default=False)  # whether those cut at one side are too
    turned = models.BooleanField(default=False)  # and those turned a little
    categories = models.JSONField(default=list, blank=True)
    policy = models.CharField(max_length=120, blank=True)  # the key of the policy that it serves
    retention_days = models.PositiveIntegerField(null=True, blank=True)  # after which an item is retired; none: never
    two_people = models.BooleanField(default=True)  # whether somebody else has to activate what a person adds
    created_at = models.DateTimeField(default=timezone.now)
    number = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(enabled_ratio__gte=0) & Q(enabled_ratio__lte=1), name="enabled_ratio_is_a_share"
            ),
            models.CheckConstraint(condition=Q(sign__in=Sign.values), name="a_bank_is_positive_or_negative"),
            models.CheckConstraint(
                condition=Q(pdq_distance__lte=MOST_PDQ_DISTANCE), name="pdq_distance_is_one_that_is_found"
            ),
            models.CheckConstraint(
                condition=Q(tlsh_distance__lte=MOST_TLSH_DISTANCE), name="tlsh_distance_means_something"
            ),
            models.CheckConstraint(
                condition=Q(video_query_share__gte=0, video_query_share__lte=1)
                & Q(video_item_share__gte=0, video_item_share__lte=1),
                name="video_shares_are_shares",
            ),
        )

    def __str__(self) -> str:
        return self.title or self.name

    @property
    def indexes(self) -> set[str]:
        """The groups of `forms.VARIANTS` that are indexed with a picture unless somebody says otherwise."""
        wanted = {"cropped": self.variants, "one_side": self.one_side, "turned": self.turned}
        return {group for group, is_wanted in wanted.items() if is_wanted}

    @property
    def version(self) -> str:
        return f"{self.number}-{self.digest[:8]}" if self.number else "0"

    @property
    def share(self) -> str:
        """What of it counts, in per cent."""
        return f"{self.enabled_ratio * 100:g} %"


class Act(models.TextChoices):
    SETTINGS = "settings", "Bank changed"
    ITEM = "item", "Item changed"
    IMPORT = "import", "Import"
    EXCHANGE = "exchange", "Fetched"
    RETENTION = "retention", "Kept long enough"


@stateful("bank_change", initial=CHANGE.initial)
class BankChange(models.Model):
    """One change of one bank: of an item, or of a million. `number` is its place in the bank's history.

    `digest` is SHA-256 over the digest before it, the number and what changed, so that a version names all of its past.
    """

    id = models.CharField(primary_key=True, max_length=40, default=new_change_id, editable=False)
    bank = models.ForeignKey(Bank, models.PROTECT, related_name="changes", db_index=False)
    number = models.PositiveIntegerField()
    act = models.CharField(max_length=10, choices=Act.choices)
    state = models.CharField(max_length=10, default=CHANGE.initial, choices=CHANGE.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")  # none: the shell
    at = models.DateTimeField(default=timezone.now)
    note = models.TextField(blank=True)
    source = models.CharField(max_length=200, blank=True)
    filename = models.CharField(max_length=255, blank=True)
    file_digest = models.CharField(max_length=64, blank=True)
    counts = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True)
    done = models.BigIntegerField(default=0)  # rows of the file that are written

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["bank", "number"], name="changes_of_a_bank_are_numbered_once"),
            models.UniqueConstraint(
                fields=["bank"], condition=Q(state="applying"), name="one_import_of_a_bank_at_a_time"
            ),
            models.CheckConstraint(condition=Q(state__in=CHANGE.states), name="bank_change_state_is_known"),
        )
        indexes = (models.Index(fields=["bank", "-at"], name="changes_of_bank"),)

    def __str__(self) -> str:
        return f"{self.bank_id} {self.number}: {self.act}"


class Exchange(models.Model):
    """Where hashes of one bank come from, and where opinions go back to. `secret` is sealed (see decisions.sealing).

    `checkpoint` is the exchange's own, as JSON, after the last page that was written; `progress` what a page shows meanwhile.
    """

    name = models.CharField(
        primary_key=True, max_length=60,
        validators=[RegexValidator(r"^[a-z][a-z0-9_.-]*$", "small letters, digits, _ . and -, from a letter on")],
    )  # fmt: skip
    kind = models.CharField(max_length=30)
    bank = models.ForeignKey(Bank, models.PROTECT, related_name="exchanges")
    config = models.JSONField(default=dict)
    secret = models.TextField(blank=True)
    arrive_active = models.BooleanField(default=False)
    write_back = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    every_minutes = models.PositiveIntegerField(default=60)
    checkpoint = models.JSONField(null=True)
    fetched_at = models.DateTimeField(null=True)  # the last fetch that came to its end
    next_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True)  # some process is fetching
    failures = models.PositiveIntegerField(default=0)  # in a row
    error = models.TextField(blank=True)
    progress = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name

    @property
    def standing(self) -> str:
        """off, fetching, failing, waiting (never fetched) or ok."""
        if not self.enabled:
            return "off"
        if self.leased_until is not None and self.leased_until > timezone.now():
            return "fetching"
        return "failing" if self.error else "ok" if self.fetched_at else "waiting"


class BankItem(models.Model):
    """One hash in one bank; it stays for ever, whatever its state is. A video is known by a digest of its frames; `variants` are
    other forms of a picture, by which it is found too (`signals.hashes.matching.FORMS`).

    Its moves are ItemChanges and no transitions of the ledger, which an import would fill with millions: the ledger has each
    change of the bank, with a digest over all that it changed.
    """

    bank = models.ForeignKey(Bank, models.PROTECT, related_name="items", db_index=False)
    kind = models.CharField(max_length=10, choices=KIND_CHOICES)
    value = models.CharField(max_length=2000)
    frames = models.TextField(blank=True)  # of a video, as vPDQ writes them
    variants = models.JSONField(default=dict)
    state = models.CharField(max_length=11, default=ITEM.initial, choices=ITEM.choices)
    source = models.CharField(max_length=200, blank=True)
    exchange = models.ForeignKey(Exchange, models.PROTECT, null=True, related_name="items")
    reference = models.CharField(max_length=500, blank=True)
    note = models.TextField(blank=True)
    added_at = models.DateTimeField()
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    change = models.PositiveIntegerField()  # the number of the last change of the bank that changed it

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["bank", "kind", "value"], name="a_bank_has_a_hash_once"),
            models.CheckConstraint(condition=Q(state__in=ITEM.states), name="bank_item_state_is_known"),
            models.CheckConstraint(condition=Q(kind__in=list(KINDS)), name="bank_item_kind_is_known"),
            models.CheckConstraint(
                condition=Q(kind="vpdq") & ~Q(frames="") | ~Q(kind="vpdq") & Q(frames=""), name="a_video_has_frames"
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None) | Q(added_by=None) | ~Q(approved_by=F("added_by")),
                name="nobody_activates_their_own_item",
            ),
        )
        indexes = (
            models.Index(fields=["bank", "change"], name="bank_item_by_change"),
            models.Index(fields=["bank", "state", "-id"], name="bank_item_by_state"),
            models.Index(fields=["bank", "-id"], name="bank_item_newest"),
            models.Index(fields=["kind", "value"], name="bank_item_by_value"),
            models.Index(fields=["bank", "added_at"], name="bank_item_by_age"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

    @property
    def shared(self) -> str:
        """As exports and exchanges write it."""
        return written(self.kind, self.frames or self.value)

    @property
    def enabled(self) -> bool:
        """Whether it is in the share of its bank that counts."""
        return in_share(self.value, self.bank.enabled_ratio)


def item_of(kind: str, value: str, **known: Any) -> BankItem:
    """A new item of a hash as `kinds.normal` writes it, not saved."""
    return BankItem(kind=kind, value=key_of(kind, value), frames=value if kind == "vpdq" else "", **known)


class ItemChange(models.Model):
    """What a change of the bank did to one item. Append-only; items that an import or a fetch brought begin without one."""

    change = models.ForeignKey(BankChange, models.PROTECT, related_name="items")
    item = models.ForeignKey(BankItem, models.PROTECT, related_name="moves", db_index=False)
    activity = models.CharField(max_length=20)
    before = models.CharField(max_length=11, blank=True)  # empty: the item is new
    after = models.CharField(max_length=11)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["item", "change"], name="a_change_moves_an_item_once"),)

    def __str__(self) -> str:
        return f"{self.item_id}: {self.before} -> {self.after}"

    @property
    def words(self) -> str:
        """As a timeline says it."""
        return self.activity.replace("_", " ").capitalize()


class Belief(models.TextChoices):
    POSITIVE = "positive", "It violates"
    NEGATIVE = "negative", "It does not"
    SEED = "seed", "Worth a look"
    DISPUTED = "disputed", "Disputed"


class SignalOpinion(models.Model):
    """What somebody thinks of an item: a person here, a decision on appeal, or a member of the exchange it is from.
    Append-only: a newer one of the same party stands for it."""

    item = models.ForeignKey(BankItem, models.PROTECT, related_name="opinions")
    belief = models.CharField(max_length=8, choices=Belief.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    party = models.CharField(max_length=200, blank=True)  # who else: the exchange's member, `the shell`, `an appeal`
    at = models.DateTimeField(default=timezone.now)
    note = models.TextField(blank=True)
    tags = models.JSONField(default=list)
    decision = models.CharField(max_length=40, blank=True)  # that it rests on

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(belief__in=Belief.values), name="a_belief_is_known"),
            models.CheckConstraint(condition=Q(by__isnull=False) | ~Q(party=""), name="an_opinion_is_somebodys"),
        )
        indexes = (models.Index(fields=["item", "-at"], name="opinions_of_item"),)

    def __str__(self) -> str:
        return f"{self.belief} on {self.item_id}"


class BankHit(models.Model):
    """That a decision's content matched an item. `live` is false for what only a canary's share or a negative kept from
    counting."""

    item = models.ForeignKey(BankItem, models.PROTECT, related_name="hits", db_index=False)
    decision = models.CharField(max_length=40)
    at = models.DateTimeField()
    distance = models.PositiveSmallIntegerField()
    query_share = models.FloatField(null=True)  # of videos: how much of it was found in the item
    item_share = models.FloatField(null=True)  # and of the item in it
    live = models.BooleanField(default=True)
    action = models.CharField(max_length=12)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["item", "decision"], name="a_decision_hits_an_item_once"),)
        indexes = (
            models.Index(fields=["decision"], name="bank_hits_of_decision"),
            models.Index(fields=["item", "-at"], name="bank_hits_of_item"),
        )

    def __str__(self) -> str:
        return f"{self.decision} hit {self.item_id}"


class ExchangeRecord(models.Model):
    """Which item a record of an exchange stands for: an update or a deletion names the record, not the hash."""

    exchange = models.ForeignKey(Exchange, models.PROTECT, related_name="records", db_index=False)
    key = models.CharField(max_length=500)
    item = models.ForeignKey(BankItem, models.PROTECT, related_name="records")
    round = models.PositiveIntegerField(default=0)  # the last whole fetch that named it

    class Meta:
        constraints = (models.UniqueConstraint(fields=["exchange", "key", "item"], name="a_record_names_an_item_once"),)

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.key}"


@stateful("write_back", initial=WRITE_BACK.initial)
class WriteBack(models.Model):
    """An opinion on its way to the exchange that its item is from."""

    id = models.CharField(primary_key=True, max_length=40, default=new_write_back_id, editable=False)
    exchange = models.ForeignKey(Exchange, models.PROTECT, related_name="write_backs")
    opinion = models.OneToOneField(SignalOpinion, models.PROTECT, related_name="write_back")
    state = models.CharField(max_length=10, default=WRITE_BACK.initial, choices=WRITE_BACK.choices)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(state__in=WRITE_BACK.states), name="write_back_state_is_known"),
        )
        indexes = (models.Index(fields=["next_at"], condition=Q(state="queued"), name="write_back_to_send"),)

    def __str__(self) -> str:
        return f"{self.opinion_id} to {self.exchange_id}"
