"""Following the policies in force. One thread asks the store each second which edition of them is in force; a new one is
compiled beside the running one and handed to the writer, which changes over between two commits. No request waits for it,
and one that can't be loaded changes nothing. Who calls: `deciding.Deciding`.
"""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from safehold.engine.costs import Costs
from safehold.gateway.ahead import Foresight
from safehold.gateway.answers import EventTypeView
from safehold.gateway.breaker import Breaker
from safehold.gateway.cloudevents import CloudEvent
from safehold.gateway.faults import described
from safehold.gateway.following import follow
from safehold.gateway.inbox import Change
from safehold.gateway.metrics import Metrics
from safehold.gateway.store import Incoming, Minds, Store
from safehold.gateway.writer import Writer

log = structlog.get_logger("safehold.gateway")

#: How often what rules cost is taken to the store.
COSTS_SECONDS = 10.0
#: An edition that could not be loaded is tried again after so many seconds: the database may have been away.
RETRY_SECONDS = 10.0
#: How long a thread may run before others get their turn while an edition is compiled (Python's own is 5 ms).
SWITCH_SECONDS = 0.0005


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """Which events are let in: the declared types, and `prepare`, which checks an event against its own (Refusal 422).
    `foresight` is what is measured of them ahead; None while the policies are not loaded here."""

    prepare: Callable[[str, CloudEvent, datetime], Incoming]
    event_types: Sequence[EventTypeView]
    foresight: Foresight | None = None


@dataclass(frozen=True, kw_only=True)
class Edition(Admitted):
    """One edition of the policies, ready to decide.

    `new_minds` makes engines that know nothing yet; `take_over` makes minds decide with these rules from now on, on what they
    remember. `windows` are the definitions that the rules read: what other rules remembered is enough if theirs had all.
    """

    number: int
    bundle: str
    windows: frozenset[str]
    new_minds: Callable[[], Minds]
    take_over: Callable[[Minds], None]


class Follower:
    """Watches the store for another edition. `load` makes it; `turned` is called when the writer decides with it."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        load: Callable[[int], Edition],
        first: Edition,
        turned: Callable[[Edition], None],
        metrics: Metrics,
        breaker: Breaker,
        costs: Costs | None = None,
    ) -> None:
        self._breaker, self._costs, self._kept = breaker, costs, time.monotonic()
        self._store, self._writer, self._load, self._turned, self._metrics = store, writer, load, turned, metrics
        self._edition = first
        self._tried: tuple[int, float] | None = None  # the edition that could not be loaded, and when
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-editions", daemon=True)
        metrics.edition.set(first.number)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        # The edition that is in force here goes on deciding while the store can't be read.
        follow(self._look, self._stop, self._store.close, "edition_unreadable")
        try:
            self._keep_costs()
        except Exception as error:  # what was measured last is lost, and nothing else
            log.warning("costs_not_kept", **described(error))
        self._store.close()

    def _look(self) -> None:
        self._tell_of_tripped()
        self._measure()
        wanted = self._store.edition()
        if wanted != self._edition.number and not self._tried_lately(wanted):
            self._follow(wanted)

    def _tell_of_tripped(self) -> None:
        """What the breaker held back here, for every process and for people. What can't be told now is told later."""
        while (tripped := self._breaker.tripped()) is not None:
            self._store.throttle(tripped)
            self._breaker.told()
            self._metrics.throttled.labels(tripped.rule).inc()
            log.warning("rule_throttled", rule=tripped.rule, why=tripped.why)

    def _measure(self) -> None:
        """Make ready what measures the rules, a few at a time; now and then what was measured goes to the store."""
        if self._costs is None:
            return
        self._costs.prepare()
        if time.monotonic() - self._kept >= COSTS_SECONDS:
            self._keep_costs()

    def _keep_costs(self) -> None:
        self._kept = time.monotonic()
        if self._costs is None:
            return
        found, ran = self._costs.take(), self._costs.take_runs()
        if found or ran:
            self._store.add_costs(found, ran)

    def _tried_lately(self, number: int) -> bool:
        return (
            self._tried is not None and self._tried[0] == number and time.monotonic() - self._tried[1] < RETRY_SECONDS
        )

    def _follow(self, number: int) -> None:
        started = time.perf_counter()
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            edition = self._load(number)
        except Exception as error:
            # Whatever is wrong with it: what decides now has been checked, and stays.
            self._tried = (number, time.monotonic())
            self._metrics.edition_failures.inc()
            log.error("edition_refused", edition=number, **described(error))
            return
        finally:
            sys.setswitchinterval(before)
        minds, replayed = None, 0
        if not edition.windows <= self._edition.windows:
            # Windows that nobody has filled: fresh minds read the record here, while the old ones decide. The writer
            # has them catch up on what came meanwhile.
            minds = edition.new_minds()
            replayed = self._store.catch_up(minds)
        if not self._writer.change(Change(edition.new_minds, edition.take_over, minds)):
            return
        self._edition = edition
        self._metrics.edition.set(number)
        self._turned(edition)
        log.info(
            "edition_in_force", edition=number, bundle=edition.bundle, events_replayed=replayed,
            seconds=round(time.perf_counter() - started, 3),
        )  # fmt: skip
