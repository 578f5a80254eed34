"""Which looks are taken next: those that are due, and of each policy no more at a time than the narrowest of the services that
it asks takes at once. A look waits for services on a thread of its own, so one that answers slowly, or never, holds up the looks
that ask it, and no others. Who calls: `taking.run`.
"""

from collections.abc import Mapping
from datetime import timedelta

import structlog
from django.db import close_old_connections, connection
from django.db.models import F, Q
from django.utils import timezone

from safehold.desk.looks.models import Look
from safehold.desk.looks.setup import Setup
from safehold.gateway.faults import described
from safehold.record.recording import recording

log = structlog.get_logger("safehold.looks")

LEASE = timedelta(minutes=15)
#: Threads in all; where there are more policies than that, each still has one.
MOST_THREADS = 64
#: Looks of policies that nobody is asked by any more: they end at once.
OTHERS = ""


def rooms(setup: Setup) -> dict[str, int]:
    """How many looks there may be at a time, by policy."""
    narrowest: dict[str, int] = {}
    for wanted in setup.looks:
        least = min(setup.services[name].limits.at_once for name in wanted.ask)
        narrowest[wanted.policy] = min(least, narrowest.get(wanted.policy, least))
    share = max(1, MOST_THREADS // (len(narrowest) + 1))
    return {policy: min(room, share) for policy, room in narrowest.items()} | {OTHERS: 1}


def claimed(left: Mapping[str, int]) -> list[tuple[int, str]]:
    """Looks that are due, as (number, policy), which nobody else takes meanwhile; of each policy no more than are `left` to it.
    A failure of the database is logged."""
    try:
        now = timezone.now()
        due = Look.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), finished_at=None, next_at__lte=now)
        full = [policy for policy, room in left.items() if room < 1 and policy != OTHERS]
        if not due.exclude(policy__in=full).exists():  # a look without the writer's lock
            return []
        skip = connection.features.has_select_for_update_skip_locked
        found: list[tuple[int, str]] = []
        with recording():
            for policy, room in left.items():
                if room > 0:
                    own = due.exclude(policy__in=left) if policy == OTHERS else due.filter(policy=policy)
                    rows = own.order_by("next_at", "position").select_for_update(skip_locked=skip)
                    found += [(number, policy) for number in rows.values_list("pk", flat=True)[:room]]
            numbers = [number for number, _ in found]
            Look.objects.filter(pk__in=numbers).update(leased_until=now + LEASE, attempts=F("attempts") + 1)
        return found
    except Exception as error:
        log.error("looks_stalled", **described(error))
        close_old_connections()
        return []
