"""What a list said at each time: for events of the past, which are decided with the entries that were in effect then.

`make_past` packs it as a layer of a PolicyList; `desk.lists.past` reads it from the record.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from safehold.engine.lists.entry import Entry
from safehold.engine.lists.table import Table, make_table


class Span(NamedTuple):
    """An entry as it was from `start` on, until `end` (0: it still is), both in nanoseconds since 1970."""

    start: int
    end: int
    entry: Entry


class Past:
    """The spans of a table's entries by position, in the order of time, apart from one another."""

    __slots__ = ("_spans",)

    def __init__(self, spans: list[tuple[Span, ...]]) -> None:
        self._spans = spans

    def entry(self, position: int, now: int | None) -> Entry | None:
        """The entry as of a time, None where it was not in effect; without `now` as it is. Expired ones included."""
        for start, end, entry in reversed(self._spans[position]):
            if (not end) if now is None else start <= now and not 0 != end <= now:
                return entry
        return None


def make_past(kind: str, spans: Mapping[str, Iterable[Span]], *, fold: bool = False) -> tuple[Table, Past]:
    """The table of all values that were ever in effect, and when. `spans`: value in normal form -> its spans."""
    table = make_table(kind, (Entry(value=value) for value in spans), fold=fold)
    return table, Past([tuple(spans[value]) for value in table.values()])
