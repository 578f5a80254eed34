from django.db import migrations

from safehold.record.guards import append_only, immutable, refuse


class Migration(migrations.Migration):
    dependencies = (("rules", "0001_initial"), ("decisions", "0002_guards"))
    operations = (
        *append_only("rules_edition"),
        *append_only("rules_policyfile"),
        *immutable("rules_policychange", ["id", "kind", "source", "created_at"]),
        refuse(
            "rules_change_keeps_its_author",
            "rules_policychange",
            "UPDATE OF author_id",
            "OLD.author_id IS NOT NULL AND (NEW.author_id IS NULL OR NEW.author_id <> OLD.author_id)",
            "a change keeps its author",
        ),
        refuse(
            "rules_proposed_text_stays",
            "rules_policychange",
            "UPDATE OF files, needs_approval",
            "OLD.state NOT IN ('draft', 'stale') AND "
            "(CAST(NEW.files AS TEXT) <> CAST(OLD.files AS TEXT) OR NEW.needs_approval <> OLD.needs_approval)",
            "what was proposed is what is approved: its text changes only in a draft",
        ),
        *immutable("rules_rule", ["id", "name"]),
    )
