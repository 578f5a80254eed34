"""Signals measured ahead of the decider: where a request was parsed, on threads beside the event loop, so that the one thread
that decides finds the values with the event and a text model's milliseconds are spent on whichever core is idle.

Nothing depends on it. An event whose signals were not measured in time, or not at all (the threads have enough to do, the
policies are not loaded here yet, a measurement failed), goes on as it is, and the decider measures. What is measured is used
only if it holds for what the decider reads (`engine.measured`). Who calls: the routes that take events.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec
import structlog

from safehold.engine import Engine
from safehold.engine.event import Event
from safehold.engine.measured import Measured
from safehold.gateway.faults import described
from safehold.gateway.metrics import Tally
from safehold.gateway.store import Incoming

log = structlog.get_logger("safehold.gateway")

#: Events that wait for a thread, for each thread; one more is measured by the decider. Many: what the decider measures holds up
#: every event of its commit, what waits here only itself.
MOST_WAITING = 64
#: Seconds that an event waits to be measured, and all of a batch; then it goes on without.
SECONDS, BATCH_SECONDS = 2.0, 30.0


@dataclass(frozen=True, kw_only=True)
class Foresight:
    """What is measured ahead: signals of events of these types, by `foresee`, from any thread, which is given what is known."""

    types: frozenset[str]
    foresee: Callable[[Event, Sequence[Measured]], Sequence[Measured]]


def foresight(engine: Engine) -> Foresight:
    """That of an engine's rules."""
    types = frozenset(kind for kind in engine.rule_sets if engine.foresees(kind))
    return Foresight(types=types, foresee=engine.foresee)


class Ahead:
    """The threads. All but the measuring is called on the event loop. `threads` None is one less than there are cores, one to
    four; 0: nothing is measured ahead. `idle` says whether the decider has nothing to do."""

    def __init__(self, tally: Tally, threads: int | None = None, idle: Callable[[], bool] = lambda: False) -> None:
        self._threads = max(1, min(4, (os.cpu_count() or 1) - 1)) if threads is None else threads
        self._idle = idle
        self._pool = ThreadPoolExecutor(max(1, self._threads), thread_name_prefix="gateway-ahead")
        self._tally, self._waiting = tally, 0
        self._foresight: Foresight | None = None

    def turn(self, foresight: Foresight | None) -> None:
        """Measure for these policies from now on; None: they are not loaded here."""
        self._foresight = foresight

    async def known(self, incoming: Incoming) -> Incoming:
        """The event with what was measured of it. Never raises."""
        foresight = self._foresight
        if foresight is None or not self._threads or incoming.event.type not in foresight.types:
            return incoming
        # Where one thread measures there is hardly another core than the decider's: while that rests, it is as good a place, and
        # asks once. Where there are more, an event in its hands would hold up those that others have measured.
        if self._threads == 1 and self._idle():
            self._tally.ahead("idle")
            return incoming
        if self._waiting >= MOST_WAITING * self._threads:
            self._tally.ahead("full")
            return incoming
        return await self._measured(foresight, incoming)

    async def all_known(self, batch: Sequence[Incoming]) -> list[Incoming]:
        """The events of a batch, in order, as many at a time as there are threads. Never raises."""
        foresight, found = self._foresight, list(batch)
        if foresight is None or not self._threads:
            return found
        places = iter([place for place, each in enumerate(batch) if each.event.type in foresight.types])

        async def measure(foresight: Foresight) -> None:
            for place in places:
                found[place] = await self._measured(foresight, found[place])

        workers = [asyncio.create_task(measure(foresight)) for _ in range(self._threads)]
        _, late = await asyncio.wait(workers, timeout=BATCH_SECONDS)
        for worker in late:
            worker.cancel()
        return found

    async def _measured(self, foresight: Foresight, incoming: Incoming) -> Incoming:
        self._waiting += 1
        work = asyncio.get_running_loop().run_in_executor(self._pool, _foreseen, foresight, incoming)
        try:
            known = await asyncio.wait_for(work, SECONDS)
        except TimeoutError:
            self._tally.ahead("late")
            return incoming
        finally:
            self._waiting -= 1
        self._tally.ahead("measured" if known is not None else "failed")
        if not known:
            return incoming
        besides = [each for each in incoming.known if each not in known]  # not asked here, but perhaps by the decider
        return msgspec.structs.replace(incoming, known=(*known, *besides))

    def stop(self) -> None:
        """End the threads when what they have in hand is done. Events that come later go on as they are."""
        self._foresight = None
        self._pool.shutdown(cancel_futures=True)


def _foreseen(foresight: Foresight, incoming: Incoming) -> Sequence[Measured] | None:
    """None: a fault of ours, which the decider will meet too, if it is one, and say so."""
    try:
        return foresight.foresee(incoming.event, incoming.known)
    except Exception as error:
        log.warning("not_measured_ahead", **described(error))
        return None
