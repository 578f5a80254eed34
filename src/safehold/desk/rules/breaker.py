"""The breaker's memory and its word: what rules did lately, for `safehold.gateway.breaker`; and a rule that it held back,
throttled for every process, recorded, told to people. Called through the gateway's store.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Min, Sum
from django.utils import timezone

from safehold.desk.decisions.deliveries import stamp, tell_platform
from safehold.desk.decisions.models import Decision, RuleHits
from safehold.desk.moves import move
from safehold.desk.rules.in_force import lock, newest
from safehold.desk.rules.models import Edition, Rule, Source
from safehold.desk.rules.states import RULE
from safehold.gateway.breaker import Counts, History
from safehold.record.recording import recording

#: How far back a rule's history goes.
DAYS = 7


def counts(quotas: Mapping[str, int], now: datetime | None = None) -> Counts:
    """What the record says now, over all services: each rule's hours, rules' actions of the day where there is a quota, what
    is throttled."""
    now = (now or timezone.now()).astimezone(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    since, day = hour - timedelta(days=DAYS), hour.replace(hour=0)
    ours = RuleHits.objects.filter(hour__gte=since)
    by_hour = ours.order_by().values_list("name", "hour").annotate(Sum("hits"))
    past: dict[str, list[int]] = {}
    present: dict[str, int] = {}
    for name, at, hits in by_hour:
        if at == hour:
            present[name] = hits
        else:
            past.setdefault(name, []).append(hits)
    first = dict(ours.order_by().values_list("name").annotate(Min("hour")))
    rules = Decision.objects.filter(person=None, decided_at__gte=day)
    return Counts(
        history={
            name: History(
                mean=sum(past.get(name, ())) / max(1.0, (hour - first[name]) / timedelta(hours=1)),
                busiest=max(past.get(name, (0,))),
                now=present.get(name, 0),
                known_hours=int((hour - first[name]) / timedelta(hours=1)),
            )
            for name in first
        },
        today={action: rules.filter(action=action).count() for action in quotas},
        throttled=frozenset(Rule.objects.filter(state="throttled").values_list("name", flat=True)),
        forgiven=dict(Rule.objects.filter(forgiven_in=hour).values_list("name", "forgiven")),
    )


def throttle(name: str, why: str) -> None:
    """Throttle a rule that acts. Another edition, the files the same, tells every gateway; a webhook tells the platform."""
    with recording() as record:
        lock()
        rule = Rule.objects.select_for_update().filter(name=name).first()
        if rule is None or "throttled" not in RULE.possible(rule.state):
            return  # another process was quicker, or a person
        move(record, rule, RULE, "throttled")
        rule.why, rule.since = why[:300], timezone.now()
        rule.save(update_fields=["why", "since"])
        bundle = Edition.objects.get(number=newest()).bundle
        Edition.objects.create(number=newest() + 1, bundle=bundle, source=Source.BREAKER)
        record.audit("rule.throttled", "rule", rule.pk, detail={"rule": name, "why": why})
        told = {"rule": name, "why": why, "throttled_at": stamp(rule.since)}
        tell_platform(settings.SAFEHOLD_SERVICE, "rule.throttled", rule.pk, told)
