from django.db import migrations

from safehold.record.guards import immutable

KEPT = ["id", "service_id", "started_by_id", "started_at"]


class Migration(migrations.Migration):
    """SQLite made the table anew when the shell became somebody who may start a training."""

    dependencies = (("learning", "0008_readings"),)
    operations = (*immutable("learning_trainingrun", KEPT),)
