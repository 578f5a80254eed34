"""What a signal measured, kept with what it was measured of, so that it counts later or for another event with the same
content: runs of signals can be made before an event is decided, by whoever has the time, and a text that many send is measured
once.

A value is found again only under the same signal, version and `basis` and the same content of all that the signal reads.
A failed run is never kept: whoever decides runs the signal again and notes what came of that. Who calls: `Reading`, for each
signal that a rule asks; the gateway's `ahead`.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from safehold.engine.event import Event
from safehold.engine.signal import Signal, SignalFailed, basis

#: Declared microseconds of a run from which a signal is worth being measured ahead, and its values worth being kept.
COSTLY = 500.0
#: Runs that `Recent` keeps, and bytes that the values of one may have, as MessagePack: 16 MB at most.
MOST_KEPT, MOST_BYTES = 4_096, 4_096

#: Signal, version, basis, digest of what it read.
Key = tuple[str, str, str, bytes]

_encode = msgspec.msgpack.Encoder().encode


class Measured(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One run that did not fail. `values` is what it gave, `micros` what it took, whoever uses it."""

    key: Key
    micros: int
    values: dict[str, Any]


#: One run: microseconds, values, and why it failed, if it did.
Run = tuple[int, dict[str, Any], str | None]


def key_of(signal: Signal, event: Event) -> Key | None:
    """What a run's values hold for; None for a signal that doesn't say what they depend on."""
    goes_by = basis(signal)
    if goes_by is None:
        return None
    try:
        seen = _encode([_at(event, path) for path in signal.reads])
    except (UnicodeEncodeError, TypeError, OverflowError):  # a lone surrogate, say: rare, and then it is just run
        return None
    return (signal.name, signal.version, goes_by, blake2b(seen, digest_size=16).digest())


def _at(event: Event, path: str) -> Any:
    first, *rest = path.split(".")
    value: Any = getattr(event, first, None)
    for part in rest:
        value = value.get(part) if isinstance(value, dict) else None
    return value


class Recent:
    """Runs of costly signals that were made lately, from any thread: a text that many post is measured once."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Measured] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Key) -> Measured | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, found: Measured) -> None:
        """Not if it is large: memory is bounded by the number of runs."""
        if len(_encode(found.values)) > MOST_BYTES:
            return
        with self._lock:
            self._kept[found.key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)


class Memory:
    """What is known of one event before its rules ask: what came with it (`known`), and what was measured lately. If it is
    `collecting`, `found` gets every run that another process may use."""

    __slots__ = ("_collecting", "_known", "_recent", "found")

    def __init__(
        self, known: Iterable[Measured] = (), recent: Recent | None = None, *, collecting: bool = False
    ) -> None:
        self._known = {each.key: each for each in known}
        self._recent, self._collecting = recent, collecting
        self.found: list[Measured] = []

    def run(self, signal: Signal, event: Event) -> Run:
        """A run of the signal on this event, or what one gave that had the same content before it. Never raises."""
        costly = signal.cost >= COSTLY and self._recent is not None
        key = key_of(signal, event) if costly or self._known or self._collecting else None
        if key is None:
            return run(signal, event)
        made = self._look(key, costly)
        if made is None:
            micros, values, error = run(signal, event)
            # What it goes by can change while it runs: then nobody knows by which it went.
            if error is not None or basis(signal) != key[2] or not all(map(_plain, values.values())):
                return micros, values, error
            made = Measured(key, micros, values)
            if costly and self._recent is not None:
                self._recent.keep(made)
        if self._collecting:
            self.found.append(made)
        return made.micros, made.values, None

    def _look(self, key: Key, costly: bool) -> Measured | None:
        found = self._known.get(key)
        if found is None and costly and self._recent is not None:
            found = self._recent.find(key)
        return found


def run(signal: Signal, event: Event) -> Run:
    """Run a signal. Any exception is a failure of that signal, not of the engine."""
    begun, error, values = time.perf_counter_ns(), None, {}
    try:
        values = dict(signal.run(event))
    except SignalFailed as failure:
        error = str(failure)
    except Exception as failure:  # a plug-in's bug must not stop the decision; it is reported in the verdict
        error = f"{type(failure).__name__}: {failure}"
    return (time.perf_counter_ns() - begun) // 1000, values, error


def _plain(value: Any) -> bool:
    """Whether a value is the same once it was sent as MessagePack: no times, no spans of time, no types of a plug-in's own."""
    kind = type(value)
    if kind is list:
        return all(map(_plain, value))
    if kind is dict:
        return all(type(key) is str for key in value) and all(map(_plain, value.values()))
    return kind is int or kind is float or kind is str or kind is bool or kind is bytes or value is None


def packed(found: Sequence[Measured]) -> bytes:
    """Runs, to be sent to another process; b"" for none, or if one of them can't be sent."""
    try:
        return _encode(found) if found else b""
    except (UnicodeEncodeError, OverflowError):
        return b""


_decode = msgspec.msgpack.Decoder(list[Measured]).decode


def unpacked(sent: bytes) -> list[Measured]:
    """The runs that were sent; [] for what another version of Safehold has sent in another form: they are made again."""
    try:
        return _decode(sent) if sent else []
    except msgspec.DecodeError:
        return []
