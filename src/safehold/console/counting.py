"""How many decisions there were, by hour or day, for charts. What is past does not change, decisions being immutable: an
hour or a day is counted once and remembered, and each count reads one range of an index and nothing else.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from safehold.desk.decisions.models import Decision

Column = Literal["action", "rule"]
T = TypeVar("T")

#: A decision is written within this after its time, so a bucket that ended earlier is complete.
SETTLED = timedelta(minutes=2)
#: Terms of one SELECT; SQLite takes 500.
_TERMS = 400
_REMEMBER = 8 * 86_400
_TABLE = Decision._meta.db_table


def hours(count: int = 24) -> list[datetime]:
    """The edges of the last `count` hours, the present one included: `count` + 1 moments, oldest first."""
    this = timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return [this + timedelta(hours=step) for step in range(1 - count, 2)]


def days(count: int = 7) -> list[datetime]:
    """The edges of the last `count` days in UTC, today included."""
    today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [today + timedelta(days=step) for step in range(1 - count, 2)]


def counts(column: Column, values: Iterable[str], edges: Sequence[datetime]) -> dict[str, list[int]]:
    """value -> how many decisions had it in each bucket [edge, next edge). One query, or none for what is remembered."""
    values = sorted(set(values))
    digest = hashlib.sha256("\n".join(values).encode()).hexdigest()[:16]
    buckets = list(itertools.pairwise(edges))
    keys = {
        bucket: f"console:{settings.SAFEHOLD_SERVICE}:{column}:{digest}:{bucket[0]:%Y%m%d%H}:{bucket[1]:%Y%m%d%H}"
        for bucket in buckets
    }
    known = cache.get_many(keys.values())
    missing = [bucket for bucket in buckets if keys[bucket] not in known]
    counted = _count(column, values, missing)
    settled = timezone.now() - SETTLED
    cache.set_many({keys[bucket]: counted[bucket] for bucket in missing if bucket[1] < settled}, _REMEMBER)
    by_bucket = [known.get(keys[bucket]) or counted.get(bucket, {}) for bucket in buckets]
    return {value: [found.get(value, 0) for found in by_bucket] for value in values}


def _count(
    column: Column, values: Sequence[str], buckets: Sequence[tuple[datetime, datetime]]
) -> dict[tuple[datetime, datetime], dict[str, int]]:
    """Count each value in each bucket: a SELECT of many terms, each of which is a range of one index."""
    asked = [(bucket, value) for bucket in buckets for value in values]
    found: dict[tuple[datetime, datetime], dict[str, int]] = {bucket: {} for bucket in buckets}
    adapt = connection.ops.adapt_datetimefield_value
    for at in range(0, len(asked), _TERMS):
        terms = asked[at : at + _TERMS]
        parameters = [
            parameter
            for number, ((start, end), value) in enumerate(terms, at)
            for parameter in (number, settings.SAFEHOLD_SERVICE, value, adapt(start), adapt(end))
        ]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join([_TERM[column]] * len(terms)), parameters)
            for number, count in cursor.fetchall():
                bucket, value = asked[int(number)]
                found[bucket][value] = count
    return found


# Column names are ours: no text of anybody's is in the SQL.
_TERM: dict[Column, str] = {
    column: f"SELECT CAST(%s AS INTEGER), COUNT(*) FROM {_TABLE} "  # noqa: S608
    f"WHERE service_id = %s AND {column} = %s AND decided_at >= %s AND decided_at < %s"
    for column in ("action", "rule")
}


def remembered(name: str, seconds: int, make: Callable[[], T]) -> T:
    """`make()`, or what it made at most `seconds` ago in this process."""
    key = f"console:{settings.SAFEHOLD_SERVICE}:{name}"
    found = cache.get(key)
    if found is None:
        found = make()
        cache.set(key, found, seconds)
    return found
