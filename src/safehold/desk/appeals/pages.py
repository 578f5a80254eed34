"""Appeals in the console: what waits to be heard, and the hearing: what the person says beside what was decided and why."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, log_read, require
from safehold.accounts.roles import Permission
from safehold.desk.appeals.hearing import OUTCOMES, HearingRefused, hear
from safehold.desk.appeals.models import Appeal
from safehold.desk.decisions.errors import AlreadyDecided, DecisionRefused
from safehold.desk.decisions.models import Decision
from safehold.desk.review import claims
from safehold.desk.review.case import read_case
from safehold.desk.review.claims import MayNot, NotHeld
from safehold.desk.review.models import Queue
from safehold.desk.review.moves import StaleTask
from safehold.desk.review.pages.forms import ACTION_CHOICES, DecideForm, panel
from safehold.desk.review.pages.queues import to_next
from safehold.desk.review.pages.task import holding
from safehold.desk.review.queues import APPEALS
from safehold.web.keyset import keyset_page
from safehold.web.words import word_for

OPEN = ("filed", "assigned", "in_review")
#: outcome -> (key, what one does, what it means).
MEANINGS = {
    "upheld": ("u", "Uphold", "The decision stands"),
    "overturned": ("o", "Overturn", "It was wrong: undo everything it did"),
    "modified": ("c", "Change", "Something else is to hold instead"),
}


class HearForm(DecideForm):
    """The outcome as the panel sends it; an action and a policy only where something is to hold instead."""

    outcome = forms.ChoiceField(
        choices=[(outcome, outcome) for outcome in OUTCOMES],
        error_messages={"required": "Choose an outcome: press U, O or C."},
    )
    explanation = forms.CharField(
        max_length=5_000, error_messages={"required": "Explain the outcome: it is all that the person reads."}
    )
    action = forms.ChoiceField(choices=ACTION_CHOICES, required=False)

    def __init__(self, data: Any, appeal: Appeal) -> None:
        super().__init__(data)
        self.appeal = appeal

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        outcome = data.get("outcome")
        if outcome == "upheld" or (outcome == "overturned" and self.appeal.notice_id is None):
            data |= {"action": "", "policy": None, "seconds": None}
            return data
        if outcome and not data.get("action"):
            self.add_error("action", "Choose what is to hold instead: press one of the letters.")
        return super().clean()


@require(Permission.HEAR_APPEALS)
@never_cache
@require_GET
def appeal_list(request: SignedInRequest) -> HttpResponse:
    decided = request.GET.get("view") == "decided"
    state = ~Q(state__in=OPEN) if decided else Q(state__in=OPEN)
    took_part = Decision.objects.filter(root=OuterRef("decision__root"), person=request.user)
    appeals: QuerySet[Appeal] = (
        Appeal.objects.filter(state)
        .select_related("decision__policy", "task", "reviewer", "outcome")
        .defer("decision__verdict", "outcome__verdict", "decision__policy__spec")
        .annotate(took_part=Exists(took_part))
    )
    context = {
        "page": keyset_page(appeals, request, ("-filed_at", "-id") if decided else ("filed_at", "id")),
        "decided": decided,
        "waiting": claims.waiting(request.user, get_object_or_404(Queue, pk=APPEALS)).count(),
        "open": Appeal.objects.filter(state__in=OPEN).count(),
        "mine": claims.held_by(request.user).filter(task__kind="appeal").select_related("task__appeal").first(),
    }
    return render(request, "appeals/list.html", context)


@require(Permission.HEAR_APPEALS)
@require_POST
def start(request: SignedInRequest) -> HttpResponse:
    return to_next(request, get_object_or_404(Queue, pk=APPEALS))


def found(appeal_id: str) -> Appeal:
    appeals = Appeal.objects.select_related(
        "decision__policy", "decision__event", "decision__person", "decision__statement", "notice", "reviewer",
        "task__queue", "task__entity", "outcome__person",
    )  # fmt: skip
    return get_object_or_404(appeals, pk=appeal_id)


@require(Permission.HEAR_APPEALS, Permission.READ_CONTENT)
@never_cache
@require_GET
def appeal(request: SignedInRequest, appeal_id: str) -> HttpResponse:
    return show(request, found(appeal_id))


def show(
    request: SignedInRequest, item: Appeal, form: HearForm | None = None, refused: str = "", status: int = 200
) -> HttpResponse:
    """The hearing's page; `form` and `refused` are what was sent and why it was not taken."""
    log_read(request, "appeal", item.pk, task=item.task_id)
    case = read_case(item.task.entity, item.decision)
    held = holding(request.user, item.task)
    took_part = any(each.person_id == request.user.pk for each in case.chain)
    statement = getattr(item.decision, "statement", None)
    context = {
        "appeal": item,
        "task": item.task,
        "case": case,
        "refused": refused,
        "took_part": took_part and item.state in OPEN,
        "statement": statement.texts.get(item.language) or statement.texts["en"] if statement else None,
        "outcomes": [
            (outcome, verb, note, word_for("appeal", outcome).icon, word_for("appeal", outcome).tone)
            for outcome, (_, verb, note) in MEANINGS.items()
        ],
        "outcome_keys": "".join(key for key, *_ in MEANINGS.values()),
        "outcome": form["outcome"].value() if form else "",
        "explanation": form["explanation"].value() if form else "",
        **panel(request.user, case, form, without=("allow",)),
        **held,
        "may_take": held["may_take"] and not took_part,
    }
    return render(request, "appeals/hearing.html", context, status=status)


@require(Permission.HEAR_APPEALS)
@never_cache
@require_POST
def claim(request: SignedInRequest, appeal_id: str) -> HttpResponse:
    item = get_object_or_404(Appeal, pk=appeal_id)
    try:
        claims.claim(request.user, item.task_id)
    except (NotHeld, MayNot) as refused:
        messages.error(request, str(refused))
    return redirect("appeal", appeal_id=item.pk)


@require(Permission.HEAR_APPEALS, Permission.READ_CONTENT)
@never_cache
@require_POST
def hear_it(request: SignedInRequest, appeal_id: str) -> HttpResponse:
    """Decide the appeal, and go to the next one."""
    item = found(appeal_id)
    form = HearForm(request.POST, item)
    if not form.is_valid():
        return show(request, item, form, "Something is missing.", 400)
    data = form.cleaned_data
    try:
        hear(
            request.user,
            item.pk,
            version=data["version"],
            over=get_object_or_404(Decision, pk=data["over"], root=item.decision.root),
            outcome=data["outcome"],
            explanation=data["explanation"],
            action=data["action"],
            policy=data["policy"],
            note=data["note"],
            params=form.params if data["action"] else None,
        )
    except (AlreadyDecided, StaleTask, NotHeld) as stale:
        return show(request, found(appeal_id), form, str(stale), 409)
    except (DecisionRefused, HearingRefused, MayNot) as refused:
        return show(request, item, form, str(refused), 400)
    messages.success(request, f"{word_for('appeal', data['outcome']).text}. Everybody concerned is told.")
    return to_next(request, item.task.queue)
