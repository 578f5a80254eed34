"""Who did and who read what: the audit trail, by person, verb and object, page by page from a key."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.models import ApiKey, User
from safehold.accounts.roles import Permission
from safehold.console import search
from safehold.console.counting import remembered
from safehold.console.decisions import chips, menus
from safehold.console.links import link_to
from safehold.record.models import AuditEvent
from safehold.web.keyset import keyset_page

FILTERS = ("person", "verb", "kind", "object", "after", "before")


def narrow(events: QuerySet[AuditEvent], query: search.Query) -> QuerySet[AuditEvent]:
    """The events that fit. Raises `BadQuery`."""
    for name, value in query.filters.items():
        events = events.filter(_NARROW[name](value))
    for word in query.words:
        events = events.filter(Q(object_id=word, object_kind__in=kinds()) | Q(actor=word))
    return events


def _person(value: str) -> Q:
    """`system`, an e-mail address, or the id of a person or key."""
    if value == "system":
        return Q(actor="")
    person = User.objects.filter(Q(email=value.lower()) | Q(pk=value)).values_list("pk", flat=True).first()
    if person is None and not value.startswith(("usr_", "key_")):
        raise search.BadQuery(f"person:{value} is nobody here; write an e-mail address, an id, or person:system")
    return Q(actor=person or value)


def _object(value: str) -> Q:
    return Q(object_id=value, object_kind__in=kinds())


_NARROW = {
    "person": _person,
    "verb": lambda value: Q(verb=value),
    "kind": lambda value: Q(object_kind=value),
    "object": _object,
    "after": lambda value: Q(at__gte=search.day("after", value)),
    "before": lambda value: Q(at__lt=search.day_after("before", value)),
}


def kinds() -> list[str]:
    """The kinds of things that were done something to; a new one is noticed within a minute."""
    found = AuditEvent.objects.order_by().values_list("object_kind", flat=True).distinct()
    return remembered("audit-kinds", 60, lambda: sorted(found))


def verbs() -> list[str]:
    """The verbs of the last thousand events: what the menu offers."""
    newest = AuditEvent.objects.order_by("-id").values_list("verb", flat=True)[:1000]
    return remembered("audit-verbs", 60, lambda: sorted(set(newest)))


def name_actors(events: list[AuditEvent]) -> None:
    """Put `by` (a person, a key, or None for the system) on each event: two queries."""
    ids = {event.actor for event in events if event.actor}
    people: dict[str, Any] = User.objects.in_bulk([each for each in ids if each.startswith("usr_")])
    keys: dict[str, Any] = ApiKey.objects.in_bulk([each for each in ids if each.startswith("key_")])
    for event in events:
        event.by = people.get(event.actor) or keys.get(event.actor)  # type: ignore[attr-defined]
        event.href = link_to(event.object_kind, event.object_id)  # type: ignore[attr-defined]


@require(Permission.READ_AUDIT)
@require_GET
def audit(request: SignedInRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    address = reverse("audit")
    options = {
        "verb": [(verb, verb) for verb in verbs()],
        "kind": [(kind, kind) for kind in kinds()],
        "after": [("today", "Today"), ("7d", "Last 7 days"), ("30d", "Last 30 days")],
    }
    try:
        query = search.parse(text, FILTERS)
        page = keyset_page(narrow(AuditEvent.objects.all(), query), request, ("-id",))
    except search.BadQuery as error:
        context: dict[str, object] = {
            "text": text,
            "page": [],
            "problem": str(error),
            "menus": menus(search.Query(), options, address),
        }
        return render(request, "console/audit.html", context, status=400)
    name_actors(page.rows)
    context = {
        "text": text,
        "page": page,
        "chips": chips(query, address),
        "menus": menus(query, options, address),
    }
    return render(request, "console/audit.html", context)
