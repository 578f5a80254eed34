from django.db import migrations

from safehold.record.guards import immutable


class Migration(migrations.Migration):
    dependencies = (("reports", "0001_initial"),)
    operations = (
        *immutable("reports_notice", ["id", "service_id", "kind", "entity_id", "reason", "explanation", "received_at"]),
    )
