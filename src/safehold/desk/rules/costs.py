"""What rules cost, as all gateways measured it (`safehold.engine.costs`): added up by day, read by the console's pages."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, timedelta

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from safehold.desk.rules.models import RuleCost
from safehold.engine.costs import Buckets, Cost, cost_of

#: Days that the figures are over, and that are kept.
DAYS, KEPT = 7, 30
_ADD = (
    "INSERT INTO rules_rulecost (name, hash, day, bucket, timed) VALUES (%s, %s, %s, %s, %s) "
    "ON CONFLICT (name, hash, day, bucket) DO UPDATE SET timed = rules_rulecost.timed + excluded.timed"
)


@dataclass(frozen=True)
class Share:
    """A rule's cost, and what part of all rules' together it is (0 to 1)."""

    cost: Cost
    share: float


def add_costs(found: Buckets, day: date | None = None) -> None:
    """Add what one process measured. The gateway's follower calls it, on a thread of its own."""
    day = day or timezone.now().astimezone(UTC).date()
    rows = [
        (name, digest, connection.ops.adapt_datefield_value(day), bucket, timed)
        for (name, digest), buckets in sorted(found.items())
        for bucket, timed in sorted(buckets.items())
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_ADD, rows)
        RuleCost.objects.filter(day__lt=day - timedelta(days=KEPT)).delete()


def shares(rules: Iterable[tuple[str, str]]) -> dict[str, Share]:
    """By name, for those of these (name, hash) that were measured in the last days. Together they are the policies in force:
    each one's share is of them."""
    since = timezone.now().astimezone(UTC).date() - timedelta(days=DAYS - 1)
    rows = RuleCost.objects.filter(day__gte=since).order_by().values_list("name", "hash", "bucket")
    buckets: dict[tuple[str, str], Counter[int]] = {}
    for name, digest, bucket, timed in rows.annotate(Sum("timed")):
        buckets.setdefault((name, digest), Counter())[bucket] = timed
    costs = {name: cost_of(buckets[name, digest]) for name, digest in rules if (name, digest) in buckets}
    whole = sum(cost.total for cost in costs.values())
    return {name: Share(cost, cost.total / whole if whole else 0.0) for name, cost in costs.items()}
