"""Windows in this process's memory: the default store, rebuilt from the record at start with `Engine.observe`.

Bounded: at most `most_entries` entries over all keys; beyond that the keys that were not touched for longest are
dropped whole, and `report()` says how many of them were still of use. A late event is answered exactly while it is no
more than LATENESS behind the newest of its key; later than that its value is unknown rather than too small.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from safehold.engine.compile.missing import MISSING
from safehold.engine.windows.series import SERIES, Series
from safehold.engine.windows.store import Empty, Fed, Feed, TooLate

SECOND = 1_000_000_000
#: How far behind the newest event of its key an event may come and still be answered exactly, in nanoseconds.
LATENESS = 3600 * SECOND
#: Keys are trimmed once in so many events, because trimming at each costs more than what it frees.
_TRIM_EVERY = 64


@dataclass(slots=True)
class _Kept:
    series: Series
    newest: int
    trimmed: int = -(1 << 80)
    added: int = 0


@dataclass(frozen=True, slots=True)
class WindowReport:
    """`evicted` keys were dropped although a window still covered them: raise `most_entries` when it grows."""

    keys: int
    entries: int
    most_entries: int
    expired: int
    evicted: int


class MemoryWindows:
    """`add` an event to a window's key, then ask its `value` at a time. Not thread-safe: one writer."""

    def __init__(self, most_entries: int = 2_000_000) -> None:
        self.most_entries = most_entries
        self._kept: OrderedDict[tuple[str, Hashable], _Kept] = OrderedDict()
        self._entries = self._expired = self._evicted = 0
        self._watermark = -(1 << 80)
        self._spans: dict[str, int] = {}

    def add(self, window: str, kind: str, seconds: int, key: Hashable, time: int, value: Any) -> None:
        """Put one event in. `window` identifies the definition; `time` is in nanoseconds since 1970."""
        span = self._spans[window] = seconds * SECOND
        kept = self._kept.get((window, key))
        if kept is None:
            kept = self._kept[window, key] = _Kept(SERIES[kind](), time)
        else:
            self._kept.move_to_end((window, key))
        before = len(kept.series)
        kept.series.add(time, value)
        kept.newest = max(kept.newest, time)
        kept.added += 1
        if kept.added % _TRIM_EVERY == 0:
            kept.trimmed = max(kept.trimmed, kept.newest - span - LATENESS)
            kept.series.drop_until(kept.trimmed)
        self._entries += len(kept.series) - before
        self._watermark = max(self._watermark, time)
        while self._entries > self.most_entries and len(self._kept) > 1:
            self._drop_oldest()

    def value(self, window: str, kind: str, seconds: int, key: Hashable, time: int) -> Any:
        """The window's value at an event of this key and time.

        Raises Empty where the kind has no value for no events, and TooLate.
        """
        kept = self._kept.get((window, key))
        cutoff = time - seconds * SECOND
        if kept is not None and cutoff < kept.trimmed:
            raise TooLate
        found = (SERIES[kind]() if kept is None else kept.series).after(cutoff)
        return found / seconds if kind == "rate" else found

    def apply(self, batch: Iterable[Fed]) -> Iterator["_Answers"]:
        """See `store.WindowStore`. A window is computed when a rule asks for it."""
        for time, feeds in batch:
            for window, key, value in feeds:
                if value is not MISSING:
                    self.add(window.id, window.kind, window.seconds, key, time, value)
            yield _Answers(self, time, feeds)

    def fresh(self) -> "MemoryWindows":
        return MemoryWindows(self.most_entries)

    def report(self) -> WindowReport:
        return WindowReport(len(self._kept), self._entries, self.most_entries, self._expired, self._evicted)

    def _drop_oldest(self) -> None:
        (window, _), kept = self._kept.popitem(last=False)
        self._entries -= len(kept.series)
        if kept.newest <= self._watermark - self._spans[window] - LATENESS:
            self._expired += 1
        else:
            self._evicted += 1


class _Answers:
    __slots__ = ("feeds", "store", "time")

    def __init__(self, store: MemoryWindows, time: int, feeds: list[Feed]) -> None:
        self.store, self.time, self.feeds = store, time, feeds

    def value(self, number: int) -> Any:
        window, key, _ = self.feeds[number]
        return self.store.value(window.id, window.kind, window.seconds, key, self.time)


__all__ = ["LATENESS", "Empty", "MemoryWindows", "TooLate", "WindowReport"]
