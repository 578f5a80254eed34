"""One decision's page: what was decided and why, what came before and after, how far it has got at the platform, and
where the ledger has it. What people wrote is sent only to whoever asks to see it, and that they did is recorded first.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from safehold.accounts.access import SignedInRequest, log_read, require
from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.desk.decisions.measured import places_of, scores_of
from safehold.desk.decisions.models import Action, Decision, Delivery
from safehold.desk.entities.copies import copies_of
from safehold.desk.entities.subjects import text_of
from safehold.desk.reports.models import Notice
from safehold.desk.transparency.statements import statement_url
from safehold.record.log import latest_checkpoint
from safehold.record.models import LedgerEntry, Transition
from safehold.record.opening import opening
from safehold.web.code import marked
from safehold.web.words import action_word

#: Values of these types say nothing that somebody wrote, so everybody who may see the decision sees them.
_PLAIN = (bool, int, float, type(None))


@dataclass
class HitShown:
    """A rule that matched, with the values it read: those that anybody may see, and those that may hold content."""

    hit: dict[str, Any]
    wins: bool
    values: dict[str, Any]
    hidden: int

    @property
    def name(self) -> str:
        return f"{self.hit['policy']}/{self.hit['rule']}"

    @property
    def matches(self) -> list[dict[str, Any]]:
        """The entries of lists that it found: the lists' words, not the event's, so everybody may see them."""
        return list(self.hit.get("matches", []))

    @property
    def strike_text(self) -> str:
        return f"Strike {self.hit['strike']}"


@dataclass
class ActionShown:
    """An action with its way: transitions and the messages about it, in the order they happened."""

    action: Action
    steps: list[Transition] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)


@dataclass
class Explained:
    """A verdict sorted for reading: what won, what else matched, what only would have, what could not decide."""

    live: list[HitShown]
    shadow: list[HitShown]
    undecided: list[dict[str, Any]]
    signals: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    hidden: int


def explain(decision: Decision, reveal: bool) -> Explained | None:
    """The verdict of the rules, the winner first. Without `reveal`, values that may hold content are left out."""
    verdict = decision.verdict
    if not verdict:
        return None
    shown = []
    for hit in verdict.get("hits", []):
        values = hit.get("values", {})
        plain = values if reveal else {path: value for path, value in values.items() if isinstance(value, _PLAIN)}
        wins = f"{hit['policy']}/{hit['rule']}" == verdict.get("winner")
        shown.append(HitShown(hit, wins, plain, len(values) - len(plain)))
    live = sorted((each for each in shown if each.hit["mode"] != "shadow"), key=lambda each: not each.wins)
    shadow = [each for each in shown if each.hit["mode"] == "shadow"]
    signals = [{**run, "values": run.get("values", {}) if reveal else {}} for run in verdict.get("signals", [])]
    hidden = sum(each.hidden for each in shown)
    return Explained(live, shadow, verdict.get("undecided", []), signals, verdict.get("failures", []), hidden)


def chain_of(decision: Decision) -> list[Decision]:
    """Every decision of its chain, the first one first."""
    found = Decision.objects.filter(root=decision.root).select_related("person", "policy").defer("verdict")
    chain = list(found.order_by("decided_at", "id"))
    for each in chain:
        word = action_word(each.action)
        each.words, each.icon, each.tone = word.text, word.icon, word.tone  # type: ignore[attr-defined]
        each.by_text = each.person or "rules"  # type: ignore[attr-defined]
    return chain


def actions_of(decision: Decision) -> list[ActionShown]:
    """Its actions with their transitions and deliveries: four queries, however many there are."""
    actions = list(decision.actions.order_by("id"))
    ids = [action.pk for action in actions]
    steps: dict[str, list[Transition]] = defaultdict(list)
    for step in Transition.objects.filter(entity_kind="action", entity_id__in=ids).order_by("at", "id"):
        steps[step.entity_id].append(step)
    messages: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in (
        Delivery.objects.filter(action__in=ids).select_related("endpoint").prefetch_related("tries").order_by("id")
    ):
        messages[delivery.action_id or ""].append(delivery)
    return [ActionShown(action, steps[action.pk], messages[action.pk]) for action in actions]


def _name_steps(shown: list[ActionShown]) -> None:
    """Put the person, where one did it, on each step."""
    ids = {step.by for each in shown for step in each.steps if step.by.startswith("usr_")}
    people = User.objects.in_bulk(ids) if ids else {}
    for each in shown:
        for step in each.steps:
            step.person = people.get(step.by)  # type: ignore[attr-defined]


def _in_script(value: dict[str, str]) -> SafeString:
    """JSON that is safe inside a <script>, as Django's json_script writes it."""
    escapes = {ord(">"): "\\u003E", ord("<"): "\\u003C", ord("&"): "\\u0026"}
    return mark_safe(json.dumps(value).translate(escapes))  # noqa: S308 (escaped as above)


@require(Permission.READ_DECISIONS)
@never_cache
@require_GET
def decision(request: SignedInRequest, decision_id: str) -> HttpResponse:
    found = get_object_or_404(
        Decision.objects.select_related(
            "person", "policy", "event", "overridden_by__person", "override_of", "statement"
        ),
        pk=decision_id,
    )
    may_read = request.user.may(Permission.READ_CONTENT)
    erased = not found.event.body
    reveal = may_read and not erased and request.GET.get("reveal") == "1"
    if reveal:
        log_read(request, "event", found.event_id, decision=found.pk)
    actions = actions_of(found)
    _name_steps(actions)
    notices = Notice.objects.filter(decision_links__decision__root=found.root).distinct().order_by("received_at")
    entry = LedgerEntry.objects.filter(kind="decision", subject_id=found.pk).first()
    checkpoint = latest_checkpoint()
    statement = getattr(found, "statement", None)
    context = {
        "decision": found,
        "overridden_by": getattr(found, "overridden_by", None),
        "statement": statement,
        "statement_url": statement_url(statement) if statement and reveal and not statement.excluded_reason else "",
        "explained": explain(found, reveal),
        "chain": chain_of(found),
        "actions": actions,
        "notices": notices,
        "may_read": may_read,
        "bankable": request.user.may(Permission.PROPOSE_LISTS) and '"media"' in found.event.body,
        "scores": scores_of(found.verdict),
        "words_at": reverse("decision-words", args=[found.pk]),
        "copies_of": found.pk if not erased and text_of(found.event) else "",
        "erased": erased,
        "reveal": reveal,
        "text": text_of(found.event) if reveal else "",
        "event": json.loads(found.event.body) if reveal else None,
        "entry": entry,
        "covered": bool(entry and checkpoint and checkpoint.size > entry.index),
        "opening": _in_script(opening(found)) if reveal else "",
        "see_deliveries": request.user.may(Permission.READ_WEBHOOKS),
    }
    return render(request, "console/decision.html", context)


@require(Permission.READ_DECISIONS)
@never_cache
@require_GET
def decision_copies(request: SignedInRequest, decision_id: str) -> HttpResponse:
    """Who else posted nearly the same around it: accounts, things and how much alike; nothing of what was written."""
    found = get_object_or_404(Decision.objects.select_related("event").exclude(event__body=""), pk=decision_id)
    copies = copies_of(found.event)
    first = Decision.objects.filter(event_id__in=[copy.event.id for copy in copies.found], override_of=None)
    decisions = {each.event_id: each for each in first.only("id", "event_id", "action")}
    lines = [(copy, decisions.get(copy.event.id)) for copy in copies.found]
    return render(request, "console/parts/copies.html", {"copies": copies, "lines": lines, "decision": found})


@require(Permission.READ_DECISIONS, Permission.READ_CONTENT)
@never_cache
@require_GET
def decision_words(request: SignedInRequest, decision_id: str) -> HttpResponse:
    """The text with the words marked that the scores of the verdict come from."""
    found = get_object_or_404(Decision.objects.select_related("event").exclude(event__body=""), pk=decision_id)
    log_read(request, "event", found.event_id, decision=found.pk)
    places = places_of(found.verdict, found.event)
    context = {"marked": marked(text_of(found.event), places), "found": bool(places), "look": "quote"}
    return render(request, "review/parts/words.html", context)
