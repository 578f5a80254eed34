from django.db import migrations

from safehold.record.guards import append_only

TABLES = ("ledger_entry", "ledger_tile", "ledger_checkpoint", "audit_event", "transition", "tombstone")


class Migration(migrations.Migration):
    dependencies = (("record", "0001_initial"),)
    operations = tuple(guard for table in TABLES for guard in append_only(table))
