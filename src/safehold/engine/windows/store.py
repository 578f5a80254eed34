"""The one thing that the engine asks of whatever keeps its windows, and what a store may say instead of a value.

A store takes a batch of events in their order. For each it puts in what the event feeds, and then answers what any of its
windows is at that event. Memory answers each window when a rule asks; a store far away answers all of a batch at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from safehold.engine.policies.model import Window

#: (window, key, value): `value` MISSING puts nothing in (`where` was false), a Fault as `key` says why there is none.
Feed = tuple[Window, Any, Any]
#: An event's time in microseconds since 1970, and a feed for each window of its type.
Fed = tuple[int, list[Feed]]
#: Microseconds in a second, the unit of every time in a store.
SECOND = 1_000_000
#: How far behind the newest event of its key an event may come and still be answered.
LATENESS = 3600 * SECOND


class Empty(Exception):
    """The window has no event, and its kind has no value for that."""


class TooLate(Exception):
    """The store no longer has everything that this event's window covers."""


class Away(Exception):
    """The store cannot be asked, or does not have everything that the record has yet. `cause` says which."""

    def __init__(self, store: str, cause: str) -> None:
        self.store, self.cause = store, cause
        super().__init__(f"{store}: {cause}")


class OutOfStep(Away):
    """Another process has written to the store since it was met: meeting it again helps."""


class Answers(Protocol):
    """The windows as one event sees them."""

    def value(self, number: int) -> Any:
        """The window of that number among the event's feeds. Raises Empty, TooLate and Away."""


@dataclass(frozen=True, slots=True)
class WindowReport:
    """`evicted` keys were dropped although a window still covered them: raise `most_entries` when it grows. `expired`
    keys were dropped after their window had ended. A store far away knows none of this."""

    keys: int = 0
    entries: int = 0
    most_entries: int = 0
    expired: int = 0
    evicted: int = 0


class WindowStore(Protocol):
    """Not thread-safe: one writer, whose order of events is the order."""

    def apply(self, batch: Iterable[Fed]) -> Iterator[Answers]:
        """Put events in, and give each one's answers, which hold until the next one's are asked for. An event whose
        answers were given is in."""

    def fresh(self) -> "WindowStore":
        """An empty store like this one."""

    def report(self) -> WindowReport:
        """What it holds. May be called from another thread."""
