from django.db import migrations

from safehold.record.guards import immutable


class Migration(migrations.Migration):
    """SQLite rebuilt the table for 0007, and its triggers were gone."""

    dependencies = (("rules", "0007_forgiven"),)
    operations = tuple(immutable("rules_rule", ["id", "name"]))
