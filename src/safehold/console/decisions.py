"""The list of decisions: every way to narrow it down, each on an index, newest first, page by page from a key."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.console import search
from safehold.console.counting import remembered
from safehold.desk.decisions.models import Decision, PolicyVersion
from safehold.engine.verdict import ACTIONS
from safehold.web.keyset import keyset_page

#: The filters of the search box; `by` is `rules`, `people` or somebody's e-mail address.
FILTERS = ("action", "policy", "rule", "account", "subject", "by", "is", "after", "before")
STANDINGS = {
    "overridden": "Overridden",
    "override": "An override",
    "appeal": "Decided on appeal",
    "waiting": "Sent to a queue",
}
#: What a row of a list shows: never the verdict, which is long.
SHOWN = (
    "id", "decided_at", "action", "subject_kind", "subject_id", "account_id", "rule", "reason", "queue", "automation",
    "on_appeal", "person__name", "person__email", "policy__key", "policy__title", "override_of_id",
)  # fmt: skip


def rows(decisions: QuerySet[Decision]) -> QuerySet[Decision]:
    """The decisions with what a list needs, and whether another one overrides them, in one query."""
    return decisions.select_related("person", "policy", "overridden_by").only(*SHOWN, "overridden_by__id")


def of_service() -> QuerySet[Decision]:
    """The decisions of the service this installation decides for."""
    return Decision.objects.filter(service_id=settings.SAFEHOLD_SERVICE)


def narrow(decisions: QuerySet[Decision], query: search.Query) -> QuerySet[Decision]:
    """The decisions that fit. Raises `BadQuery` for a value that can't be."""
    for name, value in query.filters.items():
        decisions = decisions.filter(_NARROW[name](value))
    for word in query.words:
        subject = Q(subject_kind__in=kinds(), subject_id=word)
        decisions = decisions.filter(Q(account_id=word) | subject | Q(event_id=word))
    return decisions


def kinds() -> list[str]:
    """The kinds of things that were decided about; a new one is noticed within a minute."""
    return remembered(
        "kinds", 60, lambda: list(of_service().order_by().values_list("subject_kind", flat=True).distinct())
    )


def _by(value: str) -> Q:
    if value in {"rules", "people"}:
        return Q(person__isnull=value == "rules")
    person = User.objects.filter(Q(email=value.lower()) | Q(pk=value)).first()
    if person is None:
        raise search.BadQuery(f"by:{value} is nobody; write by:rules, by:people, or somebody's e-mail address")
    return Q(person=person)


def _is(value: str) -> Q:
    # By key from the few overrides, not by looking at every decision for one.
    overridden = Decision.objects.filter(override_of__isnull=False).values("override_of")
    match search.one_of("is", value, STANDINGS):
        case "overridden":
            return Q(pk__in=overridden)
        case "override":
            return Q(override_of__isnull=False)
        case "appeal":
            return Q(on_appeal=True, person__isnull=False)  # appeals are heard by people, and those have an index
        case _:
            return ~Q(queue="")


def _subject(value: str) -> Q:
    kind, slash, external_id = value.partition("/")
    if not slash:
        raise search.BadQuery(f"subject:{value} lacks its kind; write subject:message/{value}")
    return Q(subject_kind=kind, subject_id=external_id)


def _policy(value: str) -> Q:
    versions = list(PolicyVersion.objects.filter(key=value).values_list("pk", flat=True))
    if not versions:
        raise search.BadQuery(f"policy:{value} is no policy here")
    return Q(policy__in=versions)


_NARROW = {
    "action": lambda value: Q(action=search.one_of("action", value, ACTIONS)),
    "policy": _policy,
    "rule": lambda value: Q(rule=value),
    "account": lambda value: Q(account_id=value),
    "subject": _subject,
    "by": _by,
    "is": _is,
    "after": lambda value: Q(decided_at__gte=search.day("after", value)),
    "before": lambda value: Q(decided_at__lt=search.day_after("before", value)),
}


@dataclass(frozen=True)
class Chip:
    """A filter that is on: its words and the address without it."""

    text: str
    without: str


@dataclass(frozen=True)
class Menu:
    """A filter that can be set: its choices, each with its words and address."""

    text: str
    choices: list[tuple[str, str, bool]]


def chips(query: search.Query, address: str) -> list[Chip]:
    """What is filtered now, each with the address that takes it away."""
    on = [
        Chip(f"{name}: {value}", _address(query.with_filter(name, None), address))
        for name, value in query.filters.items()
    ]
    return on + [
        Chip(
            word, _address(search.Query(query.filters, tuple(other for other in query.words if other != word)), address)
        )
        for word in query.words
    ]


def menus(query: search.Query, options: dict[str, list[tuple[str, str]]], address: str) -> list[Menu]:
    """A menu for each name of `options` (value, words)."""
    return [
        Menu(
            name.capitalize(),
            [
                (words, _address(query.with_filter(name, value), address), query.get(name) == value)
                for value, words in choices
            ],
        )
        for name, choices in options.items()
    ]


def _address(query: search.Query, address: str) -> str:
    return f"{address}?{urlencode({'q': str(query)})}" if str(query) else address


def options() -> dict[str, list[tuple[str, str]]]:
    """What the menus above the list offer."""
    policies = PolicyVersion.objects.filter(effective_to=None).order_by("key").values_list("key", "title")
    return {
        "action": [(action, action.capitalize()) for action in ACTIONS],
        "policy": list(policies),
        "by": [("rules", "Rules"), ("people", "People")],
        "is": list(STANDINGS.items()),
        "after": [("today", "Today"), ("7d", "Last 7 days"), ("30d", "Last 30 days")],
    }


@require(Permission.READ_DECISIONS)
@require_GET
def decision_list(request: SignedInRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    if text.startswith("dec_") and Decision.objects.filter(pk=text).exists():
        return redirect("decision", text)
    address = reverse("decisions")
    context: dict[str, Any] = {"text": text, "page": [], "problem": ""}
    try:
        query = search.parse(text, FILTERS)
        found = narrow(rows(of_service()), query)
    except search.BadQuery as error:
        context |= {"problem": str(error), "menus": menus(search.Query(), options(), address)}
        return render(request, "console/decisions.html", context, status=400)
    context |= {
        "page": keyset_page(found, request, ("-decided_at", "-id")),
        "chips": chips(query, address),
        "menus": menus(query, options(), address),
        "filtered": bool(text),
    }
    return render(request, "console/decisions.html", context)
