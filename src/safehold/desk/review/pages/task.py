"""One item: the content in its context, and the panel with which it is decided. What people wrote is read here, so
each look is logged. Everything works by keyboard; the keys are in the markup.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, log_read, require
from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.desk.decisions.errors import AlreadyDecided, DecisionRefused
from safehold.desk.decisions.measured import places_of
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.subjects import text_of
from safehold.desk.review import claims
from safehold.desk.review.case import read_case
from safehold.desk.review.claims import MayNot, NotHeld
from safehold.desk.review.deciding import decide_task
from safehold.desk.review.models import Queue, Task, TaskKind
from safehold.desk.review.moves import StaleTask
from safehold.desk.review.pages.forms import DecideForm, panel
from safehold.desk.review.pages.queues import counted, to_next
from safehold.desk.review.queues import may_work, queues_for
from safehold.web.code import marked
from safehold.web.words import action_word

#: A sign of life goes out this many times in one lease.
BEATS = 4


def found(task_id: str) -> Task:
    tasks = Task.objects.select_related(
        "queue", "entity__service", "decision__policy", "decision__event", "decision__person", "outcome__person"
    )
    return get_object_or_404(tasks, pk=task_id)


@require(Permission.READ_CONTENT)
@never_cache
@require_GET
def task(request: SignedInRequest, task_id: str) -> HttpResponse:
    item = found(task_id)
    if item.kind == TaskKind.APPEAL:
        return redirect("appeal", item.appeal.pk)
    if item.kind == TaskKind.LABEL:
        return redirect("label-task", item.pk)
    return show(request, item)


def show(
    request: SignedInRequest, item: Task, form: DecideForm | None = None, refused: str = "", status: int = 200
) -> HttpResponse:
    """The item's page; `form` and `refused` are what was sent and why it was not taken."""
    log_read(request, "task", item.pk, entity=item.entity_id)
    case = read_case(item.entity, item.decision)
    [row] = counted([item.queue])
    context = {
        "task": item,
        "case": case,
        "refused": refused,
        "row": row,
        **panel(request.user, case, form),
        **holding(request.user, item),
    }
    return render(request, "review/task.html", context, status=status)


@require(Permission.READ_CONTENT)
@never_cache
@require_GET
def words(request: SignedInRequest, task_id: str) -> HttpResponse:
    """The text with the words marked that the scores of its verdict come from; where review is blind there is no such thing."""
    item = found(task_id)
    if item.queue.blind:
        raise Http404("Who reviews here does not see what signals measured.")
    log_read(request, "task", item.pk, entity=item.entity_id)
    places = places_of(item.decision.verdict, item.decision.event)
    context = {"marked": marked(text_of(item.decision.event), places), "found": bool(places), "look": "said"}
    return render(request, "review/parts/words.html", context)


def holding(person: User, item: Task) -> dict[str, Any]:
    """Who holds the item, and what this person may do with it."""
    claim = item.claims.filter(released_at=None).select_related("reviewer").first()
    mine = claim is not None and claim.reviewer_id == person.pk
    allowed = may_work(person, item.queue)
    return {
        "claim": claim,
        "mine": mine,
        "beat": max(10, item.queue.lease_seconds // BEATS),
        "may_take": claim is None and item.state == "queued" and allowed and not item.excluded.filter(pk=person.pk).exists(),
        "may_take_back": claim is not None and not mine and person.may(Permission.MANAGE_TASKS),
        "elsewhere": [
            queue for queue in queues_for(person) if queue.pk != item.queue_id and not queue.appeals_only
        ] if mine else [],
    }  # fmt: skip


@require(Permission.REVIEW, Permission.READ_CONTENT)
@never_cache
@require_POST
def decide(request: SignedInRequest, task_id: str) -> HttpResponse:
    """Decide, and go to the next item of the queue."""
    item, form = found(task_id), DecideForm(request.POST)
    if not form.is_valid():
        return show(request, item, form, "Something is missing.", 400)
    data = form.cleaned_data
    try:
        decision = decide_task(
            request.user,
            item.pk,
            version=data["version"],
            over=get_object_or_404(Decision, pk=data["over"], root=item.decision.root),
            action=data["action"],
            policy=data["policy"],
            reason=data["reason"],
            note=data["note"],
            params=form.params,
        )
    except (AlreadyDecided, StaleTask, NotHeld) as stale:
        return show(request, found(task_id), form, str(stale), 409)
    except (DecisionRefused, MayNot) as refused:
        return show(request, item, form, str(refused), 400)
    messages.success(request, f"{action_word(decision.action).text}: {item.entity.kind} {item.entity.external_id}")
    return to_next(request, item.queue)


@require(Permission.REVIEW)
@never_cache
@require_POST
def heartbeat(request: SignedInRequest, task_id: str) -> HttpResponse:
    """A sign of life: the lease with its new end, or that it is gone."""
    try:
        until = claims.renew(request.user, task_id)
    except NotHeld as gone:
        return render(request, "review/parts/lease.html", {"gone": str(gone)})
    lease = claims.held_by(request.user).get(task=task_id)
    context = {
        "claim": lease,
        "task": lease.task,
        "beat": max(10, lease.task.queue.lease_seconds // BEATS),
        "until": until,
    }
    return render(request, "review/parts/lease.html", context)


def _act(do: Callable[[SignedInRequest, Task], str], *, then_next: bool) -> Callable[..., HttpResponse]:
    """A view that does one thing with a task and says so; refusals are said too, on the item's page."""

    @require(Permission.REVIEW)
    @never_cache
    @require_POST
    def view(request: SignedInRequest, task_id: str) -> HttpResponse:
        item = get_object_or_404(Task.objects.select_related("queue"), pk=task_id)
        try:
            said = do(request, item)
        except (NotHeld, MayNot, StaleTask) as refused:
            messages.error(request, str(refused))
            return redirect("task", task_id=task_id)
        if said:
            messages.success(request, said)
        return to_next(request, item.queue) if then_next else redirect("task", task_id=task_id)

    return view


def _claim(request: SignedInRequest, item: Task) -> str:
    claims.claim(request.user, item.pk)
    return ""


def _skip(request: SignedInRequest, item: Task) -> str:
    claims.skip(request.user, item.pk, _version(request))
    return "Skipped. Somebody else gets it."


def _escalate(request: SignedInRequest, item: Task) -> str:
    there = claims.escalate(request.user, item.pk, _version(request))
    return f"It waits in {there.queue.title} now."


def _move(request: SignedInRequest, item: Task) -> str:
    queue = get_object_or_404(Queue, pk=request.POST.get("queue", ""))
    claims.move_to(request.user, item.pk, queue, _version(request))
    return f"It waits in {queue.title} now."


def _take_back(request: SignedInRequest, item: Task) -> str:
    claims.take_back(request.user, item.pk)
    return "It waits for somebody again."


def _version(request: SignedInRequest) -> int | None:
    text = request.POST.get("version", "")
    return int(text) if text.isdecimal() else None


claim = _act(_claim, then_next=False)
skip = _act(_skip, then_next=True)
escalate = _act(_escalate, then_next=True)
move = _act(_move, then_next=True)
take_back = _act(_take_back, then_next=False)


@require(Permission.REVIEW)
@never_cache
@require_POST
def release(request: SignedInRequest, task_id: str) -> HttpResponse:
    """Put the item back and stop: to the queue's page."""
    try:
        item = claims.release(request.user, task_id, _version(request))
    except (NotHeld, StaleTask) as refused:
        messages.error(request, str(refused))
        return redirect("task", task_id=task_id)
    messages.success(request, f"Put back at {timezone.now():%H:%M} UTC.")
    return redirect("queue", slug=item.queue_id)
