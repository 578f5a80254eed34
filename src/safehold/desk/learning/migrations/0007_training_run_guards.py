from django.db import migrations

from safehold.record.guards import immutable

KEPT = ["id", "service_id", "started_by_id", "started_at"]


class Migration(migrations.Migration):
    dependencies = (("learning", "0006_training_runs"),)
    operations = (*immutable("learning_trainingrun", KEPT),)
