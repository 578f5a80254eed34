"""Taking back all that a rule, a version or a batch did, and applying a rule to the past: asked for, counted, confirmed by typing
the count, watched. Everything that happens is done by `desk.rules.batches`.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.roles import Permission
from safehold.desk.moves import MovedMeanwhile
from safehold.desk.rules import batches
from safehold.desk.rules.models import Batch, BatchKind
from safehold.states import InvalidTransition

#: Shown of a batch's decisions: those with a reason first, then the first ones.
SHOWN = 20
LISTED = 100


class NewBatch(forms.Form):
    """What somebody wants of many decisions at once."""

    kind = forms.ChoiceField(choices=BatchKind.choices, widget=forms.HiddenInput)
    rule = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    version = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    batch = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To, included", widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(
        label="Why, for the people concerned", widget=forms.Textarea(attrs={"rows": 3}), max_length=2000
    )

    def clean(self) -> dict[str, object]:
        cleaned: dict[str, object] = super().clean() or {}
        if cleaned.get("kind") == BatchKind.RETRO:
            for name in ("since", "until"):
                if not cleaned.get(name):
                    self.add_error(name, "A retro-action needs both ends of its period.")
        return cleaned


@require(Permission.READ_POLICIES)
@require_GET
def batch_list(request: SignedInRequest) -> HttpResponse:
    found = Batch.objects.select_related("person").order_by("-created_at")[:LISTED]
    return render(request, "console/batches.html", {"batches": found})


@require(Permission.REVERT_DECISIONS)
@never_cache
@require_http_methods(["GET", "POST"])
def batch_new(request: SignedInRequest) -> HttpResponse:
    """Say what, and have it counted: nothing is done by this yet."""
    today = timezone.now().date()
    asked = {name: request.GET.get(name, "") for name in ("kind", "rule", "version", "batch")}
    asked["kind"] = asked["kind"] or BatchKind.REVERT.value
    if asked["kind"] == BatchKind.RETRO:
        asked |= {
            "since": str(today - timedelta(days=7)),
            "until": str(today),
            "reason": "A rule was applied to the past.",
        }
    form = NewBatch(request.POST or None, initial=asked)
    if form.is_valid():
        try:
            return redirect("batch", _begin(request, form.cleaned_data).pk)
        except batches.BatchRefused as refused:
            form.add_error(None, str(refused))
    shown = {name: form[name].value() for name in ("kind", "rule", "version", "batch")}
    return render(request, "console/batch_new.html", {"form": form, **shown}, status=422 if form.errors else 200)


def _begin(request: SignedInRequest, asked: dict[str, object]) -> Batch:
    since, until = (_midnight(asked[name], days) for name, days in (("since", 0), ("until", 1)))
    reason = str(asked["reason"])
    if asked["kind"] == BatchKind.RETRO and since and until:
        return batches.retro(request.user, rule=str(asked["rule"]), since=since, until=until, reason=reason)
    named = {name: str(asked[name] or "") for name in ("rule", "version", "batch")}
    return batches.revert(request.user, **named, reason=reason, since=since, until=until)


def _midnight(day: object, after: int) -> datetime | None:
    """The beginning of a day in UTC, or of the one after it."""
    if not day:
        return None
    return datetime.combine(day, time(), UTC) + timedelta(days=after)  # type: ignore[arg-type]  # the form's date


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def batch(request: SignedInRequest, batch_id: str) -> HttpResponse:
    """A batch, as far as it is; the page asks for its middle again while something happens."""
    found = get_object_or_404(Batch.objects.select_related("person"), pk=batch_id)
    items = found.items.select_related("over", "made")
    told = list(items.exclude(why="").order_by("id")[:SHOWN])
    actions = dict(found.items.order_by().values_list("over__action").annotate(Count("pk")))
    accounts = found.items.exclude(over__account_id="").aggregate(n=Count("over__account_id", distinct=True))["n"]
    context = {
        "batch": found, "told": told, "items": list(items.order_by("id")[:SHOWN]), "actions": sorted(actions.items()),
        "accounts": accounts, "may": request.user.may(Permission.REVERT_DECISIONS),
        "busy": found.state in ("looking", "running"),
    }  # fmt: skip
    part = getattr(request, "htmx", None)
    answer = render(request, "console/parts/batch.html" if part else "console/batch.html", context)
    if part and not context["busy"]:  # what can be done with it has changed as well, and stands above
        answer["HX-Refresh"] = "true"
    return answer


_STEPS: dict[str, Callable[[SignedInRequest, str], Batch]] = {
    "confirm": lambda request, pk: batches.confirm(request.user, pk, _count(request)),
    "stop": lambda request, pk: batches.stop(request.user, pk),
    "resume": lambda request, pk: batches.resume(request.user, pk),
}


@require(Permission.REVERT_DECISIONS)
@require_POST
def batch_step(request: SignedInRequest, batch_id: str, step: str) -> HttpResponse:
    """Confirm, stop, resume."""
    get_object_or_404(Batch, pk=batch_id)
    if step not in _STEPS:
        return HttpResponse(status=404)
    try:
        _STEPS[step](request, batch_id)
    except (batches.BatchRefused, InvalidTransition, MovedMeanwhile) as refused:
        messages.error(request, str(refused))
    return redirect("batch", batch_id)


def _count(request: SignedInRequest) -> int:
    """What was typed, with or without the commas that the page shows; -1 for what is no number."""
    typed = request.POST.get("count", "").replace(",", "").strip()
    return int(typed) if typed.isdecimal() and len(typed) < 12 else -1
