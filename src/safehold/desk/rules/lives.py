"""Rules' states follow their files: called whenever an edition is put in force. Only the breaker goes beyond the file, and
what it throttled stays throttled while the rule is written the same and its file still wants it to act.
"""

from datetime import UTC, datetime

from django.db.models import Sum
from django.utils import timezone

from safehold.desk.decisions.models import RuleHits
from safehold.desk.moves import move
from safehold.desk.rules.models import Rule
from safehold.desk.rules.states import ACTING, LEADS_TO, RULE
from safehold.engine import Bundle
from safehold.engine.policies.model import Rule as Written
from safehold.record.recording import Record


def follow(record: Record, bundle: Bundle, *, by: str = "", at: datetime | None = None) -> None:
    """Move every rule to where its file has it; one that is no longer in any file is retired."""
    known = {rule.name: rule for rule in Rule.objects.select_for_update()}
    for policy in bundle.policies:
        for written in policy.rules:
            name = f"{policy.key}/{written.id}"
            rule = known.pop(name, None) or Rule.objects.create(name=name)
            _follow(record, rule, written, by, at)
    for rule in known.values():
        if rule.state != "retired":
            _enter(record, rule, "retired", by, at)


def release(record: Record, name: str, bundle: Bundle, *, by: str = "", at: datetime | None = None) -> None:
    """Give a throttled rule back to its file: it acts again."""
    rule = Rule.objects.select_for_update().get(name=name)
    if rule.state == "throttled":
        _enter(record, rule, LEADS_TO[bundle.rule(name).mode], by, at)


def _follow(record: Record, rule: Rule, written: Written, by: str, at: datetime | None) -> None:
    share = written.share if written.mode == "canary" else None
    if rule.state == "throttled" and rule.hash == written.hash and written.mode in ACTING:
        return
    if rule.state != written.mode:
        _enter(record, rule, LEADS_TO[written.mode], by, at)
    if (rule.hash, rule.share) != (written.hash, share):
        rule.hash, rule.share = written.hash, share
        rule.save(update_fields=["hash", "share"])


def _enter(record: Record, rule: Rule, activity: str, by: str, at: datetime | None) -> None:
    if rule.state == "throttled":  # somebody knows what it did: counting begins again
        hour = timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        hits = RuleHits.objects.filter(name=rule.name, hour=hour).aggregate(Sum("hits"))["hits__sum"]
        rule.forgiven, rule.forgiven_in = hits or 0, hour
        rule.save(update_fields=["forgiven", "forgiven_in"])
    move(record, rule, RULE, activity, by=by, at=at)
    rule.why = ""
    if at is not None:
        rule.since = at
    rule.save(update_fields=["why", "since"])
