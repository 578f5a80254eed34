"""The one thread of a process that decides and writes. Requests hand it tickets of events; it takes what waits, has the
store decide and write it all in one transaction, and only after the commit are the tickets answered (group commit).

The order of things is the guarantee: decided, written, on disk, answered. A process that dies at any moment has
answered nothing that is not in the record. Who calls: `application.Gateway`.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from safehold.gateway.faults import described
from safehold.gateway.limits import Limits
from safehold.gateway.metrics import Metrics
from safehold.gateway.problems import Refusal
from safehold.gateway.store import Failed, Incoming, Minds, Outcome, Store, Unavailable, WindowsState

log = structlog.get_logger("safehold.gateway")

#: Seconds between tries to read the record at the start and after a failure.
RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
#: How often the log says how far a long reading of the record is.
PROGRESS_SECONDS = 2.0
_SOON = ((b"retry-after", b"1"),)


class _Ticket:
    """The events of one request and the future of their outcomes. A ticket is never split over two commits."""

    __slots__ = ("events", "future", "outcomes")

    def __init__(self, events: Sequence[Incoming], future: "asyncio.Future[list[Outcome]]") -> None:
        self.events = events
        self.future = future
        self.outcomes: list[Outcome] | None = None


class Change:
    """Other rules, to be taken up between two commits: how to make minds with them, how to give them to minds that
    remember, and minds that have been filled for them already, if they need others."""

    __slots__ = ("done", "minds", "new_minds", "take_over")

    def __init__(self, new_minds: Callable[[], Minds], take_over: Callable[[Minds], None], minds: Minds | None) -> None:
        self.new_minds, self.take_over, self.minds = new_minds, take_over, minds
        self.done = threading.Event()


class Writer:
    """Group commit. `new_minds` makes engines that know nothing yet; the record then tells them."""

    def __init__(self, store: Store, new_minds: Callable[[], Minds], limits: Limits, metrics: Metrics) -> None:
        self._store, self._new_minds, self._limits, self._metrics = store, new_minds, limits, metrics
        self._queue: queue.SimpleQueue[_Ticket | Change | None] = queue.SimpleQueue()
        self._waiting = 0  # events handed in and not answered; touched by the event loop only
        self._loop: asyncio.AbstractEventLoop | None = None
        self._minds: Minds | None = None
        self._reading = ""
        self._open = False  # whether events are let in: not before the record was read, nor while it can't be
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-writer", daemon=True)
        metrics.watch_queue(lambda: self._waiting)
        metrics.watch_windows(self.windows)

    def start(self) -> None:
        """Begin, from within the running event loop. Ready when the record has been read."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Take nothing more, write and answer what waits, end the thread."""
        self._stopping.set()
        self._queue.put(None)
        while self._thread.is_alive():  # not a join: the loop has to answer the last tickets meanwhile
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)

    @property
    def ready(self) -> bool:
        """Whether the record has been read, can still be as far as is known, and the thread lives."""
        return self._open and self._thread.is_alive() and not self._stopping.is_set()

    @property
    def reading(self) -> str:
        """How far the reading of the record is; empty when nothing is being read."""
        return self._reading

    def windows(self) -> WindowsState | None:
        """How the store of windows is; None before there are engines."""
        minds = self._minds
        return minds.windows() if minds is not None else None

    @property
    def waiting(self) -> int:
        """Events handed in and not answered yet."""
        return self._waiting

    def submit(self, events: Sequence[Incoming]) -> "asyncio.Future[list[Outcome]]":
        """Hand in a request's events, all or none; the future gives one outcome an event, once they are on disk.

        Raises Refusal 503 when starting, stopping or full; the future raises it when the record can't be written.
        """
        if not self.ready:
            raise Refusal("not-ready", "the engine is not ready to decide; try again", headers=_SOON)
        if self._waiting and self._waiting + len(events) > self._limits.waiting:
            raise Refusal("busy", f"{self._waiting} events are waiting already", headers=_SOON)
        assert self._loop is not None  # noqa: S101  ready says so
        self._waiting += len(events)
        ticket = _Ticket(events, self._loop.create_future())
        self._queue.put(ticket)
        return ticket.future

    def change(self, change: Change) -> bool:
        """Decide with other rules from the next commit on. Returns once that is so; False if the writer ends before.

        Blocks, so never from the event loop.
        """
        self._queue.put(change)
        while not change.done.wait(0.1):
            if not self._thread.is_alive():
                return False
        return True

    def _turn(self, change: Change) -> None:
        """Between two commits. Where minds have to be made anew anyway, they are made with the new rules."""
        self._new_minds = change.new_minds
        if change.minds is not None:
            self._minds = change.minds
        elif self._minds is not None:
            change.take_over(self._minds)
        change.done.set()

    def _run(self) -> None:
        try:
            while True:
                self._read_record()  # here, not at the next event, which need not wait for it then
                if (tickets := self._take()) is None:
                    break
                if tickets:
                    self._write(tickets)
        except Exception as error:
            log.critical("writer_died", **described(error))  # /readyz says so; a supervisor restarts the process
        finally:
            self._open = False
            self._refuse_waiting()
            self._store.close()

    def _take(self) -> list[_Ticket] | None:
        """The tickets that wait, oldest first, up to a commit's worth; None when it is time to end. Other rules that
        wait among them are taken up before any of these tickets is decided."""
        ticket = self._next()
        if ticket is None:
            return None
        if isinstance(ticket, Change):
            self._turn(ticket)
            return []
        tickets = [ticket]
        events = len(ticket.events)
        while events < self._limits.commit:
            try:
                ticket = self._queue.get_nowait()
            except queue.Empty:
                break
            if ticket is None:
                self._queue.put(None)  # end after this commit
                break
            if isinstance(ticket, Change):
                self._turn(ticket)
                continue
            tickets.append(ticket)
            events += len(ticket.events)
        return tickets

    def _next(self) -> "_Ticket | Change | None":
        """What comes next. Meanwhile the engines rest, and are told of the record if they are behind it."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            pass
        while True:
            minds = self._minds
            soon = minds.rest() if minds is not None else None
            try:
                return self._queue.get(timeout=soon)
            except queue.Empty:
                if minds is not None:
                    self._tell(minds)

    def _tell(self, minds: Minds) -> None:
        """Tell engines of the record that were behind it, such as when their store of windows is back."""
        try:
            self._store.catch_up(minds, progress=self._progress("windows_behind"))
        except Exception as error:  # the next commit meets the same, and says so to whoever sent its events
            log.warning("record_unreadable", **described(error))

    def _progress(self, what: str) -> Callable[[int, int], None]:
        """Say in /readyz, and in the log every few seconds, how far the reading of the record is."""
        started = said = time.monotonic()

        def progress(told: int, last: int) -> None:
            nonlocal said
            self._reading = f"reading the record, {told} of {last}" if told < last else ""
            if (now := time.monotonic()) - said >= PROGRESS_SECONDS:
                said = now
                log.info(what, position=told, of=last, seconds=round(now - started, 1))

        return progress

    def _write(self, tickets: list[_Ticket]) -> None:
        started = time.perf_counter()
        outcomes = self._commit([event for ticket in tickets for event in ticket.events])
        if outcomes is not None:
            first = 0
            for ticket in tickets:
                ticket.outcomes = outcomes[first : first + len(ticket.events)]
                first += len(ticket.events)
        self._answer(tickets)
        if outcomes is not None:
            self._metrics.count(outcomes, time.perf_counter() - started)

    def _commit(self, batch: list[Incoming]) -> list[Outcome] | None:
        """Decide and write a batch in one commit. None: the database is away, and nobody can be told anything good."""
        minds = self._read_record()
        if minds is None:
            return None
        try:
            outcomes = self._store.write_batch(batch, minds)
        except Exception as error:
            # Whatever it was, the transaction is gone and the engines have seen what did not happen.
            self._minds = None
            self._metrics.commit_failures.inc()
            log.error("commit_failed", events=len(batch), **described(error))
            if isinstance(error, Unavailable):
                return None
            return [Failed()] if len(batch) == 1 else self._one_by_one(batch)
        if minds.spoiled:
            self._minds = None
        return outcomes

    def _one_by_one(self, batch: list[Incoming]) -> list[Outcome] | None:
        """The same events in a commit each, because the database refused something of one of them."""
        outcomes: list[Outcome] = []
        for event in batch:
            alone = self._commit([event])
            if alone is None:
                # What was committed until here is in the record; who sends it again gets the decision it got.
                return None
            outcomes += alone
        return outcomes

    def _answer(self, tickets: list[_Ticket]) -> None:
        assert self._loop is not None  # noqa: S101
        self._loop.call_soon_threadsafe(self._resolve, tickets)

    def _resolve(self, tickets: list[_Ticket]) -> None:
        """On the loop: wake the requests. A ticket without outcomes was not written."""
        for ticket in tickets:
            self._waiting -= len(ticket.events)
            if ticket.future.done():  # the client went away; its events are in the record all the same
                continue
            if ticket.outcomes is None:
                ticket.future.set_exception(
                    Refusal("not-written", "the events could not be written; send them again", headers=_SOON)
                )
            else:
                ticket.future.set_result(ticket.outcomes)

    def _read_record(self) -> Minds | None:
        """The engines, told all that the record says; rebuilt if there are none. Tries until it works or the end comes."""
        if self._minds is not None:
            return self._minds
        tries = 0
        while True:
            started = time.perf_counter()
            try:
                minds = self._new_minds()
                events = self._store.catch_up(minds, progress=self._progress("reading_record"))
            except Exception as error:
                self._open = False
                self._refuse_waiting()
                log.error("record_unreadable", **described(error))
                if self._stopping.wait(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)]):
                    return None
                tries += 1
                continue
            seconds = time.perf_counter() - started
            self._metrics.rebuild_seconds.set(seconds)
            log.info("engine_ready", events_replayed=events, seconds=round(seconds, 3))
            self._minds = minds
            self._open = True
            return minds

    def _refuse_waiting(self) -> None:
        """Answer what waits that it was not written."""
        tickets = []
        while True:
            try:
                ticket = self._queue.get_nowait()
            except queue.Empty:
                break
            if ticket is None:
                self._queue.put(None)
                break
            if isinstance(ticket, Change):
                self._turn(ticket)
                continue
            tickets.append(ticket)
        if tickets and self._loop is not None and not self._loop.is_closed():
            self._answer(tickets)
