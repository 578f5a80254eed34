import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("learning", "0007_training_run_guards"), migrations.swappable_dependency(settings.AUTH_USER_MODEL))
    operations = (
        migrations.CreateModel(
            name="Reading",
            fields=[
                (
                    "text",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="reading",
                        serialize=False, to="learning.text",
                    ),
                ),
                ("features", models.CharField(max_length=100)),
                ("content", models.BinaryField()),
            ],
        ),
        migrations.AlterField(
            model_name="trainingrun",
            name="started_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
    )  # fmt: skip
