import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    """Banks may be named in capitals, as those of Hasher-Matcher-Actioner are. The table stays as it is."""

    dependencies = (("banks", "0004_guards_again"),)
    operations = (
        migrations.AlterField(
            model_name="bank",
            name="name",
            field=models.CharField(
                max_length=60,
                primary_key=True,
                serialize=False,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[A-Za-z][A-Za-z0-9_.-]*$", "letters, digits, _ . and -, from a letter on"
                    )
                ],
            ),
        ),
    )
