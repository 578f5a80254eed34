"""The engines of one process, one a service: what a service's events say never counts for another's. They remember in
memory only; the record tells them everything again at the start, and whenever they were told something that did not
become part of it. `gateway.shared` has those whose windows are in Valkey.

Who calls: the store, on the writer's thread, within its transaction.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from safehold.engine import Bundle, Engine, Labels, MemoryWindows, Verdict
from safehold.engine.event import Event, lift
from safehold.engine.language.values import timestamp_from_datetime
from safehold.engine.reading import entity_of
from safehold.engine.windows.memory import MOST_ENTRIES
from safehold.engine.windows.store import LATENESS, SECOND, WindowStore
from safehold.gateway.breaker import Breaker
from safehold.gateway.cloudevents import MAX_AHEAD
from safehold.gateway.store import Decided, Incoming, LabelSet, Name, Recorded, WindowsState


class Engines:
    """Fresh memories for every service, on rules that were compiled once (`ready`). See `store.Minds`."""

    def __init__(
        self,
        ready: Engine,
        edition: int = 0,
        before_each: Callable[[], None] | None = None,
        breaker: Breaker | None = None,
        most_entries: int = MOST_ENTRIES,
    ) -> None:
        self._most_entries = most_entries
        self.labels_seen = 0
        self.patience: float | None = None
        self.label_gaps: dict[int, float] = {}
        self.spoiled = False
        self.edition = edition
        self._before_each = before_each  # puts in new contents of managed lists
        self._breaker = breaker
        self._ready = ready
        self._by_service: dict[str, Engine] = {}
        self._reach = window_reach(ready.bundle)
        self._seen = -1  # the position up to which events are known
        self._complete_since: int | None = None

    def take_over(self, ready: Engine, edition: int) -> None:
        """Decide with other rules from now on, on the same memories. Each of their windows must be in there."""
        self._ready, self.edition = ready, edition
        self._reach = window_reach(ready.bundle)
        for service, before in self._by_service.items():
            self._by_service[service] = engine = copy.copy(ready)
            engine.windows, engine.labels = before.windows, before.labels

    def horizon(self, now: datetime) -> datetime:
        return now - self._reach

    def meet(self, last: int, after: Callable[[int, int], list[tuple[int, Name]]]) -> int:
        return self._seen

    def begin(self, position: int, horizon: datetime | None) -> None:
        self._seen = position
        # What happened after this moment was received after the horizon.
        self._complete_since = micros(horizon + MAX_AHEAD) if horizon is not None else None

    def observe(self, events: Sequence[Recorded], to: int) -> None:
        for _, service, body, occurred_at in events:
            if (event := self._lifted(body, occurred_at)) is not None:
                self._of(service).observe(event)
        self._seen = to

    def _lifted(self, body: str, occurred_at: datetime) -> Event | None:
        """None for types that the bundle no longer declares, which have no windows."""
        document = msgspec.json.decode(body)
        if document["type"] not in self._ready.bundle.event_types:
            return None
        return lift(document | {"time": occurred_at})

    def label(
        self, service: str, kind: str, external_id: str, name: str, expires_at: datetime | None, voided: bool
    ) -> None:
        labels = self._of(service).labels
        if voided:
            labels.void(kind, external_id, name)
        else:
            labels.set(kind, external_id, name, expires_at)

    def decide(self, batch: Sequence[Incoming]) -> Iterator[Decided | Exception]:
        for incoming in batch:
            try:
                if self._before_each is not None:
                    self._before_each()
                yield self._decided(incoming, self._of(incoming.service).decide(incoming.event, known=incoming.known))
            except Exception as error:  # a fault of ours; the store says what becomes of the event
                yield error

    def _decided(self, incoming: Incoming, verdict: Verdict) -> Decided:
        if self._breaker is not None and verdict.hits:
            self._breaker.count(verdict, incoming.received_at)
        return Decided(verdict=verdict, labels=self._labels(verdict, incoming.event))

    def recount(self, hits: Mapping[str, int], done: Mapping[str, int], now: datetime) -> None:
        if self._breaker is not None:
            self._breaker.recount(hits, done, now)

    def written(self, last: int) -> None:
        self._seen = last

    def rest(self) -> float | None:
        return None

    def windows(self) -> WindowsState:
        reports = [engine.windows.report() for engine in list(self._by_service.values())]
        return WindowsState(
            store="memory",
            keys=sum(report.keys for report in reports),
            entries=sum(report.entries for report in reports),
            evicted=sum(report.evicted for report in reports),
        )

    def _of(self, service: str) -> Engine:
        engine = self._by_service.get(service)
        if engine is None:
            engine = self._by_service[service] = copy.copy(self._ready)
            engine.windows, engine.labels = self._new_windows(), Labels()
        return engine

    def _new_windows(self) -> WindowStore:
        windows = MemoryWindows(self._most_entries)
        if self._complete_since is not None:
            windows.complete_since = self._complete_since
        return windows

    def _labels(self, verdict: Verdict, event: Event) -> list[LabelSet]:
        """The labels that the verdict has set, as the record keeps them: the engine's own reading of whom and how long."""
        labels = []
        for hit in verdict.hits:
            if hit.label is None or hit.mode == "shadow":
                continue
            entity = entity_of(hit.label.on, event, self._ready.bundle.event_types[event.type])
            if entity is not None:
                seconds = hit.label.seconds
                ends = event.time + timedelta(seconds=seconds) if seconds is not None else None
                labels.append(LabelSet(kind=entity[0], external_id=entity[1], name=hit.label.name, expires_at=ends))
        return labels


def window_ids(bundle: Bundle) -> frozenset[str]:
    """The windows of a bundle, each with its definition: one that was changed is another one."""
    return frozenset(window.id for policy in bundle.policies for window in policy.windows)


def window_reach(bundle: Bundle) -> timedelta:
    """How long ago an event may have been received and still count in a window of an event that comes now."""
    longest = max((window.seconds for policy in bundle.policies for window in policy.windows), default=0)
    return timedelta(seconds=longest + LATENESS // SECOND) + MAX_AHEAD


def micros(moment: datetime) -> int:
    """Microseconds since 1970, as window stores take times."""
    return int(timestamp_from_datetime(moment)) // 1000
