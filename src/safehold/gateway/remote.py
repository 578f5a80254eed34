"""The side of a process that answers requests and has another one decide: sends events, wakes the requests when their
results come. The connection is local, and made again whenever it breaks.

Who calls: `application.Gateway`, through `deciding.Decider`. The other end is `socket_inbox.SocketInbox`.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

import structlog

from safehold.gateway import frames
from safehold.gateway.ahead import Foresight
from safehold.gateway.editions import Admitted
from safehold.gateway.faults import described
from safehold.gateway.frames import Expose, Exposition, Frames, Hand, Parcel, Results, State, framed
from safehold.gateway.inbox import Result, let_in, not_ready, settle
from safehold.gateway.limits import Limits
from safehold.gateway.metrics import Tally
from safehold.gateway.store import Incoming, WindowsState

log = structlog.get_logger("safehold.gateway")

#: Between tries to reach the decider, and between counts sent to it.
RETRY_SECONDS, COUNT_SECONDS = 0.1, 1.0
#: How long the start waits for the decider; then it answers 503 until it is there.
START_SECONDS = 30.0
#: Policies that could not be read for what is measured ahead are read again after so long.
FORESIGHT_SECONDS = 10.0


class Remote:
    """See `deciding.Decider`. `admitted` reads what events are checked against now, and `foresight` what is measured ahead for
    an edition; both block, the second for seconds."""

    def __init__(
        self,
        path: str,
        admitted: Callable[[], Admitted],
        foresight: Callable[[int], Foresight | None],
        limits: Limits,
        tally: Tally,
    ) -> None:
        self._path, self._admitted, self._limits, self._tally = path, admitted, limits, tally
        self._turned: Callable[[Admitted], None] = lambda admitted: None
        self._edition = 0  # for which that was read
        self._link: _Connection | None = None
        self._state = State(False, "", 0, None)
        self._open: dict[int, tuple[int, asyncio.Future[list[Result]]]] = {}
        self._asked: dict[int, asyncio.Future[bytes]] = {}
        self._number = 0
        self._other, self._known = asyncio.Event(), asyncio.Event()
        self._out: list[tuple[int, list[Parcel]]] = []
        self._waiting = 0
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._foresight = foresight

    async def start(self, turned: Callable[[Admitted], None]) -> None:
        self._turned = turned
        self._tasks = [asyncio.create_task(each) for each in (self._connect(), self._count(), self._follow())]
        # A process that listens before it can ask would refuse what the others on its socket take.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._known.wait(), START_SECONDS)

    async def stop(self) -> None:
        """Take nothing more; what was handed in is still answered."""
        self._stopping = True
        while self._open and self._link is not None:
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        if self._link is not None:
            self._link.transport.write(framed(self._tally.drain()))
            self._link.transport.close()

    @property
    def ready(self) -> bool:
        return self._link is not None and self._state.ready and self._edition > 0 and not self._stopping

    @property
    def reading(self) -> str:
        return self._state.reading if self._link is not None else "the process that decides is not there"

    @property
    def waiting(self) -> int:
        return self._waiting

    def windows(self) -> WindowsState | None:
        return self._state.windows

    def submit(self, events: Sequence[Incoming]) -> "asyncio.Future[list[Result]]":
        """See `deciding.Decider`. All that is handed in within one turn of the loop goes out as one frame."""
        if not self.ready:
            raise not_ready()
        let_in(len(events), self._waiting, self._limits)
        loop = asyncio.get_running_loop()
        self._number += 1
        future: asyncio.Future[list[Result]] = loop.create_future()
        self._open[self._number] = (len(events), future)
        self._waiting += len(events)
        if not self._out:
            loop.call_soon(self._flush)
        self._out.append((self._number, [frames.parcel(event) for event in events]))
        return future

    async def exposition(self) -> bytes:
        """See `deciding.Decider`. Raises Refusal 503 when the decider is away."""
        if self._link is None:
            raise not_ready()
        self._number += 1
        asked: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked[self._number] = asked
        self._link.transport.write(framed(self._tally.drain()) + framed(Expose(self._number)))
        return await asked

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and self._link is not None:
            self._link.transport.write(framed(Hand(out)))

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping:
            try:
                _, link = await loop.create_unix_connection(lambda: _Connection(self._got), self._path)
            except OSError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._link = link
            await link.closed
            self._link, self._state = None, State(False, "", 0, None)
            self._refuse()
            for asked in self._asked.values():
                if not asked.done():
                    asked.set_exception(not_ready())
            self._asked.clear()
            if not self._stopping:
                log.error("decider_gone")

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            if self._link is not None and ((counted := self._tally.drain()).routes or counted.problems):
                self._link.transport.write(framed(counted))

    async def _follow(self) -> None:
        """Another edition decides: its types are what events are checked against."""
        loop = asyncio.get_running_loop()
        while True:
            await self._other.wait()
            self._other.clear()
            number = self._state.edition
            try:
                admitted = await loop.run_in_executor(None, self._admitted)
            except Exception as error:  # the decider could read them, so they can be read: again, soon
                log.error("event_types_unreadable", **described(error))
                await asyncio.sleep(1)
                self._other.set()
                continue
            self._edition = number
            self._turned(admitted)
            self._known.set()
            try:
                foresight = await loop.run_in_executor(None, self._foresight, number)
            except Exception as error:  # the decider measures meanwhile
                log.error("policies_unreadable", **described(error))
                loop.call_later(FORESIGHT_SECONDS, self._other.set)
            else:
                self._turned(replace(admitted, foresight=foresight))

    def _got(self, frame: bytes) -> None:
        match frames.from_decider(frame):
            case Results(requests):
                for number, results in requests:
                    count, future = self._open.pop(number)
                    self._waiting -= count
                    settle(future, None if results is None else [frames.heard(result) for result in results])
            case State() as state:
                self._state = state
                if state.edition != self._edition:
                    self._other.set()
            case Exposition(number, text):
                asked = self._asked.pop(number)
                if not asked.done():
                    asked.set_result(text)

    def _refuse(self) -> None:
        """The decider is gone: nobody knows what of what was handed in is written, and what waits to be sent is not."""
        self._out = []
        for _, future in self._open.values():
            settle(future, None)
        self._open.clear()
        self._waiting = 0


class _Connection(asyncio.Protocol):
    """Takes frames apart. `closed` is done when the connection is."""

    transport: asyncio.WriteTransport

    def __init__(self, got: Callable[[bytes], None]) -> None:
        self._got, self._frames = got, Frames()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            self._got(frame)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)
