"""What is handed to the writer, and how it is handed: tickets of events that wait for an answer, and other rules to be taken
up between two commits. `LoopInbox` is that of a process which answers and decides at once; `gateway.frames` has the one of a
process that only decides. Who calls: `writer.Writer` takes from it and answers through it.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from safehold.gateway.answers import Sealed
from safehold.gateway.limits import Limits
from safehold.gateway.problems import Refusal
from safehold.gateway.store import Conflict, Failed, Incoming, Minds

#: What a request gets for one of its events.
Result = Sealed | Conflict | Failed

_SOON = ((b"retry-after", b"1"),)


class Change:
    """Other rules, to be taken up between two commits: how to make minds with them, how to give them to minds that
    remember, and minds that have been filled for them already, if they need others."""

    __slots__ = ("done", "minds", "new_minds", "take_over")

    def __init__(self, new_minds: Callable[[], Minds], take_over: Callable[[Minds], None], minds: Minds | None) -> None:
        self.new_minds, self.take_over, self.minds = new_minds, take_over, minds
        self.done = threading.Event()


class Ticket(Protocol):
    """The events of one request. A ticket is never split over two commits. `results` is None until they are written, and
    stays so if they can't be."""

    results: list[Result] | None

    @property
    def events(self) -> Sequence[Incoming]: ...


class Inbox(Protocol):
    """Where tickets wait. `get` gives the oldest item, None when it is time to end."""

    def get(self, timeout: float | None) -> Ticket | Change | None:
        """Wait for so many seconds, for ever if None. Raises queue.Empty."""

    def put(self, item: Change | None) -> None:
        """From any thread."""

    def answer(self, tickets: Sequence[Ticket]) -> None:
        """Give their results to whoever waits for them."""

    def breathe(self) -> None:
        """In the middle of long work: say how far it is."""


def not_ready() -> Refusal:
    return Refusal("not-ready", "the engine is not ready to decide; try again", headers=_SOON)


def let_in(count: int, waiting: int, limits: Limits) -> None:
    """Raises Refusal 503 if so many events are too many beside those that wait; a request alone is always let in."""
    if waiting and waiting + count > limits.waiting:
        raise Refusal("busy", f"{waiting} events are waiting already", headers=_SOON)


def settle(future: "asyncio.Future[list[Result]]", results: list[Result] | None) -> None:
    """Wake a request with its results; None: they were not written, or nobody knows, and who sends again finds out."""
    if future.done():  # the client went away; its events are in the record all the same
        return
    if results is None:
        future.set_exception(Refusal("not-written", "the events could not be written; send them again", headers=_SOON))
    else:
        future.set_result(results)


class _Waiting:
    """A request's events and the future of their results."""

    __slots__ = ("events", "future", "results")

    def __init__(self, events: Sequence[Incoming], future: "asyncio.Future[list[Result]]") -> None:
        self.events = events
        self.future = future
        self.results: list[Result] | None = None


class LoopInbox:
    """Between an event loop and the writer's thread beside it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: queue.SimpleQueue[_Waiting | Change | None] = queue.SimpleQueue()
        self.waiting = 0  # events handed in and not answered; touched by the event loop only

    def submit(self, events: Sequence[Incoming]) -> "asyncio.Future[list[Result]]":
        """On the loop: one result an event once they are on disk, or Refusal 503."""
        self.waiting += len(events)
        ticket = _Waiting(events, self._loop.create_future())
        self._queue.put(ticket)
        return ticket.future

    def get(self, timeout: float | None) -> _Waiting | Change | None:
        return self._queue.get(timeout=timeout) if timeout != 0 else self._queue.get_nowait()

    def put(self, item: Change | None) -> None:
        self._queue.put(item)

    def answer(self, tickets: "Sequence[Ticket]") -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._resolve, tickets)

    def breathe(self) -> None:
        """Whoever wants to know asks the writer."""

    def _resolve(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            assert isinstance(ticket, _Waiting)  # noqa: S101  no others are in here
            self.waiting -= len(ticket.events)
            settle(ticket.future, ticket.results)
