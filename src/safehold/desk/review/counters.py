"""The numbers beside "Queues" and "Appeals" in the sidebar: what waits where this person works. One look at an index,
remembered for a moment, for everybody.
"""

from typing import NamedTuple

from django.core.cache import cache
from django.db.models import Count
from django.http import HttpRequest

from safehold.accounts.models import User
from safehold.desk.review.models import Queue, Task
from safehold.web.navigation import counter

REMEMBER_SECONDS = 10


class _Waiting(NamedTuple):
    permission: str
    appeals_only: bool
    waiting: int


def _waiting() -> list[_Waiting]:
    """What waits in each queue, as of a moment ago."""
    known: list[_Waiting] | None = cache.get("review:waiting")
    if known is None:
        # Not joined: the counts come from an index alone.
        rows = Task.objects.filter(state="queued").values("queue").annotate(count=Count("id"))
        counts = {row["queue"]: row["count"] for row in rows}
        known = [
            _Waiting(queue.permission, queue.appeals_only, counts[queue.pk])
            for queue in Queue.objects.filter(pk__in=counts)
        ]
        cache.set("review:waiting", known, REMEMBER_SECONDS)
    return known


@counter("queues")
def queues(request: HttpRequest) -> int:
    person: User = request.user  # type: ignore[assignment]
    return sum(each.waiting for each in _waiting() if not each.appeals_only and person.may(each.permission))


@counter("appeals")
def appeals(request: HttpRequest) -> int:
    return sum(each.waiting for each in _waiting() if each.appeals_only)
