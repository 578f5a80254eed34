from django.db import migrations

from safehold.record.guards import immutable


class Migration(migrations.Migration):
    dependencies = (("transparency", "0001_initial"),)
    operations = (
        *immutable(
            "transparency_statementofreasons", ["id", "decision_id", "texts", "dsa", "excluded_reason", "issued_at"]
        ),
    )
