"""The numbers beside "Queues" and "Appeals" in the sidebar: what waits where this person works. One look at an index,
remembered for a moment, for everybody.
"""

from typing import NamedTuple

from django.core.cache import cache
from django.db.models import Count
from django.http import HttpRequest

from safehold.accounts.models import User
from safehold.desk.review.models import Task
from safehold.web.navigation import counter

REMEMBER_SECONDS = 10


class _Waiting(NamedTuple):
    permission: str
    appeals_only: bool
    count: int


def _waiting() -> list[_Waiting]:
    """What waits in each queue, as of a moment ago."""
    known: list[_Waiting] | None = cache.get("review:waiting")
    if known is None:
        rows = Task.objects.filter(state="queued").values_list("queue__permission", "queue__appeals_only", "queue")
        known = [
            _Waiting(permission, appeals_only, count)
            for permission, appeals_only, _, count in rows.annotate(count=Count("id"))
        ]
        cache.set("review:waiting", known, REMEMBER_SECONDS)
    return known


@counter("queues")
def queues(request: HttpRequest) -> int:
    person: User = request.user  # type: ignore[assignment]
    return sum(each.count for each in _waiting() if not each.appeals_only and person.may(each.permission))


@counter("appeals")
def appeals(request: HttpRequest) -> int:
    return sum(each.count for each in _waiting() if each.appeals_only)
