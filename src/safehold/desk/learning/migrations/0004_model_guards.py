from django.db import migrations

from safehold.record.guards import append_only, immutable

KEPT = ["id", "number", "service_id", "digest", "size", "features", "seed", "until", "taught", "seconds", "trained_at"]


class Migration(migrations.Migration):
    dependencies = (("learning", "0003_models"),)
    operations = (
        *append_only("learning_modelfile"),
        *append_only("learning_auditshare"),
        *immutable("learning_learnedmodel", KEPT),
    )
