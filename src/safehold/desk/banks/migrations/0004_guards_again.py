from importlib import import_module

from django.db import migrations

from safehold.record.guards import immutable

#: SQLite loses a table's triggers when it is altered: those of before again, and the frames and forms of an item never change.
_BEFORE = import_module("safehold.desk.banks.migrations.0002_guards").Migration.operations
_OF_ITEMS = ("banks_bankitem_never_changes", "banks_bankitem_never_goes")


class Migration(migrations.Migration):
    dependencies = (("banks", "0003_videos"),)
    operations = (
        *(guard for guard in _BEFORE if guard.name not in _OF_ITEMS),
        *immutable("banks_bankitem", ["id", "bank_id", "kind", "value", "frames", "variants"]),
    )
