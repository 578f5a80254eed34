import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Comments that were compared may be kept, to be labelled; what is old is found to be forgotten."""

    dependencies = (("entities", "0002_guards"), ("sidebyside", "0001_initial"))
    operations = (
        migrations.CreateModel(
            name="ComparedText",
            fields=[
                ("position", models.BigAutoField(primary_key=True, serialize=False)),
                ("words", models.TextField()),
                ("kept_until", models.DateTimeField()),
                (
                    "service",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="entities.service",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="comparison",
            name="text",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="comparisons",
                to="sidebyside.comparedtext",
            ),
        ),
        migrations.AddIndex(model_name="comparison", index=models.Index(fields=["at"], name="comparison_by_age")),
        migrations.AddIndex(
            model_name="comparedtext", index=models.Index(fields=["kept_until"], name="compared_text_to_forget")
        ),
    )
