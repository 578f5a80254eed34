"""The one thing that the engine asks of whatever keeps its windows, and what a store may say instead of a value.

A store takes a batch of events in their order. For each it puts in what the event feeds, and then answers what any of its
windows is at that event. Memory answers each window when a rule asks; a store far away answers all of a batch at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from safehold.engine.windows.streams import Stream

#: (stream, key, row): the row has a value for each column of the stream; MISSING puts nothing in (`where` was false), a
#: Fault as `key` says why there is none. A row with a Fault among its values is a `streams.Partial`.
Feed = tuple[Stream, Any, Any]
#: An event's time in microseconds since 1970, and a feed for each stream of its type.
Fed = tuple[int, list[Feed]]
#: Microseconds in a second, the unit of every time in a store.
SECOND = 1_000_000
#: How far behind the newest event of its key an event may come and still be answered.
LATENESS = 3600 * SECOND


class NoValue(Enum):
    """What a window is where it is no value."""

    EMPTY = "it has no event, and its kind has no value for that"
    LATE = "the store no longer has everything that this event's window covers"


EMPTY, LATE = NoValue.EMPTY, NoValue.LATE


class Away(Exception):
    """The store cannot be asked, or does not have everything that the record has yet. `cause` says which."""

    def __init__(self, store: str, cause: str) -> None:
        self.store, self.cause = store, cause
        super().__init__(f"{store}: {cause}")


class OutOfStep(Away):
    """Another process has written to the store since it was met: meeting it again helps."""


class Answers(Protocol):
    """The windows as one event sees them."""

    def values(self, number: int) -> Sequence[Any]:
        """The windows of the stream of the feed of that number, EMPTY and LATE among them. Raises Away."""

    def together(self, numbers: Sequence[int]) -> Sequence[Any]:
        """The same for a spread stream: over the events of all keys that the event has in it, whose feeds have these numbers,
        each event once. Raises Away."""


@dataclass(frozen=True, slots=True)
class WindowReport:
    """`evicted` keys were dropped although a window still covered them: raise `most_entries` when it grows. `expired`
    keys were dropped after their windows had ended. A key is counted once a stream; an entry is one of its events, once
    for all windows while the events are few, and once a window for a busy key. A store far away knows none of this."""

    keys: int = 0
    entries: int = 0
    most_entries: int = 0
    expired: int = 0
    evicted: int = 0

    def __add__(self, other: "WindowReport") -> "WindowReport":
        return WindowReport(
            self.keys + other.keys,
            self.entries + other.entries,
            self.most_entries + other.most_entries,
            self.expired + other.expired,
            self.evicted + other.evicted,
        )


class WindowStore(Protocol):
    """Not thread-safe: one writer, whose order of events is the order."""

    def apply(self, batch: Iterable[Fed]) -> Iterator[Answers]:
        """Put events in, and give each one's answers, which hold until the next one's are asked for. An event whose
        answers were given is in."""

    def fresh(self) -> "WindowStore":
        """An empty store like this one."""

    def report(self) -> WindowReport:
        """What it holds. May be called from another thread."""
