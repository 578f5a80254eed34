"""The one thread that decides and writes. Its inbox has tickets of events; it takes what waits, has the store decide and
write it all in one transaction, and only after the commit are the tickets answered (group commit).

The order of things is the guarantee: decided, written, on disk, answered. A process that dies at any moment has
answered nothing that is not in the record. Who calls: `deciding`, in a process with the requests or in one of its own.
"""

import queue
import threading
import time
from collections.abc import Callable

import structlog

from safehold.gateway.answers import sealed
from safehold.gateway.faults import described
from safehold.gateway.inbox import Change, Inbox, Ticket
from safehold.gateway.limits import Limits
from safehold.gateway.metrics import Metrics
from safehold.gateway.store import Failed, Incoming, Minds, Outcome, Store, Unavailable, WindowsState

log = structlog.get_logger("safehold.gateway")

#: Seconds between tries to read the record at the start and after a failure.
RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
#: How often the log says how far a long reading of the record is.
PROGRESS_SECONDS = 2.0


class Writer:
    """Group commit. `new_minds` makes engines that know nothing yet; the record then tells them."""

    def __init__(
        self, store: Store, inbox: Inbox, new_minds: Callable[[], Minds], limits: Limits, metrics: Metrics
    ) -> None:
        self._store, self._inbox, self._new_minds = store, inbox, new_minds
        self._limits, self._metrics = limits, metrics
        self._minds: Minds | None = None
        self._reading = ""
        self._open = False  # whether events are let in: not before the record was read, nor while it can't be
        self._stopping = threading.Event()
        self._ended = threading.Event()
        metrics.watch_windows(self.windows)

    def stop(self) -> None:
        """Take nothing more; `run` returns when what waits is written and answered. From any thread, or a signal."""
        self._stopping.set()
        self._inbox.put(None)

    @property
    def ready(self) -> bool:
        """Whether the record has been read, can still be as far as is known, and nothing has ended."""
        return self._open and not self._stopping.is_set()

    @property
    def reading(self) -> str:
        """How far the reading of the record is; empty when nothing is being read."""
        return self._reading

    def windows(self) -> WindowsState | None:
        """How the store of windows is; None before there are engines."""
        minds = self._minds
        return minds.windows() if minds is not None else None

    def change(self, change: Change) -> bool:
        """Decide with other rules from the next commit on. Returns once that is so; False if the writer ends before.

        Blocks, so never from the event loop.
        """
        self._inbox.put(change)
        while not change.done.wait(0.1):
            if self._ended.is_set():
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

    def run(self) -> None:
        """Until `stop`, on this thread."""
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
            self._ended.set()
            self._store.close()

    def _take(self) -> list[Ticket] | None:
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
                ticket = self._inbox.get(0)
            except queue.Empty:
                break
            if ticket is None:
                self._inbox.put(None)  # end after this commit
                break
            if isinstance(ticket, Change):
                self._turn(ticket)
                continue
            tickets.append(ticket)
            events += len(ticket.events)
        return tickets

    def _next(self) -> "Ticket | Change | None":
        """What comes next. Meanwhile the engines rest, and are told of the record if they are behind it."""
        try:
            return self._inbox.get(0)
        except queue.Empty:
            pass
        while True:
            minds = self._minds
            soon = minds.rest() if minds is not None else None
            try:
                return self._inbox.get(soon)
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
            self._inbox.breathe()
            if (now := time.monotonic()) - said >= PROGRESS_SECONDS:
                said = now
                log.info(what, position=told, of=last, seconds=round(now - started, 1))

        return progress

    def _write(self, tickets: list[Ticket]) -> None:
        started = time.perf_counter()
        outcomes = self._commit([event for ticket in tickets for event in ticket.events])
        if outcomes is not None:
            first = 0
            for ticket in tickets:
                last = first + len(ticket.events)
                ticket.results = [sealed(outcome) for outcome in outcomes[first:last]]
                first = last
        self._inbox.answer(tickets)
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
        tickets: list[Ticket] = []
        while True:
            try:
                ticket = self._inbox.get(0)
            except queue.Empty:
                break
            if ticket is None:
                self._inbox.put(None)
                break
            if isinstance(ticket, Change):
                self._turn(ticket)
                continue
            tickets.append(ticket)
        if tickets:
            self._inbox.answer(tickets)
