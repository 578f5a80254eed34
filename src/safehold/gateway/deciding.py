"""What decides, and where: in the process that answers requests, on a thread of its own (`InProcess`), or in another process
(`remote.Remote`), which runs `Deciding` on its main thread. The gateway sees a `Decider` and need not know which.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from safehold.engine.costs import Costs
from safehold.gateway.banks import BankKeeper
from safehold.gateway.breaker import Breaker
from safehold.gateway.editions import Admitted, Edition, Follower
from safehold.gateway.inbox import Inbox, LoopInbox, Result, let_in, not_ready
from safehold.gateway.limits import Limits
from safehold.gateway.lists import Keeper
from safehold.gateway.metrics import Metrics
from safehold.gateway.store import Incoming, Store, WindowsState
from safehold.gateway.writer import Writer


class Decider(Protocol):
    """Called on the event loop."""

    @property
    def ready(self) -> bool:
        """Whether events are let in."""

    @property
    def reading(self) -> str:
        """How far the reading of the record is; empty when nothing is being read."""

    @property
    def waiting(self) -> int:
        """Events handed in here and not answered yet."""

    def windows(self) -> WindowsState | None:
        """How the store of windows is; None before there are engines."""

    def submit(self, events: Sequence[Incoming]) -> "asyncio.Future[list[Result]]":
        """Hand in a request's events, all or none; the future gives one result an event, once they are on disk.

        Raises Refusal 503 when starting, stopping or full; the future raises it when the record can't be written.
        """

    async def exposition(self) -> bytes:
        """The metrics in Prometheus' text format."""

    async def start(self, turned: Callable[[Admitted], None]) -> None:
        """Begin. `turned` is called on the loop with what events are checked against, at first and whenever it changes."""

    async def stop(self) -> None:
        """Take nothing more, write and answer what waits."""


class Deciding:
    """The writer, who keeps its rules those that are in force, and who keeps its lists and banks."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        *,
        edition: Edition,
        load: Callable[[int], Edition],
        breaker: Breaker,
        costs: Costs | None,
        lists: Keeper,
        banks: BankKeeper,
        limits: Limits,
        metrics: Metrics,
        turned: Callable[[Edition], None],
    ) -> None:
        self.writer = Writer(store, inbox, edition.new_minds, limits, metrics)
        self._follower = Follower(store, self.writer, load, edition, turned, metrics, breaker, costs)
        self._lists, self._banks, self._metrics = lists, banks, metrics

    def run(self) -> None:
        """Decide until `stop`, on this thread; the others begin."""
        self._follower.start()
        self._lists.start(self._metrics)
        self._banks.start(self._metrics)
        self.writer.run()

    def stop(self) -> None:
        """Blocks until the others have ended; `run` returns when what waits is written."""
        self._follower.stop()
        self._lists.stop()
        self._banks.stop()
        self.writer.stop()


class InProcess:
    """A decider beside the event loop. See `Decider`."""

    def __init__(self, make: Callable[..., Deciding], edition: Admitted, limits: Limits, metrics: Metrics) -> None:
        """`make` is given an `inbox` and whom to tell of another edition (`turned`); `edition` decides at first."""
        self._make, self._edition, self._limits, self._metrics = make, edition, limits, metrics
        self._inbox: LoopInbox | None = None
        self._deciding: Deciding | None = None
        self._thread: threading.Thread | None = None

    async def start(self, turned: Callable[[Admitted], None]) -> None:
        loop = asyncio.get_running_loop()
        turned(self._edition)
        self._inbox = inbox = LoopInbox(loop)
        self._metrics.watch_queue(lambda: inbox.waiting)

        def elsewhere(edition: Edition) -> None:
            loop.call_soon_threadsafe(turned, edition)

        self._deciding = self._make(inbox=inbox, turned=elsewhere)
        self._thread = threading.Thread(target=self._deciding.run, name="gateway-writer", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        if self._deciding is None or self._thread is None:
            return
        await asyncio.get_running_loop().run_in_executor(None, self._deciding.stop)
        while self._thread.is_alive():  # not a join: the loop has to answer the last tickets meanwhile
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)

    @property
    def ready(self) -> bool:
        return (
            self._deciding is not None and self._deciding.writer.ready
            and self._thread is not None and self._thread.is_alive()
        )  # fmt: skip

    @property
    def reading(self) -> str:
        return self._deciding.writer.reading if self._deciding is not None else ""

    @property
    def waiting(self) -> int:
        return self._inbox.waiting if self._inbox is not None else 0

    def windows(self) -> WindowsState | None:
        return self._deciding.writer.windows() if self._deciding is not None else None

    def submit(self, events: Sequence[Incoming]) -> "asyncio.Future[list[Result]]":
        inbox = self._inbox
        if inbox is None or not self.ready:
            raise not_ready()
        let_in(len(events), inbox.waiting, self._limits)
        return inbox.submit(events)

    async def exposition(self) -> bytes:
        return self._metrics.exposition()
