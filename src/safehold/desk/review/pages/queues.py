"""The queues: what waits where, for how long, and a start button that gives the next item."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.desk.reports.models import Notice
from safehold.desk.review.claims import MayNot, claim_next, held_by
from safehold.desk.review.models import Claim, Queue, Task
from safehold.desk.review.queues import may_work, queues_for

#: Items that a queue's page lists; the start button finds the others.
SHOWN = 50


@dataclass(frozen=True)
class Waiting:
    """A queue with what waits in it."""

    queue: Queue
    waiting: int
    taken: int
    overdue: int
    oldest: datetime | None
    due: datetime | None
    done_today: int


def counted(queues: Iterable[Queue]) -> list[Waiting]:
    """What waits in these queues, and what was closed today: two queries."""
    queues, now = list(queues), timezone.now()
    open_tasks = Task.objects.filter(queue__in=queues, closed_at=None).values("queue")
    rows = {
        row["queue"]: row
        for row in open_tasks.annotate(
            waiting=Count("id", filter=Q(state="queued")),
            taken=Count("id", filter=Q(state="claimed")),
            overdue=Count("id", filter=Q(due_at__lt=now)),
            oldest=Min("created_at", filter=Q(state="queued")),
            due=Min("due_at"),
        )
    }
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    closed = Task.objects.filter(queue__in=queues, closed_at__gte=today).values("queue").annotate(count=Count("id"))
    done = {row["queue"]: row["count"] for row in closed}
    nothing: dict[str, Any] = {"waiting": 0, "taken": 0, "overdue": 0, "oldest": None, "due": None}
    counts = ((queue, rows.get(queue.pk, nothing)) for queue in queues)
    return [
        Waiting(queue, row["waiting"], row["taken"], row["overdue"], row["oldest"], row["due"], done.get(queue.pk, 0))
        for queue, row in counts
    ]


def summed(rows: Iterable[Waiting]) -> str:
    """The state of these queues in one line."""
    rows = list(rows)
    counts = [
        (sum(row.waiting for row in rows), "waiting"),
        (sum(row.taken for row in rows), "in review"),
        (sum(row.overdue for row in rows), "overdue"),
        (sum(row.done_today for row in rows), "done today"),
    ]
    return (
        ", ".join(f"{count:,} {words}" for count, words in counts if count or words in {"waiting", "done today"}) + "."
    )


@require(Permission.REVIEW)
@never_cache
@require_GET
def queue_list(request: SignedInRequest) -> HttpResponse:
    queues = [queue for queue in queues_for(request.user) if not queue.appeals_only]
    rows = counted(queues)
    rows.sort(key=lambda row: not (row.waiting or row.taken))  # what is empty goes to the end, in its order
    context = {
        "rows": rows,
        "held": list(held_by(request.user).select_related("task__queue", "task__entity")),
        "waiting": sum(row.waiting for row in rows),
        "summary": summed(rows),
    }
    return render(request, "review/queues.html", context)


@require(Permission.REVIEW)
@never_cache
@require_GET
def queue(request: SignedInRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Queue, pk=slug)
    if found.appeals_only:
        return redirect("appeals")
    allowed = may_work(request.user, found)
    [row] = counted([found])
    context = {
        "queue": found,
        "row": row,
        "summary": f"{found.description} {summed([row])}".strip(),
        "waiting": list(_waiting(found, request.user)[:SHOWN]) if allowed else [],
        "taken": list(_taken(found)[:SHOWN]) if allowed else [],
        "allowed": allowed,
        "mine": held_by(request.user, found).first(),
        "now": timezone.now(),
        "shown": SHOWN,
    }
    return render(request, "review/queue.html", context)


def _waiting(queue: Queue, person: User) -> QuerySet[Task]:
    """What waits, the most urgent first, with how often it was reported and whether this person has skipped it."""
    reports = Notice.objects.filter(entity=OuterRef("entity")).order_by().values("entity").annotate(count=Count("id"))
    return (
        Task.objects.filter(queue=queue, state="queued")
        .select_related("entity__owner", "decision__policy")
        .defer("decision__verdict", "decision__policy__spec")
        .annotate(
            reports=Subquery(reports.values("count")),
            skipped=Exists(Task.excluded.through.objects.filter(task=OuterRef("pk"), user=person)),
        )
        .order_by("-priority", "created_at", "id")
    )


def _taken(queue: Queue) -> QuerySet[Claim]:
    """What somebody is looking at."""
    claims = Claim.objects.filter(released_at=None, task__queue=queue)
    return claims.select_related("task__entity", "reviewer").order_by("claimed_at")


@require(Permission.REVIEW)
@require_POST
def start(request: SignedInRequest, slug: str) -> HttpResponse:
    return to_next(request, get_object_or_404(Queue, pk=slug))


def to_next(request: SignedInRequest, queue: Queue) -> HttpResponse:
    """Give the person the next item of the queue and show it, or the queue's page where nothing is left."""
    person = request.user
    try:
        claim = claim_next(person, queue)
    except MayNot as refused:
        messages.error(request, str(refused))
        return redirect("queues")
    if claim is None:
        return redirect("queue", slug=queue.pk)
    return redirect("task", task_id=claim.task_id)
