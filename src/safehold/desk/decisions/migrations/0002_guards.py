from django.db import migrations

from safehold.record.guards import append_only, immutable, refuse

STRIKES = """
CREATE VIEW decisions_strike AS
SELECT d.id AS decision_id, d.service_id, d.account_id, d.strike_weight AS weight, d.decided_at,
       d.strike_expires_at AS expires_at, o.id AS voided_by_id
FROM decisions_decision d LEFT JOIN decisions_decision o ON o.override_of_id = d.id
WHERE d.strike_weight > 0 AND d.account_id <> ''
"""


class Migration(migrations.Migration):
    dependencies = (("decisions", "0001_initial"),)
    operations = (
        *append_only("decisions_decision"),
        *append_only("decisions_decisionnotice"),
        *append_only("decisions_labelchange"),
        *append_only("decisions_deliveryattempt"),
        *immutable(
            "decisions_action", ["id", "decision_id", "type", "target_kind", "target_id", "params", "starts_at"]
        ),
        *immutable("decisions_delivery", ["id", "endpoint_id", "type", "about", "payload", "created_at"]),
        *immutable("decisions_policyversion", ["id", "key", "digest", "title", "severity"]),
        refuse(
            "decisions_chain_keeps_its_root",
            "decisions_decision",
            "INSERT",
            "NEW.override_of_id IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM decisions_decision d WHERE d.id = NEW.override_of_id AND d.root = NEW.root)",
            "an override belongs to the chain of what it overrides",
        ),
        refuse(
            "decisions_appeal_is_independent",
            "decisions_decision",
            "INSERT",
            "NEW.on_appeal AND EXISTS "
            "(SELECT 1 FROM decisions_decision d WHERE d.root = NEW.root AND d.person_id = NEW.person_id)",
            "who took part in a decision cannot decide its appeal",
        ),
        migrations.RunSQL(STRIKES, "DROP VIEW decisions_strike"),
    )
