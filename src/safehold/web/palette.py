"""What the command palette finds beside the pages: rooms register finders, the palette's view asks them all."""

from collections.abc import Callable
from typing import NamedTuple

from django.http import HttpRequest


class Found(NamedTuple):
    """One answer: `label` is read first, `note` says what kind of thing it is."""

    label: str
    url: str
    note: str = ""
    icon: str = "search"


Finder = Callable[[HttpRequest, str], list[Found]]
FINDERS: list[Finder] = []


def finder(function: Finder) -> Finder:
    """Register `f(request, text) -> [Found]`. It checks permissions itself, answers a few at most, and answers fast."""
    FINDERS.append(function)
    return function


def find(request: HttpRequest, text: str, limit: int = 12) -> list[Found]:
    """What every finder says about the text, in the order of registration."""
    return [found for each in FINDERS for found in each(request, text)][:limit]
