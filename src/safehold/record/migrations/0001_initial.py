from django.db import migrations, models

import safehold.ledger.entry
import safehold.record.models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("root", models.BinaryField(max_length=32)),
                ("note", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_checkpoint",
            },
        ),
        migrations.CreateModel(
            name="Tile",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "level", "index", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("level", models.SmallIntegerField()),
                ("index", models.BigIntegerField(db_column="idx")),
                ("hashes", models.BinaryField(max_length=8192)),
                ("root", models.BinaryField(max_length=32)),
            ],
            options={
                "db_table": "ledger_tile",
            },
        ),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=safehold.record.models.new_audit_id,
                        editable=False,
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("actor", models.CharField(default="", max_length=64)),
                ("verb", models.CharField(max_length=60)),
                ("object_kind", models.CharField(max_length=40)),
                ("object_id", models.CharField(max_length=64)),
                ("detail", models.JSONField(default=dict)),
                ("request_id", models.CharField(default="", max_length=64)),
                ("salt", models.CharField(default=safehold.ledger.entry.new_salt, editable=False, max_length=64)),
            ],
            options={
                "db_table": "audit_event",
                "indexes": [
                    models.Index(fields=["object_kind", "object_id", "at"], name="audit_of_an_object"),
                    models.Index(fields=["actor", "-id"], name="audit_by_actor"),
                    models.Index(fields=["verb", "-id"], name="audit_by_verb"),
                    models.Index(fields=["object_kind", "-id"], name="audit_by_kind"),
                ],
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                ("index", models.BigIntegerField(db_column="idx", primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=40)),
                ("subject_id", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                ("body", models.TextField()),
                ("leaf_hash", models.BinaryField(max_length=32)),
            ],
            options={
                "db_table": "ledger_entry",
                "constraints": [models.UniqueConstraint(fields=("kind", "subject_id"), name="one_entry_of_a_row")],
            },
        ),
        migrations.CreateModel(
            name="Tombstone",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=safehold.record.models.new_tombstone_id,
                        editable=False,
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("of_kind", models.CharField(max_length=40)),
                ("of_id", models.CharField(max_length=64)),
                ("basis", models.CharField(max_length=200)),
                ("by", models.CharField(default="", max_length=64)),
                ("salt", models.CharField(default=safehold.ledger.entry.new_salt, editable=False, max_length=64)),
            ],
            options={
                "db_table": "tombstone",
                "constraints": [models.UniqueConstraint(fields=("of_kind", "of_id"), name="one_tombstone_of_a_row")],
            },
        ),
        migrations.CreateModel(
            name="Transition",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=safehold.record.models.new_transition_id,
                        editable=False,
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("entity_kind", models.CharField(max_length=40)),
                ("entity_id", models.CharField(max_length=64)),
                ("from_state", models.CharField(max_length=40)),
                ("to_state", models.CharField(max_length=40)),
                ("activity", models.CharField(max_length=60)),
                ("by", models.CharField(default="", max_length=64)),
                ("salt", models.CharField(default=safehold.ledger.entry.new_salt, editable=False, max_length=64)),
            ],
            options={
                "db_table": "transition",
                "indexes": [models.Index(fields=["entity_kind", "entity_id", "at"], name="transitions_of_a_row")],
            },
        ),
    ]
