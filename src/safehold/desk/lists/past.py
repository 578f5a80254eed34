"""Policies with the managed lists of the record: as they are, or as they were at each event's own time. For `safehold decide`,
`safehold policy test` and backtests, which run beside the gateway and change nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from safehold.desk.lists.feed import active, versions
from safehold.desk.lists.models import KNOWN, Change
from safehold.engine.lists import Entry, Layer, PolicyList, Span, make_past, make_table
from safehold.engine.lists.entry import nanoseconds
from safehold.engine.policies.model import Bundle

_AFTER = tuple(f"entry__{name}" for name in KNOWN)
#: Rows read at a time.
_PAGE = 5_000


def as_it_is(bundle: Bundle) -> Bundle:
    """The bundle with the entries that are in effect now."""
    now = versions()

    def filled(held: PolicyList) -> PolicyList:
        number, version = now.get(held.name, (0, "0"))
        made = held.afresh()
        made.put((Layer(make_table(held.kind, active(held.name, number), fold=held.fold)),), version)
        return made

    return _with(bundle, {name: filled(held) for name, held in bundle.lists.items() if held.managed})


def as_it_was(bundle: Bundle) -> Bundle:
    """The bundle with, for each event, the entries that were in effect at the event's time."""
    now = versions()

    def filled(held: PolicyList) -> PolicyList:
        number, version = now.get(held.name, (0, "0"))
        made = held.afresh()
        table, past = make_past(held.kind, dict(_spans(held.name, number)), fold=held.fold)
        made.put((Layer(table, past=past),), f"{version}, as of each event")
        return made

    return _with(bundle, {name: filled(held) for name, held in bundle.lists.items() if held.managed})


def files_only(bundle: Bundle) -> Bundle:
    """The bundle with the entries of its files, whatever it was filled with."""
    return _with(bundle, {name: held.afresh() for name, held in bundle.lists.items() if held.managed})


def _with(bundle: Bundle, filled: dict[str, PolicyList]) -> Bundle:
    return replace(bundle, lists={**bundle.lists, **filled})


def _spans(name: str, number: int) -> Iterator[tuple[str, list[Span]]]:
    """(value, when it was in effect) for every entry of a list that ever was, up to a revision.

    A change keeps what was known of the entry before it, so what was known after one stands in the next, and after the last in
    the entry; also in a change that is not in effect yet, whose own doing does not count.
    """
    changes = (
        Change.objects.filter(entry__list=name)
        .order_by("entry_id", "revision__number")
        .values_list(
            "entry__value", "entry__added_at", "after", "revision__number", "revision__applied_at", *KNOWN, *_AFTER
        )
    )
    for value, rows in groupby(changes.iterator(_PAGE), key=lambda row: row[0]):
        history = list(rows)
        spans: list[Span] = []
        for at, (_, added_at, after, revision, applied_at, *known) in enumerate(history):
            if revision > number or applied_at is None:
                break
            start = nanoseconds(applied_at)
            if spans and not spans[-1].end:
                spans[-1] = spans[-1]._replace(end=start)
            if after == "active":
                following = history[at + 1][5 : 5 + len(KNOWN)] if at + 1 < len(history) else known[len(KNOWN) :]
                said = dict(zip(KNOWN, following, strict=True))
                entry = Entry(
                    value=value,
                    allow=said["allow"],
                    expires_at=said["expires_at"],
                    source=said["source"],
                    added_at=added_at,
                )
                spans.append(Span(start, 0, entry))
        if spans:
            yield value, spans
