"""Hash banks, kept as the database has them while events are decided: one shelf a process, filled before it decides, followed
by one thread that asks each half second where each bank is. What changed goes onto the shelf while it is asked; nothing is built
anew.

Who calls: `site.gateway` makes it and gives its shelf to the signal of each edition; `deciding.Deciding` starts and stops it
where events are decided, `hma` where only look-ups are answered.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import msgspec
import structlog

from safehold.engine.signal import Signal
from safehold.gateway.following import follow
from safehold.gateway.metrics import Metrics
from safehold.signals.hashes.matching import BankView, Item, Shelf
from safehold.signals.hashes.signal import Hashes

log = structlog.get_logger("safehold.gateway")

#: Items that are taken in at once, at first and later; and how long others get their turn after that.
FIRST, CHUNK, BREATH_SECONDS = 50_000, 5_000, 0.002


class SharedItem(msgspec.Struct, frozen=True):
    """A hash as it is shared. `state` is active, negative, disputed, quarantined or retired; the last two are withdrawn."""

    id: int
    type: str
    value: str
    state: str


class SharedPage(msgspec.Struct, frozen=True):
    """What changed after a place. Ask again with `after=next`: at once if there is `more`, later if not."""

    items: list[SharedItem]
    next: str
    more: bool


class BankSource(Protocol):
    """The database behind the banks. Every method may block; none is called from the event loop."""

    def banks(self) -> Mapping[str, BankView]:
        """Every bank as it is set, with the number of its last change that is in effect."""

    def items(self, bank: str, number: int) -> Iterator[Item]:
        """The items of a bank that count at a number."""

    def changed(self, bank: str, after: int, number: int) -> Iterator[tuple[Item, bool]]:
        """(item, whether it counts) for what changed after a number and up to another."""

    def add(self, bank: str, hashes: Mapping[str, str], key: str) -> int | None:
        """Put hashes (kind -> value) into a bank for an API key, and say the first one's number; None for no such bank."""

    def page(self, bank: str, after: int, last: int, most: int) -> SharedPage | None:
        """What of a bank changed after a number and, of that number itself, after an item; None for no such bank."""

    def opine(self, bank: str, item: int, belief: str, key: str) -> bool:
        """Keep what the holder of an API key thinks of an item; False if the bank has no such item."""

    def close(self) -> None:
        """Close the calling thread's connection."""


def _piece(coming: Iterator[tuple[Item, bool]], most: int) -> list[tuple[Item, bool]]:
    """The next items, until they have `most` hashes: a video has many."""
    piece: list[tuple[Item, bool]] = []
    while most > 0 and (one := next(coming, None)) is not None:
        piece.append(one)
        most -= max(1, len(one[0].frames))
    return piece


class BankKeeper:
    """The hash banks of one process."""

    def __init__(self, source: BankSource) -> None:
        self.shelf = Shelf()
        self._source = source
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._metrics: Metrics | None = None

    def attach(self, signals: Iterable[Signal]) -> None:
        """Give the shelf, filled, to the signals that look hashes up, of an engine that nobody is deciding with yet.

        Raises what the source raises: nobody should decide with banks that are not known.
        """
        self.load()
        for signal in signals:
            if isinstance(signal, Hashes):
                signal.attach(self.shelf)

    def load(self) -> None:
        """Fill the shelf, if it isn't."""
        with self._lock:
            if not self.shelf.ready:
                self._look()
                self.shelf.compact()
                self.shelf.ready = True

    def start(self, metrics: Metrics | None = None) -> None:
        """Follow the database from now on. The second time nothing happens."""
        with self._lock:
            if self._thread is not None:
                return
            self._metrics = metrics
            self._thread = threading.Thread(target=self._run, name="gateway-banks", daemon=True)
        self._count()
        self._thread.start()

    def add(self, bank: str, hashes: Mapping[str, str], key: str) -> int | None:
        """See BankSource."""
        try:
            return self._source.add(bank, hashes, key)
        finally:
            self._source.close()

    def page(self, bank: str, after: int, last: int, most: int) -> SharedPage | None:
        """See BankSource."""
        try:
            return self._source.page(bank, after, last, most)
        finally:
            self._source.close()

    def opine(self, bank: str, item: int, belief: str, key: str) -> bool:
        """See BankSource."""
        try:
            return self._source.opine(bank, item, belief, key)
        finally:
            self._source.close()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        # What is on the shelf goes on being asked; /metrics says that it is no longer followed.
        follow(self._look_locked, self._stop, self._source.close, "banks_unreadable", self._failed)

    def _failed(self) -> None:
        if self._metrics is not None:
            self._metrics.bank_failures.inc()

    def _look_locked(self) -> None:
        with self._lock:
            self._look()

    def _look(self) -> None:
        """Take in what has changed since the last time. What fails half-way is taken in again: it does no harm twice."""
        banks = self._source.banks()
        if banks == self.shelf.banks:
            return
        started = time.perf_counter()
        # A bank that is less strict now counts at once; items that it does not know yet follow.
        self.shelf.describe(banks)
        try:
            for name, bank in banks.items():
                if self._numbers.get(name) != bank.number:
                    self._take_in(name, bank)
        except BaseException:
            self.shelf.describe({name: bank for name, bank in banks.items() if self._numbers.get(name) == bank.number})
            raise
        self._count()
        log.info("banks_changed", items=len(self.shelf), seconds=round(time.perf_counter() - started, 3))

    def _take_in(self, name: str, bank: BankView) -> None:
        known = self._numbers.get(name)
        if known is None:
            coming: Iterator[tuple[Item, bool]] = ((item, True) for item in self._source.items(name, bank.number))
        else:
            coming = self._source.changed(name, known, bank.number)
        while chunk := _piece(coming, FIRST if known is None else CHUNK):
            self.shelf.drop(item for item, counts in chunk if not counts)
            self.shelf.put((item for item, counts in chunk if counts), fresh=known is None)
            time.sleep(BREATH_SECONDS)
        self._numbers[name] = bank.number

    def _count(self) -> None:
        if self._metrics is not None:
            self._metrics.bank_items.set(len(self.shelf))
            for name, number in self._numbers.items():
                self._metrics.bank_number.labels(name).set(number)
