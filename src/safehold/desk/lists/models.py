"""Managed lists: entries that people and feeds bring in and take out while rules run. Each change of a list is a numbered
revision; what a revision did to each entry is kept for ever.

An entry counts as it is once its revision's number is not above the head's: a revision is written in many short
transactions and takes effect in one, when the head moves.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from safehold.desk.lists.states import ENTRY, REVISION
from safehold.ids import new_id
from safehold.record.registry import stateful


def new_revision_id() -> str:
    return new_id("lrv")


class Head(models.Model):
    """Where a list is: the number and the digest of the last revision that is in effect. Whoever changes the list locks it."""

    list = models.CharField(primary_key=True, max_length=60)
    number = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.list} at {self.number}"

    @property
    def version(self) -> str:
        """As verdicts name it."""
        return f"{self.number}-{self.digest[:8]}" if self.number else "0"


class Act(models.TextChoices):
    ENTRY = "entry", "Entry changed"
    IMPORT = "import", "Import"
    REVERT = "revert", "Revert"


class Mode(models.TextChoices):
    ADD = "add", "Add to the list"
    REPLACE = "replace", "Replace what this source listed before"


@stateful("list_revision", initial=REVISION.initial)
class Revision(models.Model):
    """One change of one list. `number` is its place in the list's history, given when it begins to be applied.

    `digest` is SHA-256 over the digest before it, the number and what changed, so that a version names all of its past.
    """

    id = models.CharField(primary_key=True, max_length=40, default=new_revision_id, editable=False)
    list = models.CharField(max_length=60)
    number = models.PositiveIntegerField(null=True)
    act = models.CharField(max_length=10, choices=Act.choices)
    state = models.CharField(max_length=10, default=REVISION.initial, choices=REVISION.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")  # none: the shell
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    applied_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)
    source = models.CharField(max_length=200, blank=True)
    licence = models.CharField(max_length=100, blank=True)
    format = models.CharField(max_length=20, blank=True)
    filename = models.CharField(max_length=255, blank=True)
    file_digest = models.CharField(max_length=64, blank=True)
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.ADD)
    reverts = models.ForeignKey("self", models.PROTECT, null=True, related_name="reverted_by")
    counts = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True)
    done = models.BigIntegerField(default=0)  # how far applying has got: the last row's id

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["list", "number"], name="revisions_are_numbered_once"),
            models.UniqueConstraint(
                fields=["list"], condition=Q(state="applying"), name="one_revision_applies_at_a_time"
            ),
            models.CheckConstraint(condition=Q(state__in=REVISION.states), name="revision_state_is_known"),
            models.CheckConstraint(
                condition=Q(approved_by=None) | Q(by=None) | ~Q(approved_by=F("by")),
                name="nobody_approves_their_own_revision",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["staged", "discarded"]) | Q(number__isnull=False),
                name="what_is_applied_has_a_number",
            ),
        )
        indexes = (models.Index(fields=["list", "-at"], name="revision_of_list"),)

    def __str__(self) -> str:
        return f"{self.list} {self.number or 'staged'}: {self.act}"

    @property
    def unread(self) -> bool:
        """Whether it is an import whose file is still being read, or whose process died meanwhile."""
        return self.act == Act.IMPORT and self.state == "staged" and not self.file_digest

    @property
    def written(self) -> tuple[int, int]:
        """(how many, of how many) rows have been read or written, while that goes on; the second 0 where it isn't known."""
        if self.unread:
            return self.counts.get("rows", 0), self.counts.get("of", 0)
        first, last = self.counts.get("first", 0), self.counts.get("last", 0)
        return max(0, self.done - first + 1), last - first + 1 if last else 0


class Provenance(models.Model):
    """What is known of an entry besides its value; an import brings it, and a change keeps what it was before."""

    allow = models.BooleanField(default=False)
    source = models.CharField(max_length=200, blank=True)
    reference = models.CharField(max_length=500, blank=True)
    confidence = models.PositiveSmallIntegerField(null=True)
    note = models.TextField(blank=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


#: The columns of Provenance.
KNOWN = ("allow", "source", "reference", "confidence", "note", "expires_at")


class Entry(Provenance):
    """One value of one list, in the list's normal form; it stays for ever, whatever its state is.

    Its moves are Changes and no transitions of the ledger, which an import would fill with millions: the ledger has each
    revision, with a digest over all that it changed.
    """

    list = models.CharField(max_length=60)
    value = models.CharField(max_length=2000)
    state = models.CharField(max_length=10, default=ENTRY.initial, choices=ENTRY.choices)
    added_at = models.DateTimeField()
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    revision = models.PositiveIntegerField()  # the number of the last one that changed it

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["list", "value"], name="a_value_is_listed_once"),
            models.CheckConstraint(condition=Q(state__in=ENTRY.states), name="list_entry_state_is_known"),
            models.CheckConstraint(
                condition=Q(confidence=None) | Q(confidence__lte=100), name="confidence_is_a_percentage"
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None) | Q(added_by=None) | ~Q(approved_by=F("added_by")),
                name="nobody_approves_their_own_entry",
            ),
        )
        indexes = (
            models.Index(fields=["list", "revision"], name="entry_by_revision"),
            models.Index(fields=["list", "state", "-id"], name="entry_by_state"),
            models.Index(fields=["list", "-id"], name="entry_of_list"),
        )

    def __str__(self) -> str:
        return f"{self.value} in {self.list}"


class Change(Provenance):
    """What a revision did to an entry: its states, and what was known of it before. Append-only."""

    revision = models.ForeignKey(Revision, models.PROTECT, related_name="changes")
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="changes", db_index=False)
    activity = models.CharField(max_length=20)
    before = models.CharField(max_length=10, blank=True)  # empty: the entry is new
    after = models.CharField(max_length=10)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["entry", "revision"], name="a_revision_changes_an_entry_once"),)

    def __str__(self) -> str:
        return f"{self.entry_id}: {self.before} -> {self.after}"

    @property
    def words(self) -> str:
        """As a timeline says it."""
        if self.activity.startswith("proposed") and self.after == "active":
            return "Added at the shell"
        return self.activity.replace("_", " ").capitalize()


class Staged(Provenance):
    """A row of an import that is not applied yet."""

    revision = models.ForeignKey(Revision, models.CASCADE, related_name="staged", db_index=False)
    value = models.CharField(max_length=2000)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["revision", "value"], name="an_import_has_a_value_once"),)
        indexes = (models.Index(fields=["revision", "id"], name="staged_of_revision"),)

    def __str__(self) -> str:
        return self.value
