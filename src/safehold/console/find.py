"""What the command palette finds: ids of any kind, accounts, policies and rules, people, pages that are in no menu.

Each answer comes from a key or a prefix of an index, and from what the person asking may see.
"""

from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.console.links import kind_of, link_to
from safehold.console.policies import in_force
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Entity, Event
from safehold.record.models import LedgerEntry
from safehold.web.palette import Found, finder

_MOST = 5


def _may(request: HttpRequest, permission: Permission) -> bool:
    """The palette asks on behalf of somebody who is signed in; nobody else may anything."""
    return isinstance(request.user, User) and request.user.may(permission)


@finder
def by_id(request: HttpRequest, text: str) -> list[Found]:
    """A whole id opens what it names: `dec_01k...` the decision; a number opens the ledger's entry."""
    if text.isdecimal() and len(text) < 19 and _may(request, Permission.READ_LEDGER):
        if LedgerEntry.objects.filter(index=int(text)).exists():
            return [Found(f"Entry {int(text):,}", reverse("ledger-entry", args=[int(text)]), "Ledger", "link-2")]
        return []
    kind = kind_of(text)
    if kind == "decision" and _may(request, Permission.READ_DECISIONS):
        return [
            Found(
                f"{each.action.capitalize()} {each.subject_kind} {each.subject_id}", link_to(kind, each.pk), "Decision"
            )
            for each in Decision.objects.filter(pk=text).only("action", "subject_kind", "subject_id")
        ]
    if text.startswith("evt_") and _may(request, Permission.READ_DECISIONS) and Event.objects.filter(id=text).exists():
        return [Found(f"Decisions about {text}", f"{reverse('decisions')}?q={text}", "Event")]
    address = link_to(kind, text) if kind and len(text) >= 30 else ""
    return [Found(text, address, kind.capitalize())] if address else []


@finder
def by_name(request: HttpRequest, text: str) -> list[Found]:
    """Policies and rules whose name has the text."""
    if not _may(request, Permission.READ_POLICIES):
        return []
    words = text.lower().split()
    found = []
    for version in in_force():
        address = reverse("policy", args=[version.key])
        if all(word in f"{version.key} {version.title}".lower() for word in words):
            found.append(Found(version.title, address, f"Policy {version.key}", "book-open"))
        found += [
            Found(
                rule.get("title") or rule["id"],
                f"{address}#rule-{rule['id']}",
                f"Rule {version.key}/{rule['id']}",
                "zap",
            )
            for rule in version.spec.get("rules", [])
            if all(word in f"{version.key}/{rule['id']} {rule.get('title', '')}".lower() for word in words)
        ]
    return found[:_MOST]


@finder
def by_account(request: HttpRequest, text: str) -> list[Found]:
    """The account with this id at the platform."""
    if not _may(request, Permission.READ_DECISIONS):
        return []
    known = Entity.objects.filter(service_id=settings.SAFEHOLD_SERVICE, kind="account", external_id=text).exists()
    address = f"{reverse('decisions')}?{urlencode({'q': f'account:{text}'})}"
    return [Found(text, address, "Decisions about this account", "user-round")] if known else []


@finder
def by_person(request: HttpRequest, text: str) -> list[Found]:
    """People who work here."""
    if not _may(request, Permission.READ_PEOPLE) or len(text) < 2:
        return []
    people = User.objects.filter(Q(name__icontains=text) | Q(email__istartswith=text)).order_by("name")[:_MOST]
    return [Found(str(person), reverse("person", args=[person.pk]), person.email, "user-round") for person in people]


PLACES = (
    ("Add somebody", "person-add", Permission.MANAGE_PEOPLE, "People"),
    ("Add a webhook endpoint", "endpoint-add", Permission.MANAGE_WEBHOOKS, "Webhooks"),
    ("Webhook endpoints", "endpoints", Permission.READ_WEBHOOKS, "Webhooks"),
    ("Ledger entries", "ledger-entries", Permission.READ_LEDGER, "Ledger"),
    ("Your profile", "profile", None, "You"),
    ("Two-factor sign-in", "mfa_index", None, "You"),
)


@finder
def by_place(request: HttpRequest, text: str) -> list[Found]:
    """Pages that are in no menu."""
    words = text.lower().split()
    return [
        Found(label, reverse(name), note)
        for label, name, permission, note in PLACES
        if (permission is None or _may(request, permission))
        and all(word in f"{note} {label}".lower() for word in words)
    ]
