from django.db import migrations

from safehold.record.guards import immutable, refuse

#: NEW.person took part in the chain that decision {0} belongs to.
IN_CHAIN = (
    "EXISTS (SELECT 1 FROM decisions_decision appealed "
    "JOIN decisions_decision part ON part.root = appealed.root "
    "WHERE appealed.id = {decision} AND part.person_id = {person})"
)
HEARS = f"NEW.reviewer_id IS NOT NULL AND {IN_CHAIN.format(decision='NEW.decision_id', person='NEW.reviewer_id')}"
MESSAGE = "who took part in a decision cannot hear its appeal"


class Migration(migrations.Migration):
    dependencies = (("appeals", "0001_initial"), ("review", "0001_initial"), ("decisions", "0002_guards"))
    operations = (
        *immutable("appeals_appeal", ["id", "decision_id", "role", "grounds", "filed_at", "window_ends_at"]),
        refuse("appeals_new_appeal_is_independent", "appeals_appeal", "INSERT", HEARS, MESSAGE),
        refuse("appeals_appeal_stays_independent", "appeals_appeal", "UPDATE OF reviewer_id", HEARS, MESSAGE),
        refuse(
            "review_claim_of_an_appeal_is_independent",
            "review_claim",
            "INSERT",
            "EXISTS (SELECT 1 FROM review_task t WHERE t.id = NEW.task_id AND t.kind = 'appeal') AND "  # noqa: S608
            + IN_CHAIN.format(
                decision="(SELECT t.decision_id FROM review_task t WHERE t.id = NEW.task_id)", person="NEW.reviewer_id"
            ),
            MESSAGE,
        ),
    )
