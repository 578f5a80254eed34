"""Changes of policies: the list of those that wait, and one change with its difference, who it would touch, and what the
person who looks at it may do. Everything that happens is done by `desk.rules.changes`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.console.compare import Row, rows
from safehold.desk.moves import MovedMeanwhile
from safehold.desk.rules import changes
from safehold.desk.rules.in_force import bundle_of, newest
from safehold.desk.rules.models import Kind, PolicyChange, PolicyFile, Rule
from safehold.desk.rules.states import OPEN_CHANGES
from safehold.engine import PolicyProblems
from safehold.record.models import Transition
from safehold.states import InvalidTransition

#: Settled changes shown below those that wait; the audit trail has them all.
SETTLED = 50


@dataclass(frozen=True)
class FileShown:
    """One file of a change beside what it replaces."""

    path: str
    rows: list[Row]
    text: str
    gone: bool
    new: bool


@require(Permission.READ_POLICIES)
@require_GET
def policy_changes(request: SignedInRequest) -> HttpResponse:
    rows_ = PolicyChange.objects.select_related("author", "approver").defer("files", "checks")
    waiting = list(rows_.filter(state__in=OPEN_CHANGES).order_by("-changed_at"))
    mine = [each for each in waiting if each.state != "draft" or each.author_id in (None, request.user.pk)]
    settled = rows_.exclude(state__in=OPEN_CHANGES).order_by("-created_at")[:SETTLED]
    context = {"waiting": mine, "settled": settled, "may_write": request.user.may(Permission.WRITE_POLICIES)}
    return render(request, "console/policy_changes.html", context)


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def policy_change(request: SignedInRequest, change_id: str) -> HttpResponse:
    change = get_object_or_404(PolicyChange.objects.select_related("author", "approver"), pk=change_id)
    steps = list(Transition.objects.filter(entity_kind="policy_change", entity_id=change.pk).order_by("at", "id"))
    people = {person.pk: person for person in User.objects.filter(pk__in={step.by for step in steps if step.by})}
    context = {
        "change": change,
        "files": [_shown(change, file) for file in change.files],
        "first_file": next((n for n, file in enumerate(change.files) if file["text"] is not None), None),
        "split": request.GET.get("view") == "split",
        "steps": [(step, people.get(step.by)) for step in steps],
        "effect": _effect(change),
        "can": _can(request.user, change),
        "unified": request.GET.get("view") != "split",
        "may_try": request.user.may(Permission.WRITE_POLICIES),
    }
    return render(request, "console/policy_change.html", context)


def _shown(change: PolicyChange, file: dict[str, Any]) -> FileShown:
    """The text beside the one it was made from, which an edition has."""
    before = ""
    if file["base"]:
        base = PolicyFile.objects.filter(path=file["path"], sha256=file["base"]).order_by("-edition_id").first()
        before = (base.text if base else "") or ""
    return FileShown(
        file["path"], rows(before, file["text"] or ""), file["text"] or "", file["text"] is None, not file["base"]
    )


def _effect(change: PolicyChange) -> dict[str, Any]:
    """What it does to rules and what its examples say, as of now for one that waits."""
    if change.kind == Kind.RELEASE:
        return _release(change)
    if change.state not in ("draft", "proposed", "approved"):
        rules = [each | {"url": _address(each)} for each in change.checks.get("rules", [])]
        return {"rules": rules, "examples": change.checks.get("examples")}
    try:
        effect = changes.effect_of(change)
    except PolicyProblems as found:
        return {"problems": found.problems}
    except changes.Stale as stale:
        return {"stale": str(stale)}
    outcomes = effect.examples()
    moved = [
        {"name": each.name, "before": each.modes[0], "after": each.modes[1], "rewritten": each.rewritten}
        for each in effect.rules
    ]
    failed = [outcome for outcome in outcomes if not outcome.passed]
    return {
        "rules": moved, "examples": len(outcomes), "failed": failed, "needs_approval": effect.needs_approval,
        "first": effect.only_disarms or change.kind == "return",
    }  # fmt: skip


def _release(change: PolicyChange) -> dict[str, Any]:
    """A rule that acts again; and why the breaker throttled it, while it is."""
    rule = Rule.objects.filter(name=change.rule).first()
    try:
        after = bundle_of(newest()).rule(change.rule).mode
    except (KeyError, PolicyProblems):  # the rule went meanwhile
        after = "-"
    moved = {"name": change.rule, "before": "throttled", "after": after, "rewritten": False}
    at = _address(moved)
    return {"rules": [moved | {"url": at}], "at": at, "why": rule.why if rule else ""}


def _address(rule: dict[str, Any]) -> str:
    """Where the page of a rule is that a change has put in force; nowhere for one that it took away."""
    key, _, rule_id = rule["name"].rpartition("/")
    return "" if rule["after"] == "-" else reverse("rule", args=[key, rule_id])


def _can(person: User, change: PolicyChange) -> set[str]:
    """What this person may do with it now; the services ask again."""
    own = change.author_id in (None, person.pk) and person.may(Permission.WRITE_POLICIES)
    others = change.author_id != person.pk and person.may(Permission.APPROVE_POLICIES)
    by_state: dict[str, tuple[set[str], set[str]]] = {
        "draft": ({"edit", "propose", "withdraw", "apply-first"}, set()),
        "proposed": ({"take-back", "withdraw", "apply-first"}, {"approve", "reject"}),
        "approved": (set(), {"approve"}),
        "stale": ({"take-back", "withdraw"}, set()),
        "unconfirmed": (set(), {"approve", "reject"}),
    }
    mine, theirs = by_state.get(change.state, (set(), set()))
    return (mine if own else set()) | (theirs if others else set())


_STEPS: dict[str, Callable[[SignedInRequest, str], PolicyChange]] = {
    "propose": lambda request, pk: changes.propose(request.user, pk),
    "take-back": lambda request, pk: changes.take_back(request.user, pk),
    "withdraw": lambda request, pk: changes.withdraw(request.user, pk),
    "apply-first": lambda request, pk: changes.apply_first(request.user, pk),
    "approve": lambda request, pk: changes.approve(request.user, pk, note=request.POST.get("note", "")),
    "reject": lambda request, pk: changes.reject(request.user, pk, reason=request.POST.get("note", "")),
}
_DONE = {
    "draft": "It is a draft again.",
    "proposed": "Proposed. Somebody else has to approve it now.",
    "applied": "In force. Gateways take it up within seconds.",
    "unconfirmed": "In force now. Somebody else has to confirm it.",
    "rejected": "Rejected.",
    "contested": "Contested. It stays in force until another change takes its place.",
    "withdrawn": "Withdrawn.",
}


@require(Permission.READ_POLICIES)
@require_POST
def policy_change_step(request: SignedInRequest, change_id: str, step: str) -> HttpResponse:
    """Do one of the steps; who may, the service says."""
    get_object_or_404(PolicyChange, pk=change_id)
    if step not in _STEPS:
        return HttpResponse(status=404)
    try:
        change = _STEPS[step](request, change_id)
    except PolicyProblems as found:
        messages.error(request, f"It can't be loaded: {found.problems[0].message} (line {found.problems[0].line}).")
    except (changes.ChangeRefused, InvalidTransition, MovedMeanwhile) as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _DONE[change.state])
    return redirect("policy-change", change_id)


def waiting_for(person: User) -> int:
    """How much waits for this person: others' changes to approve, and rules that the breaker has throttled."""
    if not person.may(Permission.APPROVE_POLICIES):
        return 0
    waiting = PolicyChange.objects.filter(state__in=("proposed", "unconfirmed")).exclude(author=person).count()
    return waiting + Rule.objects.filter(state="throttled").count()
