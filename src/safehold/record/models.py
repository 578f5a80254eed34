"""The record's tables: the ledger's entries, tiles and checkpoints, and the rows that have no other home: who did what
(AuditEvent), how things moved (Transition), what was erased (Tombstone). All are append-only, by triggers.

Nobody writes these directly: `safehold.record.recording` does.
"""

from django.db import models

from safehold.ids import new_id
from safehold.record.registry import recorded, salt_field


def new_audit_id() -> str:
    return new_id("aud")


def new_transition_id() -> str:
    return new_id("trn")


def new_tombstone_id() -> str:
    return new_id("tmb")


class LedgerEntry(models.Model):
    """One leaf of the tree. `index` is dense from 0, in the order of commits; `body` is canonical JSON."""

    index = models.BigIntegerField(primary_key=True, db_column="idx")
    kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=64)
    at = models.DateTimeField()
    body = models.TextField()
    leaf_hash = models.BinaryField(max_length=32)

    class Meta:
        db_table = "ledger_entry"
        constraints = (models.UniqueConstraint(fields=["kind", "subject_id"], name="one_entry_of_a_row"),)

    def __str__(self) -> str:
        return f"entry {self.index}: {self.kind} {self.subject_id}"


class Tile(models.Model):
    """A complete tile of C2SP tlog-tiles: 256 hashes, and the root over them, which is one hash of the tile above."""

    pk = models.CompositePrimaryKey("level", "index")
    level = models.SmallIntegerField()
    index = models.BigIntegerField(db_column="idx")
    hashes = models.BinaryField(max_length=8192)
    root = models.BinaryField(max_length=32)

    class Meta:
        db_table = "ledger_tile"

    def __str__(self) -> str:
        return f"tile {self.level}/{self.index}"


class Checkpoint(models.Model):
    """A signed promise that the first `size` entries have this root. `note` is the C2SP signed note as published."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    at = models.DateTimeField()

    class Meta:
        db_table = "ledger_checkpoint"

    def __str__(self) -> str:
        return f"checkpoint of {self.size} entries"


@recorded("audit", at="at", public=("verb", "object_kind"))
class AuditEvent(models.Model):
    """Who did or read what. `actor` is a person's or a key's id, empty for the system itself."""

    RECORDED = ("id", "at", "actor", "verb", "object_kind", "object_id", "detail", "request_id")

    id = models.CharField(primary_key=True, max_length=40, default=new_audit_id, editable=False)
    at = models.DateTimeField()
    actor = models.CharField(max_length=64, default="")
    verb = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    detail = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, default="")
    salt = salt_field()

    class Meta:
        db_table = "audit_event"
        indexes = (
            models.Index(fields=["object_kind", "object_id", "at"], name="audit_of_an_object"),
            # The console's audit trail reads newest first, and ids sort by time.
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["verb", "-id"], name="audit_by_verb"),
            models.Index(fields=["object_kind", "-id"], name="audit_by_kind"),
        )

    def __str__(self) -> str:
        return f"{self.actor or 'system'} {self.verb} {self.object_kind} {self.object_id}"


@recorded("transition", at="at", public=("entity_kind", "entity_id", "from_state", "to_state", "activity"))
class Transition(models.Model):
    """One step in the life of a row: which state it left, which it entered, by what activity, who and when."""

    RECORDED = ("id", "at", "entity_kind", "entity_id", "from_state", "to_state", "activity", "by")

    id = models.CharField(primary_key=True, max_length=40, default=new_transition_id, editable=False)
    at = models.DateTimeField()
    entity_kind = models.CharField(max_length=40)
    entity_id = models.CharField(max_length=64)
    from_state = models.CharField(max_length=40)
    to_state = models.CharField(max_length=40)
    activity = models.CharField(max_length=60)
    by = models.CharField(max_length=64, default="")
    salt = salt_field()

    class Meta:
        db_table = "transition"
        indexes = (models.Index(fields=["entity_kind", "entity_id", "at"], name="transitions_of_a_row"),)

    def __str__(self) -> str:
        return f"{self.entity_kind} {self.entity_id}: {self.from_state} -> {self.to_state}"


@recorded("tombstone", at="at", public=("of_kind", "of_id", "basis"))
class Tombstone(models.Model):
    """That a recorded row's content was erased, on what basis and by whom. The row's entry stays; its salt is gone."""

    RECORDED = ("id", "at", "of_kind", "of_id", "basis", "by")

    id = models.CharField(primary_key=True, max_length=40, default=new_tombstone_id, editable=False)
    at = models.DateTimeField()
    of_kind = models.CharField(max_length=40)
    of_id = models.CharField(max_length=64)
    basis = models.CharField(max_length=200)
    by = models.CharField(max_length=64, default="")
    salt = salt_field()

    class Meta:
        db_table = "tombstone"
        constraints = (models.UniqueConstraint(fields=["of_kind", "of_id"], name="one_tombstone_of_a_row"),)

    def __str__(self) -> str:
        return f"{self.of_kind} {self.of_id} erased: {self.basis}"
