from django.db import migrations

from safehold.record.guards import append_only, immutable, refuse

#: Every move of `states.ITEM` that leads from one state to another.
MOVES = (
    "quarantined>active", "active>disputed", "negative>disputed", "disputed>active", "disputed>negative",
    "quarantined>retired", "active>retired", "disputed>retired", "negative>retired", "retired>quarantined",
    "retired>active",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = (("banks", "0001_initial"),)
    operations = (
        *append_only("banks_itemchange"),
        *append_only("banks_signalopinion"),
        *append_only("banks_bankhit"),
        *immutable("banks_bankitem", ["id", "bank_id", "kind", "value"]),
        refuse(
            "banks_bankitem_moves",
            "banks_bankitem",
            "UPDATE OF state",
            "NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN ("
            + ", ".join(f"'{m}'" for m in MOVES)
            + ")",
            "an item of a bank does not move so",
        ),
        refuse(
            "banks_bank_goes_on",
            "banks_bank",
            "UPDATE OF number",
            "NEW.number < OLD.number",
            "a bank's number does not go back",
        ),
    )
