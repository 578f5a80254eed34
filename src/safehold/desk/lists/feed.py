"""What rules are asked with: the entries of managed lists as of a version, for the gateway and for tables in files.

Everything here reads the state that is in effect: what a revision that is still being applied has written already is not
part of it, and what it has changed is read as it was before.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from safehold.desk.lists.models import Change, Entry, Head, Revision
from safehold.desk.lists.pack import packed
from safehold.engine.lists import Entry as Listed

_COLUMNS = ("value", "allow", "expires_at", "source", "added_at")
#: Rows read at a time.
_PAGE = 5_000


def versions() -> dict[str, tuple[int, str]]:
    """list -> (number, version) of what is in effect."""
    return {head.list: (head.number, head.version) for head in Head.objects.all()}


def active(name: str, number: int) -> Iterator[Listed]:
    """The entries of a list that are in effect as of its head, which has this number."""
    rows = Entry.objects.filter(list=name, state="active", revision__lte=number).values_list(*_COLUMNS)
    yield from _listed(rows)
    pending = Change.objects.filter(
        revision__in=Revision.objects.filter(list=name, state="applying"), before="active", entry__revision__gt=number
    )
    for value, added_at, allow, expires_at, source in pending.values_list(
        "entry__value", "entry__added_at", "allow", "expires_at", "source"
    ).iterator(_PAGE):
        yield Listed(value=value, allow=allow, expires_at=expires_at, source=source, added_at=added_at)


def changed(name: str, after: int, number: int, limit: int) -> list[tuple[Listed, bool]] | None:
    """(entry, whether it is active) for what changed after a number and up to another; None for more than `limit`."""
    rows = Entry.objects.filter(list=name, revision__gt=after, revision__lte=number).values_list(*_COLUMNS, "state")
    found = list(rows.order_by("revision", "id")[: limit + 1])
    if len(found) > limit:
        return None
    return [(_entry(row[:-1]), row[-1] == "active") for row in found]


def _listed(rows: "QuerySet[Any, tuple[Any, ...]]") -> Iterator[Listed]:
    return map(_entry, rows.iterator(_PAGE))


def _entry(row: tuple[Any, ...]) -> Listed:
    value, allow, expires_at, source, added_at = row
    return Listed(value=value, allow=allow, expires_at=expires_at, source=source, added_at=added_at)


class Feed:
    """The source of the gateway's lists (`safehold.gateway.lists.ListSource`); tables are files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def versions(self) -> dict[str, tuple[int, str]]:
        return versions()

    def changed(self, name: str, after: int, number: int, limit: int) -> list[tuple[Listed, bool]] | None:
        return changed(name, after, number, limit)

    def packed(self, name: str, kind: str, fold: bool, number: int, version: str) -> Path:
        return packed(self._folder, name, kind, fold, number, version)

    def close(self) -> None:
        connection.close()
