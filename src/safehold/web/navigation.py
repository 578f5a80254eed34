"""The console's places, as data. The sidebar and the command palette show those that exist and that one may enter.

A room adds a number to its entry by `@counter("queues")` in its `AppConfig.ready`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import NamedTuple

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse


class Place(NamedTuple):
    """One entry. `key` follows `g`: pressing g then q goes to the queues."""

    section: str
    label: str
    url_name: str
    permission: str | None
    icon: str
    key: str


PLACES: tuple[Place, ...] = (
    Place("", "Overview", "overview", None, "layout-dashboard", "o"),
    Place("Desk", "Queues", "queues", "tasks.review", "inbox", "q"),
    Place("Desk", "Decisions", "decisions", "decisions.read", "gavel", "d"),
    Place("Desk", "Appeals", "appeals", "appeals.hear", "scale", "a"),
    Place("Desk", "Reports", "reports", "content.read", "flag", "r"),
    Place("Guard", "Policies", "policies", "policies.read", "book-open", "p"),
    Place("Guard", "Lists", "lists", "policies.read", "list-checks", "i"),
    Place("Guard", "Hash banks", "banks", "policies.read", "fingerprint-pattern", "h"),
    Place("Guard", "Signals", "signals", "policies.read", "activity", "s"),
    Place("Guard", "Second looks", "looks", "policies.read", "scan-eye", "v"),
    Place("Guard", "Comparisons", "side-by-side", "policies.read", "columns-2", "c"),
    Place("Guard", "Models", "models", "policies.read", "graduation-cap", "m"),
    Place("Guard", "Backtests", "backtests", "policies.read", "flask-conical", "b"),
    Place("Record", "Ledger", "ledger", "ledger.read", "link-2", "l"),
    Place("Record", "Audit", "audit", "audit.read", "scroll-text", "u"),
    Place("Webhooks", "Deliveries", "deliveries", "webhooks.read", "webhook", "w"),
    Place("Webhooks", "Dead letters", "dead-letters", "webhooks.read", "mail-warning", "x"),
    Place("Organisation", "People", "people", "people.read", "users", "e"),
    Place("Organisation", "API keys", "api-keys", "keys.manage", "key-round", "k"),
)

Counter = Callable[[HttpRequest], int]
COUNTERS: dict[str, Counter] = {}


def counter(url_name: str) -> Callable[[Counter], Counter]:
    """Register how many things wait at a place: `f(request) -> int`, asked once a page, so it has to be cheap."""

    def register(function: Counter) -> Counter:
        COUNTERS[url_name] = function
        return function

    return register


@dataclass(frozen=True)
class Entry:
    """A place as the sidebar draws it."""

    place: Place
    url: str
    current: bool
    count: int | None


@cache
def url_of(url_name: str) -> str | None:
    """The address of a place, None where no room of this installation has it."""
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return None


def may_enter(user: object, permission: str | None) -> bool:
    """True if the person is signed in and one of their roles has the permission; anybody signed in where it is None."""
    if not getattr(user, "is_authenticated", False):
        return False
    return permission is None or user.may(permission)  # type: ignore[attr-defined]


def places_for(user: object) -> Iterator[tuple[Place, str]]:
    """The places that exist and that this person may enter, each with its address."""
    for place in PLACES:
        url = url_of(place.url_name)
        if url and may_enter(user, place.permission):
            yield place, url


def sections(request: HttpRequest) -> list[tuple[str, list[Entry]]]:
    """The sidebar: section titles with their entries; the entry with the longest matching address is current."""
    places = list(places_for(request.user))
    here = max(
        (url for _, url in places if request.path == url or (url != "/" and request.path.startswith(url))),
        key=len,
        default=None,
    )
    entries = [
        Entry(
            place,
            url,
            url == here,
            COUNTERS[place.url_name](request) if place.url_name in COUNTERS else None,
        )
        for place, url in places
    ]
    return [(title, list(group)) for title, group in groupby(entries, key=lambda entry: entry.place.section)]
