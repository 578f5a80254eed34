"""Policies as files with a history: every edition of them that was in force, the changes that led there with who wrote and
who approved them, and where each rule is in its life.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from safehold.desk.decisions.models import Decision, PolicyVersion
from safehold.desk.rules.states import BATCH, CHANGE, RULE
from safehold.ids import new_id
from safehold.record.registry import stateful


def new_change_id() -> str:
    return new_id("chg")


def new_rule_id() -> str:
    return new_id("rul")


def new_batch_id() -> str:
    return new_id("bat")


class Kind(models.TextChoices):
    EDIT = "edit", "Edit"
    MODE = "mode", "Promotion"
    RETURN = "return", "Return"
    RELEASE = "release", "Release"
    IMPORT = "import", "Import"


class Source(models.TextChoices):
    CONSOLE = "console", "Console"
    FOLDER = "folder", "Folder"
    GIT = "git", "Git"
    BREAKER = "breaker", "Breaker"


@stateful("policy_change", initial=CHANGE.initial)
class PolicyChange(models.Model):
    """What somebody wants of the policies: whole files, each with the text it was made from.

    `files` = [{"path", "key", "base": SHA-256 of the text it replaces or "", "text": the new text or null to remove it}].
    The text changes in `draft` only. The database lets nobody approve what they wrote.
    """

    id = models.CharField(primary_key=True, max_length=40, default=new_change_id, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.EDIT)
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.CONSOLE)
    policy = models.CharField(max_length=120)  # key of the (first) policy it is about
    rule = models.CharField(max_length=200, blank=True)  # policy/rule, where it is about one
    title = models.CharField(max_length=200)
    note = models.TextField(blank=True)  # why, for whoever approves it
    files = models.JSONField(default=list)
    base = models.PositiveIntegerField()  # number of the edition it was made from
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    author_name = models.CharField(max_length=200, blank=True)  # where it came from outside: `Ada <ada@...>`
    provenance = models.JSONField(default=dict)  # {"commit", "remote", "branch"}, {"version"}
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    proposed_at = models.DateTimeField(null=True)
    needs_approval = models.BooleanField(default=True)
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    reviewed_elsewhere = models.BooleanField(default=False)  # in the Git repository, where the setting says it counts
    approver_note = models.TextField(blank=True)
    settled_at = models.DateTimeField(null=True)
    edition = models.PositiveIntegerField(null=True)  # the edition it led to
    checks = models.JSONField(default=dict)  # what was seen when it was proposed: examples, difference on the record
    state = models.CharField(max_length=12, default=CHANGE.initial, choices=CHANGE.choices)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(state__in=CHANGE.states), name="policy_change_state_is_known"),
            models.CheckConstraint(
                condition=Q(approver=None) | ~Q(approver=F("author")), name="nobody_approves_their_own_change"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("approved", "applied", "rejected", "contested"))
                | Q(approver__isnull=False)
                | Q(reviewed_elsewhere=True)
                | Q(state="applied", needs_approval=False),
                name="a_second_person_has_settled_it",
            ),
        )
        indexes = (
            models.Index(fields=["state", "-created_at"], name="change_by_state"),
            models.Index(fields=["policy", "-created_at"], name="change_of_policy"),
        )

    def __str__(self) -> str:
        return self.title


class Edition(models.Model):
    """The policies of this installation as one whole, as they were put in force. Numbers have no gaps; the newest one
    holds. Append-only: to go back is to go on."""

    number = models.PositiveIntegerField(primary_key=True)
    bundle = models.CharField(max_length=64)
    made_at = models.DateTimeField(default=timezone.now)
    change = models.ForeignKey(PolicyChange, models.PROTECT, null=True, related_name="editions")
    source = models.CharField(max_length=8, choices=Source.choices)

    class Meta:
        indexes = (models.Index(fields=["-number"], name="edition_newest"),)

    def __str__(self) -> str:
        return f"edition {self.number}"


class PolicyFile(models.Model):
    """One policy's file as an edition brought it: the text people wrote, comments and all. An edition's files are, for
    each path, the newest of these up to its number; `text` null is a file that went."""

    edition = models.ForeignKey(Edition, models.PROTECT, related_name="files")
    path = models.CharField(max_length=300)
    key = models.CharField(max_length=120)
    text = models.TextField(null=True)  # noqa: DJ001  null: it went; '' would be a file
    sha256 = models.CharField(max_length=64)
    version = models.ForeignKey(PolicyVersion, models.PROTECT, null=True, related_name="files")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["edition", "path"], name="a_file_once_an_edition"),)
        indexes = (models.Index(fields=["path", "-edition"], name="file_history"),)

    def __str__(self) -> str:
        return f"{self.path} of {self.edition_id}"


@stateful("rule", initial=RULE.initial)
class Rule(models.Model):
    """Where one rule is in its life. What its file says, but that the breaker may have throttled it."""

    id = models.CharField(primary_key=True, max_length=40, default=new_rule_id, editable=False)
    name = models.CharField(max_length=200, unique=True)  # policy/rule
    hash = models.CharField(max_length=64, blank=True)  # of its newest version
    share = models.FloatField(null=True)  # a canary's
    since = models.DateTimeField(default=timezone.now)
    why = models.CharField(max_length=300, blank=True)  # why the breaker throttled it
    #: Matches in the hour of `forgiven_in` from before somebody released it: the breaker counts from there.
    forgiven = models.PositiveIntegerField(default=0)
    forgiven_in = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, default=RULE.initial, choices=RULE.choices)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(state__in=RULE.states), name="rule_state_is_known"),)

    def __str__(self) -> str:
        return self.name

    @property
    def policy(self) -> str:
        return self.name.rpartition("/")[0]

    @property
    def id_in_policy(self) -> str:
        return self.name.rpartition("/")[2]


class GitMark(models.Model):
    """How far the policies and a branch of a Git repository have been brought together: the commit that was looked at last,
    and the newest edition that it has."""

    remote = models.CharField(max_length=500)
    branch = models.CharField(max_length=200)
    commit = models.CharField(max_length=64)
    edition = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["remote", "branch"], name="one_mark_of_a_branch"),)

    def __str__(self) -> str:
        return f"{self.branch} at {self.commit[:10]}"


class RuleCost(models.Model):
    """How often a rule, evaluated alone, took so long on a day: `bucket` is `safehold.engine.costs.bucket_of`. What all
    gateways measured adds up; a rule that was rewritten has another hash, and begins anew."""

    name = models.CharField(max_length=200)  # policy/rule
    hash = models.CharField(max_length=64)
    day = models.DateField()  # UTC
    bucket = models.SmallIntegerField()
    timed = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["name", "hash", "day", "bucket"], name="cost_of_a_day"),)
        indexes = (models.Index(fields=["day"], name="costs_by_day"),)

    def __str__(self) -> str:
        return f"{self.name}: {self.timed}"


class SignalCost(models.Model):
    """How often a signal took so long on a day, of the runs that were looked at, and whether it failed: `bucket` is
    `safehold.engine.costs.bucket_of`. What all gateways measured adds up; another version begins anew."""

    name = models.CharField(max_length=40)
    version = models.CharField(max_length=200)
    failed = models.BooleanField()
    day = models.DateField()  # UTC
    bucket = models.SmallIntegerField()
    timed = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["name", "version", "failed", "day", "bucket"], name="cost_of_a_signals_day"
            ),
        )
        indexes = (models.Index(fields=["day"], name="signal_costs_by_day"),)

    def __str__(self) -> str:
        return f"{self.name}: {self.timed}"


class GitSync(models.Model):
    """A look at the Git repository that did something, failed, or that somebody asked for: the console shows the newest."""

    asked_at = models.DateTimeField(null=True)  # null: the daemon's own round
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    commit = models.CharField(max_length=64, blank=True)  # the newest there when it ended
    change = models.ForeignKey(PolicyChange, models.PROTECT, null=True, related_name="+")  # what came
    in_force = models.BooleanField(default=False)
    pushed = models.PositiveIntegerField(default=0)  # commits that went
    conflicts = models.JSONField(default=list)  # paths that both had changed
    error = models.TextField(blank=True)  # what was wrong, for people

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(started_at__isnull=False), name="what_ended_had_begun"
            ),
            models.UniqueConstraint(
                fields=["asked_by"], condition=Q(asked_by__isnull=False, finished_at=None), name="asked_once_at_a_time"
            ),
        )
        indexes = (models.Index(fields=["-id"], name="git_sync_newest"),)

    def __str__(self) -> str:
        return f"sync {self.pk}"


class BatchKind(models.TextChoices):
    REVERT = "revert", "Revert"
    RETRO = "retro", "Retro-action"


@stateful("batch", initial=BATCH.initial)
class Batch(models.Model):
    """Many decisions at once, by one person, counted before they confirm it. `what` says which: {"rule"} or {"version"}
    or {"batch"} for a revert, with {"since", "until"}; {"rule", "edition", "since", "until"} for a retro-action."""

    id = models.CharField(primary_key=True, max_length=40, default=new_batch_id, editable=False)
    kind = models.CharField(max_length=8, choices=BatchKind.choices)
    what = models.JSONField()
    title = models.CharField(max_length=200)
    reason = models.TextField(blank=True)  # for the people concerned
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    counted = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    left_alone = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, default=BATCH.initial, choices=BATCH.choices)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(state__in=BATCH.states), name="batch_state_is_known"),)
        indexes = (models.Index(fields=["-created_at"], name="batch_newest"),)

    def __str__(self) -> str:
        return self.title

    @property
    def finished_items(self) -> int:
        return self.done + self.left_alone + self.failed

    @property
    def to_do(self) -> int:
        return self.counted - self.finished_items


class BatchItem(models.Model):
    """One decision of a batch: the one it is over, what rules say now (a retro-action), and what came of it."""

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="items")
    over = models.ForeignKey(Decision, models.PROTECT, related_name="+")
    verdict = models.JSONField(null=True)
    made = models.OneToOneField(Decision, models.PROTECT, null=True, related_name="batch_item")
    outcome = models.CharField(max_length=10, blank=True)  # done, left_alone, failed; '' is still to do
    why = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["batch", "over"], name="once_in_a_batch"),)
        indexes = (models.Index(fields=["batch", "id"], condition=Q(outcome=""), name="batch_to_do"),)

    def __str__(self) -> str:
        return f"{self.over_id} of {self.batch_id}"
