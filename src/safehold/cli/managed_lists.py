"""`--lists record|files` of `safehold decide`, `safehold policy test` and `safehold backtest`: whether managed lists have, beside
the entries of their files, those that people and feeds have brought into this installation.
"""

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer

if TYPE_CHECKING:
    from safehold.engine import Bundle


class Where(StrEnum):
    """Where the entries of managed lists come from."""

    record = "record"
    files = "files"


AsOfEvents = Annotated[
    Where | None,
    typer.Option(
        "--lists",
        help="Entries of managed lists: those of the record, as of each event's own time, or of files only. "
        "The record if there is one here.",
    ),
]
AsTheyAre = Annotated[
    Where, typer.Option("--lists", help="Entries of managed lists: of files only, or also those in the record now.")
]


def as_of_events(bundle: "Bundle", where: Where | None) -> "Bundle":
    """The bundle with what the record's lists said at each event's time; without a record, what their files say."""
    return _filled(bundle, where, "as_it_was")


def as_they_are(bundle: "Bundle", where: Where) -> "Bundle":
    """The bundle with what the record's lists say now, or their files."""
    return _filled(bundle, where, "as_it_is")


def _filled(bundle: "Bundle", where: Where | None, how: str) -> "Bundle":
    names = sorted(name for name, held in bundle.lists.items() if held.managed)
    if where is Where.files or not names:
        return bundle
    found = _from_record(bundle, how) if _is_here() else None
    if found is None and where is Where.record:
        typer.secho("There is no record here. `safehold up` makes one; --lists files does without.", err=True, fg="red")
        raise typer.Exit(1)
    if found is None:
        typer.echo(f"There is no record here: {', '.join(names)} have the entries of their files only.", err=True)
    return found or bundle


def _from_record(bundle: "Bundle", how: str) -> "Bundle | None":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    import django

    django.setup()
    from django.db import DatabaseError

    from safehold.desk.lists import past

    fill: Callable[[Bundle], Bundle] = getattr(past, how)
    try:
        return fill(bundle)
    except DatabaseError:  # no tables, or nobody who answers
        return None


def _is_here() -> bool:
    """Whether this installation has a database; looking must not make one."""
    url = os.environ.get("SAFEHOLD_DATABASE_URL", "")
    if url and urlsplit(url).scheme != "sqlite":
        return True
    default = Path(os.environ.get("SAFEHOLD_VAR", "var")) / "safehold.sqlite3"
    return (Path(unquote(urlsplit(url).path[1:])) if url else default).is_file()
