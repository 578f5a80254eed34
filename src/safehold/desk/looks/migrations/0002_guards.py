from django.db import migrations

from safehold.record.guards import refuse


class Migration(migrations.Migration):
    dependencies = (("looks", "0001_initial"),)
    operations = (
        refuse(
            "looks_a_look_ends_once",
            "looks_look",
            "UPDATE",
            "OLD.finished_at IS NOT NULL",
            "a look that ended stays as it ended",
        ),
        refuse(
            "looks_a_look_asks_one_thing",
            "looks_look",
            "UPDATE OF decision_id, policy",
            "NEW.decision_id <> OLD.decision_id OR NEW.policy <> OLD.policy",
            "a look is about one decision, by one policy",
        ),
    )
