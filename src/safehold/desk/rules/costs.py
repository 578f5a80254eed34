"""What rules and signals cost, as all gateways measured it (`safehold.engine.costs`): added up by day, read by the console's
pages and `safehold signals`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from safehold.desk.rules.models import RuleCost, SignalCost
from safehold.engine.costs import Buckets, Cost, Runs, cost_of

#: Days that the figures are over, and that are kept.
DAYS, KEPT = 7, 30
_ADD = (
    "INSERT INTO rules_rulecost (name, hash, day, bucket, timed) VALUES (%s, %s, %s, %s, %s) "
    "ON CONFLICT (name, hash, day, bucket) DO UPDATE SET timed = rules_rulecost.timed + excluded.timed"
)

_ADD_RUNS = (
    "INSERT INTO rules_signalcost (name, version, failed, day, bucket, timed) VALUES (%s, %s, %s, %s, %s, %s) "
    "ON CONFLICT (name, version, failed, day, bucket) DO UPDATE SET timed = rules_signalcost.timed + excluded.timed"
)


@dataclass(frozen=True)
class Share:
    """A rule's cost, and what part of all rules' together it is (0 to 1)."""

    cost: Cost
    share: float


def keep(found: Buckets, ran: Runs) -> None:
    """Add what one process measured. The gateway's follower calls it, on a thread of its own."""
    add_costs(found)
    add_runs(ran)


def add_costs(found: Buckets, day: date | None = None) -> None:
    """Add what one process measured of rules."""
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


@dataclass(frozen=True)
class Live:
    """A signal at work in the last days: what its runs took, how many of those looked at failed, the runs by bucket, and the
    median of each day in microseconds (None: it did not run), oldest first."""

    cost: Cost
    failed: int
    buckets: Mapping[int, int]
    by_day: tuple[float | None, ...]

    @property
    def runs(self) -> int:
        return self.cost.timed


def add_runs(ran: Runs, day: date | None = None) -> None:
    """Add what one process saw signals take."""
    day = day or timezone.now().astimezone(UTC).date()
    rows = [
        (name, version[:200], failed, connection.ops.adapt_datefield_value(day), bucket, timed)
        for (name, version, failed), buckets in sorted(ran.items())
        for bucket, timed in sorted(buckets.items())
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_ADD_RUNS, rows)
        SignalCost.objects.filter(day__lt=day - timedelta(days=KEPT)).delete()


def live(versions: Mapping[str, str]) -> dict[str, Live]:
    """By name, for those of these signals (name -> version) that ran in the last days."""
    today = timezone.now().astimezone(UTC).date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    rows = SignalCost.objects.filter(day__gte=days[0], name__in=versions).values_list(
        "name", "version", "failed", "day", "bucket", "timed"
    )
    whole: dict[str, Counter[int]] = {}
    by_day: dict[tuple[str, date], Counter[int]] = {}
    failures: Counter[str] = Counter()
    for name, version, failed, day, bucket, timed in rows:
        if version != versions[name][:200]:
            continue
        whole.setdefault(name, Counter())[bucket] += timed
        by_day.setdefault((name, day), Counter())[bucket] += timed
        failures[name] += timed if failed else 0
    return {
        name: Live(
            cost_of(buckets), failures[name], buckets,
            tuple(cost_of(by_day[name, day]).median if (name, day) in by_day else None for day in days),
        )
        for name, buckets in whole.items()
    }  # fmt: skip
