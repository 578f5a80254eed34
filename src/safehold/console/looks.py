"""Second looks in the console: how many wait and since when, what came of the others, what each service has been asked today of
what it may, and the newest that got no answer. Nothing of what people wrote is here.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.roles import Permission
from safehold.console.counting import remembered
from safehold.desk.looks.models import Look, Outcome
from safehold.desk.looks.setup import Setup, current
from safehold.desk.looks.taking import kept_of

#: The newest looks without an answer that are shown.
SHOWN = 50


@dataclass(frozen=True)
class ServiceLine:
    """Who is asked, and how much today (UTC). `requests` and `tokens` are None where that can't be read; the greatest are None
    where there is no limit."""

    name: str
    kind: str
    requests: int | None
    most_requests: int | None
    tokens: int | None
    most_tokens: int | None

    @property
    def used_up(self) -> bool:
        """Nothing more is asked of it today."""
        pairs = ((self.requests, self.most_requests), (self.tokens, self.most_tokens))
        return any(most is not None and spent is not None and spent >= most for spent, most in pairs)


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def look_list(request: SignedInRequest) -> HttpResponse:
    setup = current()
    ended = remembered("looks", 10, _ended)
    waiting, since = _waiting()
    context = {
        "on": setup is not None,
        "waiting": waiting,
        "since": since,
        "ended": [(outcome.label, ended.get(outcome.value, 0)) for outcome in Outcome],
        "services": _services(setup) if setup is not None else [],
        "unanswered": Look.objects.exclude(why="").order_by("-position")[:SHOWN],
        "shown": SHOWN,
        "days": setup.looks_days if setup is not None else None,
    }
    return render(request, "console/looks.html", context)


def _ended() -> dict[str, int]:
    found = Look.objects.exclude(outcome="").order_by().values_list("outcome").annotate(Count("pk"))
    return dict(found.iterator())


def _waiting() -> tuple[int, datetime | None]:
    """How many have no answer yet, and since when the first of them waits."""
    found = Look.objects.filter(finished_at=None).aggregate(count=Count("pk"), since=Min("created_at"))
    return found["count"], found["since"]


def _services(setup: Setup) -> list[ServiceLine]:
    spent: dict[str, tuple[int, int]] = {}
    try:
        kept = kept_of(setup)
        try:
            spent = {name: kept.spent(name) for name in setup.services}
        finally:
            kept.close()
    except (sqlite3.Error, OSError):  # shown as unknown: what was spent decides nothing here
        spent = {}
    return [
        ServiceLine(
            name, service.kind, spent[name][0] if name in spent else None, service.limits.requests_a_day,
            spent[name][1] if name in spent else None, service.limits.tokens_a_day,
        )
        for name, service in setup.services.items()
    ]  # fmt: skip
