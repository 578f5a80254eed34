"""Engines whose windows are in Valkey: shared by all gateways, and still there after a restart. A batch is asked for in one
round trip. While Valkey is away, or does not have all of the record yet, events are decided without their windows; it is
told what it missed as soon as it is back, a little with each batch and while nothing waits.

Who calls: as `gateway.engines`.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from hashlib import blake2b

from safehold.engine import Bundle, Engine
from safehold.engine.reading import Reading
from safehold.engine.windows.store import Answers, Away, OutOfStep
from safehold.engine.windows.valkey import Scoped, ValkeyWindows, away_answers, token_of
from safehold.gateway.breaker import Breaker
from safehold.gateway.engines import Engines, window_ids
from safehold.gateway.store import Decided, Incoming, Name, Recorded, WindowsState

#: Seconds that a batch may spend on telling Valkey what it missed, and between looks while nothing waits.
PATIENCE, LOOK = 0.2, 0.5


def place_of(bundle: Bundle) -> str:
    """Where a bundle's windows are kept. Other windows are another place, filled from the record: one that only began to be
    counted when its policy came would be too small until it has run."""
    return blake2b("\n".join(sorted(window_ids(bundle))).encode(), digest_size=8).hexdigest()


class SharedEngines(Engines):
    """See `store.Minds`."""

    def __init__(
        self,
        ready: Engine,
        edition: int,
        store: ValkeyWindows,
        before_each: Callable[[], None] | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        super().__init__(ready, edition, before_each, breaker)
        store.forget()
        self.patience = PATIENCE
        self._store = store
        self._last = 0  # where the record ended when it was last looked at
        self._away: Away | None = None
        self._after: Callable[[int, int], list[tuple[int, Name]]] = lambda position, count: []

    def meet(self, last: int, after: Callable[[int, int], list[tuple[int, Name]]]) -> int:
        self._last, self._after = last, after
        try:
            self._seen = self._store.meet(last, after)
        except Away as away:
            return self._gone(away)
        self._away = None
        return self._seen

    def begin(self, position: int, horizon: datetime | None) -> None:
        super().begin(position, horizon)
        try:
            self._store.begin(position, self._complete_since)
        except Away as away:
            self._gone(away)

    def observe(self, events: Sequence[Recorded], to: int) -> None:
        if self._away is not None:
            return
        fed: list[tuple[int, Scoped]] = []
        for position, service, body, occurred_at in events:
            if (event := self._lifted(body, occurred_at)) is not None:
                reading = self._of(service).read(event)
                fed.append((position, (service, reading.micros, reading.feeds)))
        try:
            self._store.put(fed, to)
        except Away as away:
            self._gone(away)
        else:
            self._seen = to

    def decide(self, batch: Sequence[Incoming]) -> Iterator[Decided | Exception]:
        if self._before_each is not None:
            self._before_each()  # once: what a batch feeds and what it concludes is said by the same lists
        readings = [self._read(incoming) for incoming in batch]
        good = [
            (incoming, found) for incoming, found in zip(batch, readings, strict=True) if isinstance(found, Reading)
        ]
        scoped = [(incoming.service, found.micros, found.feeds) for incoming, found in good]
        names = [(incoming.service, incoming.event.source, incoming.event.id) for incoming, _ in good]
        answers = self._answers(scoped, token_of(names))
        for incoming, reading in zip(batch, readings, strict=True):
            if isinstance(reading, Exception):
                yield reading
                continue
            try:
                reading.answers = next(answers)
                yield self._decided(incoming, self._of(incoming.service).conclude(reading))
            except Exception as error:  # a fault of ours; the store says what becomes of the event
                yield error

    def written(self, last: int) -> None:
        self._last = last
        if self._away is None:
            self._store.committed(last)
            self._seen = last

    def rest(self) -> float | None:
        """Settle the last batch, so that whoever comes next finds it settled."""
        try:
            if self._away is None and self._store.waiting:
                self._store.settle()
        except Away as away:
            self._gone(away)
        return LOOK if self._away is not None or self._seen < self._last else None

    def windows(self) -> WindowsState:
        if (away := self._away) is not None:
            return WindowsState(store="valkey", state=f"away: {away.cause}")
        behind = self._last - self._seen
        return WindowsState(store="valkey", state=f"{behind} events behind the record" if behind > 0 else "ok")

    def _read(self, incoming: Incoming) -> Reading | Exception:
        try:
            return self._of(incoming.service).read(incoming.event, known=incoming.known)
        except Exception as error:  # a fault of ours; the store says what becomes of the event
            return error

    def _answers(self, batch: Sequence[Scoped], token: str) -> Iterator[Answers]:
        try:
            self._whole()
            return self._store.tentative(batch, token)
        except OutOfStep:
            pass
        except Away as away:
            self._gone(away)
            return away_answers(batch, away)
        # Another process had the pen in between, and left a batch open: look once more.
        try:
            self.meet(self._last, self._after)
            self._whole()
            return self._store.tentative(batch, token)
        except Away as away:
            self._gone(away)
            return away_answers(batch, away)

    def _whole(self) -> None:
        """Raises Away unless Valkey has all of the record."""
        if self._away is not None:
            raise self._away
        if self._seen < self._last:
            raise Away("valkey", f"it is being told what it missed, {self._last - self._seen} events")

    def _gone(self, away: Away) -> int:
        """Nothing can be told for now: as if all were known."""
        self._away = away
        self._store.forget()
        return self._last
