from importlib import import_module

from django.db import migrations, models

#: SQLite loses a table's triggers when it is altered.
_BEFORE = import_module("safehold.desk.banks.migrations.0002_guards").Migration.operations


class Migration(migrations.Migration):
    """Which other forms of a picture a bank indexes: those cut at one side, and those turned a little, beside the cropped ones."""

    dependencies = (("banks", "0005_names_as_hma_writes_them"),)
    operations = (
        migrations.AddField(model_name="bank", name="one_side", field=models.BooleanField(default=False)),
        migrations.AddField(model_name="bank", name="turned", field=models.BooleanField(default=False)),
        *(guard for guard in _BEFORE if guard.name == "banks_bank_goes_on"),
    )
