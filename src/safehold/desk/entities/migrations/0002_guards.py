from django.db import migrations

from safehold.record.guards import append_only


class Migration(migrations.Migration):
    dependencies = (("entities", "0001_initial"),)
    operations = (*append_only("entities_event"), *append_only("entities_entityversion"))
