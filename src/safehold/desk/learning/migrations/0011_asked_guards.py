from django.db import migrations

from safehold.record.guards import immutable, refuse

KEPT = ["task_id", "service_id", "event_id", "digest", "attribute", "turn", "why"]


class Migration(migrations.Migration):
    dependencies = (("learning", "0010_asked"),)
    operations = (
        *immutable("learning_asked", KEPT),
        refuse(
            "an_answer_stays",
            "learning_asked",
            "UPDATE OF answer, person_id",
            "OLD.answer <> '' AND (NEW.answer <> OLD.answer OR NEW.person_id <> OLD.person_id)",
            "what somebody said of a text stays; a correction is another label",
        ),
    )
