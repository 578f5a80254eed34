from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("banks", "0002_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="bankitem",
            name="bank_item_kind_is_known",
        ),
        migrations.AddField(
            model_name="bank",
            name="variants",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="bank",
            name="video_item_share",
            field=models.FloatField(default=0.0),
        ),
        migrations.AddField(
            model_name="bank",
            name="video_query_share",
            field=models.FloatField(default=0.8),
        ),
        migrations.AddField(
            model_name="bankhit",
            name="item_share",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="bankhit",
            name="query_share",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="bankitem",
            name="frames",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="bankitem",
            name="variants",
            field=models.JSONField(default=dict),
        ),
        migrations.AlterField(
            model_name="bankitem",
            name="kind",
            field=models.CharField(
                choices=[
                    ("pdq", "PDQ (images, frames)"),
                    ("vpdq", "vPDQ (video, by its frames)"),
                    ("video_md5", "MD5 of a video"),
                    ("md5", "MD5 of a file"),
                    ("sha1", "SHA-1 of a file"),
                    ("sha256", "SHA-256 of a file"),
                    ("tlsh", "TLSH of a file"),
                    ("raw_text", "Text (its digest)"),
                    ("url", "URL"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="bank",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("video_query_share__gte", 0),
                    ("video_query_share__lte", 1),
                    ("video_item_share__gte", 0),
                    ("video_item_share__lte", 1),
                ),
                name="video_shares_are_shares",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["pdq", "vpdq", "video_md5", "md5", "sha1", "sha256", "tlsh", "raw_text", "url"])
                ),
                name="bank_item_kind_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "vpdq"), models.Q(("frames", ""), _negated=True)),
                    models.Q(models.Q(("kind", "vpdq"), _negated=True), ("frames", "")),
                    _connector="OR",
                ),
                name="a_video_has_frames",
            ),
        ),
    ]
