"""The small query language of the search boxes: `action:remove rule:phishing/listed-link after:2026-11-01 dec_01k...`.

Words of the form `name:value` filter; the rest is text (an id, an account). A value with spaces goes in quotes. Each
list says which names it knows; a word it doesn't know is an error that says what there is, never silently ignored.
"""

import difflib
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta


class BadQuery(ValueError):
    """The query can't be understood; the message is for whoever typed it."""


@dataclass(frozen=True)
class Query:
    """What was asked: filters by name, and the words that are no filter."""

    filters: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join([*(f"{name}:{_quoted(value)}" for name, value in self.filters.items()), *self.words])

    def get(self, name: str) -> str:
        return self.filters.get(name, "")

    def with_filter(self, name: str, value: str | None) -> "Query":
        """The same query with `name` set to `value`, or without it."""
        filters = {key: old for key, old in self.filters.items() if key != name}
        return Query(filters | ({name: value} if value else {}), self.words)


def _quoted(value: str) -> str:
    return f'"{value}"' if any(character.isspace() for character in value) else value


def parse(text: str, names: Iterable[str]) -> Query:
    """Read a query. Raises `BadQuery` for an unknown or repeated name, a missing value, or an open quote."""
    names = list(names)
    splitter = shlex.shlex(text, posix=True)
    splitter.whitespace_split, splitter.commenters, splitter.quotes, splitter.escape = True, "", '"', ""
    try:
        parts = list(splitter)
    except ValueError:
        raise BadQuery("A quote is opened and not closed.") from None
    filters: dict[str, str] = {}
    words = []
    for part in parts:
        name, colon, value = part.partition(":")
        if not colon or not name.isidentifier():
            words.append(part)
        elif name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}:?" if near else f"there are {', '.join(f'{known}:' for known in names)}"
            raise BadQuery(f"{name}: is no filter here; {hint}")
        elif not value:
            raise BadQuery(f"{name}: needs a value, for example {name}:something")
        elif name in filters:
            raise BadQuery(f"{name}: is given twice.")
        else:
            filters[name] = value
    return Query(filters, tuple(words))


def one_of(name: str, value: str, allowed: Iterable[str]) -> str:
    """The value, if it is allowed. Raises `BadQuery` that says what is."""
    allowed = list(allowed)
    if value in allowed:
        return value
    near = difflib.get_close_matches(value, allowed, 1)
    raise BadQuery(
        f"{name}:{value} is unknown; " + (f"did you mean {near[0]}?" if near else f"it is one of {', '.join(allowed)}")
    )


def day(name: str, value: str) -> datetime:
    """The start of a day in UTC: `2026-11-01`, `today`, `yesterday`, or `7d` for seven days ago. Raises `BadQuery`."""
    today = datetime.now(UTC).date()
    if value in {"today", "yesterday"}:
        chosen = today - timedelta(days=value == "yesterday")
    elif value.endswith("d") and value[:-1].isdecimal() and int(value[:-1]) < 10_000:
        chosen = today - timedelta(days=int(value[:-1]))
    else:
        try:
            chosen = date.fromisoformat(value)
        except ValueError:
            raise BadQuery(f"{name}:{value} is no day; write 2026-11-01, today, yesterday, or 7d") from None
    return datetime(chosen.year, chosen.month, chosen.day, tzinfo=UTC)


def day_after(name: str, value: str) -> datetime:
    """The end of a day, for filters that include it. Raises `BadQuery`."""
    return day(name, value) + timedelta(days=1)
