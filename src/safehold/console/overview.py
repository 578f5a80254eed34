"""The first page: what needs somebody now, what is being decided, and whether the machinery is well. Every figure comes
from a bounded, indexed query; charts remember what is past.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db.models import Count, Max, Min, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.console.counting import counts, hours, remembered
from safehold.console.decisions import of_service, rows
from safehold.console.policies import known_rules
from safehold.desk.decisions.models import Decision, Delivery, Outbox
from safehold.desk.review.models import Claim, Task
from safehold.desk.review.queues import queues_for
from safehold.engine.verdict import ACTIONS
from safehold.record.models import Checkpoint, LedgerEntry
from safehold.web.words import action_word

#: How many lines the live list keeps.
LINES = 30
#: How far back in the ledger a page that polls looks for what it has not shown yet.
MANY_ENTRIES = 2_000
#: How many of the newest verdicts are looked into for signals that failed.
LOOKED_INTO = 500
DUE_SOON = timedelta(hours=1)


@dataclass(frozen=True)
class Waiting:
    """One queue, as somebody who may work it sees it."""

    slug: str
    title: str
    waiting: int
    held: int
    due_soon: int
    overdue: int
    oldest: Any
    appeals: bool

    @property
    def overdue_text(self) -> str:
        return f"{self.overdue:,} overdue"

    @property
    def due_text(self) -> str:
        return f"{self.due_soon:,} due soon"


def what_waits(person: User) -> list[Waiting]:
    """The queues this person may work that have open tasks, the most pressing first."""
    queues = {queue.pk: queue for queue in queues_for(person)}
    now = timezone.now()
    found = (
        Task.objects.filter(closed_at=None, queue__in=queues)
        .order_by()
        .values("queue")
        .annotate(
            waiting=Count("pk", filter=Q(state="queued")),
            held=Count("pk", filter=~Q(state="queued")),
            due_soon=Count("pk", filter=Q(due_at__lte=now + DUE_SOON, due_at__gt=now)),
            overdue=Count("pk", filter=Q(due_at__lte=now)),
            oldest=Min("created_at"),
        )
    )
    waiting = [
        Waiting(
            slug=row["queue"],
            title=queues[row["queue"]].title,
            appeals=queues[row["queue"]].appeals_only,
            **{name: row[name] for name in ("waiting", "held", "due_soon", "overdue", "oldest")},
        )
        for row in found
    ]
    return sorted(waiting, key=lambda queue: (-queue.overdue, -queue.due_soon, queues[queue.slug].order))


class _Seen(msgspec.Struct):
    error: str | None = None
    signal: str = ""


class _Doubt(msgspec.Struct):
    policy: str
    rule: str
    cause: str


class _Look(msgspec.Struct):
    """The part of a verdict that tells of trouble."""

    undecided: list[_Doubt] = []
    signals: list[_Seen] = []


@dataclass(frozen=True)
class Trouble:
    """What went wrong in the newest verdicts: rules that could not decide, signals that failed, with how often."""

    looked_into: int
    undecided: list[tuple[str, str, int]]
    failed: list[tuple[str, int]]


def trouble() -> Trouble:
    """Look into the newest verdicts; a bounded number, because each has to be read."""
    newest = of_service().filter(person=None).order_by("-decided_at").values_list("verdict", flat=True)[:LOOKED_INTO]
    doubts: Counter[tuple[str, str]] = Counter()
    failures: Counter[str] = Counter()
    looks = [msgspec.convert(verdict, _Look, strict=False) for verdict in newest if verdict]
    for look in looks:
        doubts.update((f"{doubt.policy}/{doubt.rule}", doubt.cause) for doubt in look.undecided)
        failures.update(seen.signal for seen in look.signals if seen.error)
    return Trouble(
        len(looks), [(rule, cause, count) for (rule, cause), count in doubts.most_common(5)], failures.most_common(5)
    )


def by_hour() -> dict[str, Any]:
    """What was decided in each of the last 24 hours: labels, one series an action (`allow` apart: it is nearly all)."""
    edges = hours()
    counted = counts("action", ACTIONS, edges)
    series = [
        (action_word(action).text, "info" if action == "limit" else action_word(action).tone, counted[action])
        for action in ACTIONS
        if action != "allow" and any(counted[action])
    ]
    total = [sum(counted[action][hour] for action in ACTIONS) for hour in range(len(edges) - 1)]
    allowed = sum(counted["allow"])
    return {
        "labels": [f"{edge:%H}" for edge in edges[:-1]],
        "series": series,
        "total": sum(total),
        "totals": total,
        "total_note": f"{_share(allowed, sum(total))} allowed",
        "acted": sum(total) - allowed,
        "acted_note": f"{_share(sum(total) - allowed, sum(total))} of all",
    }


def _share(part: int, whole: int) -> str:
    """`12 %`, `0.3 %`, or a dash of nothing."""
    if not whole:
        return "–"
    per_cent = 100 * part / whole
    return f"{per_cent:.0f} %" if per_cent >= 1 or not part else f"{per_cent:.1f} %"


def top_rules(most: int = 6) -> list[tuple[str, int, int]]:
    """The rules that won most often in the last 24 hours: (policy/rule, how often, per cent of the first)."""
    now = timezone.now()
    found = counts("rule", known_rules(), [now - timedelta(hours=24), now])
    top = sorted(((rule, sum(often)) for rule, often in found.items()), key=lambda pair: (-pair[1], pair[0]))[:most]
    return [(rule, often, round(100 * often / top[0][1])) for rule, often in top if often]


def webhooks() -> dict[str, Any]:
    """How the messages to the platform fare."""
    day_ago = timezone.now() - timedelta(days=1)
    states = Delivery.objects.filter(state__in=("pending", "retrying", "dead_letter")).order_by()
    waiting = dict(states.values_list("state").annotate(Count("pk")))
    waiting["delivered"] = Delivery.objects.filter(state="delivered", created_at__gte=day_ago).count()
    pending, retrying, dead = (waiting.get(state, 0) for state in ("pending", "retrying", "dead_letter"))
    return {
        "pending": pending,
        "retrying": retrying,
        "dead_letter": dead,
        "delivered": waiting["delivered"],
        "note": f"in 24 hours, {pending + retrying:,} on their way",
        "retrying_text": f"{retrying:,} being tried again",
        "dead_text": f"{dead:,} dead letter{'' if dead == 1 else 's'}",
    }


def ledger_head() -> dict[str, Any]:
    newest = Checkpoint.objects.order_by("-size").defer("note", "root").first()
    highest = LedgerEntry.objects.aggregate(highest=Max("index"))["highest"]
    size = 0 if highest is None else highest + 1
    uncovered = size - (newest.size if newest else 0)
    note = "all signed for" if not uncovered else f"{uncovered:,} not signed for yet"
    return {"size": size, "checkpoint": newest, "note": note}


def sent_to_people() -> int:
    """How many decisions of the last 24 hours asked for a person."""
    return of_service().exclude(queue="").filter(decided_at__gte=timezone.now() - timedelta(days=1)).count()


def live(after: int) -> tuple[list[Decision], int]:
    """The newest decisions whose ledger entry comes after `after`, newest first, and where to go on from.

    The ledger's order is that of the commits, so a decision that was written late is never skipped. A page that has just
    been opened, or slept through much, begins with the newest by time: no index finds the decisions among all entries.
    """
    head = LedgerEntry.objects.aggregate(highest=Max("index"))["highest"]
    if head is None or head <= after:
        return [], after
    if after < 0 or head - after > MANY_ENTRIES:
        return list(rows(of_service()).order_by("-decided_at", "-id")[:LINES]), head
    newer = LedgerEntry.objects.filter(index__gt=after, index__lte=head, kind="decision").order_by("-index")
    ids = list(newer.values_list("subject_id", flat=True)[:LINES])
    found = rows(of_service()).in_bulk(ids)
    return [found[row_id] for row_id in ids if row_id in found], head


@require()
@require_GET
def overview(request: SignedInRequest) -> HttpResponse:
    """What somebody sees depends on what they may do; whoever may nothing is told so."""
    may = request.user.may
    context: dict[str, Any] = {"service": settings.SAFEHOLD_SERVICE, "today": timezone.now()}
    if may(Permission.REVIEW) or may(Permission.HEAR_APPEALS):
        held = Claim.objects.filter(reviewer=request.user, released_at=None)
        context["queues"] = what_waits(request.user)
        context["claims"] = list(held.select_related("task__entity", "task__queue"))
        context["claims_text"] = f"{len(context['claims'])} task{'' if len(context['claims']) == 1 else 's'}"
    if may(Permission.READ_DECISIONS):
        context["lines"], context["cursor"] = live(-1)
        context["hours"] = remembered("by-hour", 10, by_hour)
        context["to_people"] = remembered("to-people", 10, sent_to_people)
        context["top"] = remembered("top-rules", 30, top_rules)
        context["trouble"] = remembered("trouble", 30, trouble)
        context["owed"] = Outbox.objects.filter(done_at=None).count()
        context["owed_text"] = f"{context['owed']:,} decisions behind"
        context["to_people_note"] = f"{_share(context['to_people'], context['hours']['total'])} of all"
        context["decisions_href"] = reverse("decisions")
        context["waiting_href"] = f"{reverse('decisions')}?q=is:waiting"
    if may(Permission.READ_WEBHOOKS):
        context["webhooks"] = webhooks()
    if may(Permission.READ_LEDGER):
        context["ledger"] = ledger_head()
    return render(request, "console/overview.html", context)


@require(Permission.READ_DECISIONS)
@never_cache
@require_GET
def live_lines(request: SignedInRequest) -> HttpResponse:
    """What was decided since the cursor: the lines to put on top, and the poll that asks for the next ones."""
    given = request.GET.get("after", "")
    lines, cursor = live(int(given) if given.isdecimal() and len(given) < 19 else -1)
    context = {"lines": lines, "fresh": True}
    response = render(request, "console/parts/live_rows.html", context)
    response["X-Cursor"] = str(cursor)
    return response
