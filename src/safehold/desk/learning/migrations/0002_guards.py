from django.db import migrations

from safehold.record.guards import append_only, refuse


class Migration(migrations.Migration):
    dependencies = (("learning", "0001_initial"),)
    operations = (
        *append_only("learning_label"),
        refuse(
            "learning_text_never_changes",
            "learning_text",
            "UPDATE OF service_id, digest, words",
            "NEW.words <> OLD.words OR NEW.digest <> OLD.digest OR NEW.service_id <> OLD.service_id",
            "a text is kept as it was or not at all",
        ),
    )
