from django.db import migrations

from safehold.record.guards import append_only, immutable


class Migration(migrations.Migration):
    dependencies = (("lists", "0001_initial"),)
    operations = (
        *append_only("lists_change"),
        *immutable("lists_entry", ["id", "list", "value"]),
    )
