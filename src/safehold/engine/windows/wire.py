"""How a stream's events look in Valkey: a log of a key is one string, which the server appends to and the client reads.

A log is a byte that says how many events it has, and the events one after the other, in the order they came: the time (a
double), then the values as each kind of window wants them, with four bytes of length before those whose length is not
always the same. A key with more events than a log holds has the one byte LARGE, and sorted sets beside it (`series.lua`).
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Any

from safehold.engine.windows.codec import HALVES, decode, digest, encode, from_halves, halves
from safehold.engine.windows.log import Log, Plan
from safehold.engine.windows.store import LATENESS, SECOND
from safehold.engine.windows.streams import Stream

NUMBERS = {"count": 1, "rate": 1, "sum": 2, "distinct": 3, "min": 4, "max": 5, "first": 6, "last": 7}
#: Kinds that keep something beside their sorted set: buckets of a sum, the sketch of many distinct values.
_DOUBLE = ("sum", "distinct")
_FORMS: dict[str, Callable[[Any], bytes]] = {"sum": halves, "distinct": digest}
#: Bytes of a value that always has so many; by its type, and for some kinds whatever its type is.
_SIZES = {"int": 9, "uint": 9, "double": 9, "bool": 2, "timestamp": 13, "duration": 13}
_SIZES_OF_KINDS = {"sum": HALVES.size, "distinct": 16}
_TIME, _LENGTH = struct.Struct(">d"), struct.Struct(">I")
#: What nobody touched for its window and so many seconds expires; an event that comes later than that after it happened
#: may find its window gone.
GRACE = 90_000


@dataclass(frozen=True, slots=True)
class Part:
    """A window of a large key: its kind, what it keeps (microseconds), its time to live (milliseconds), its column in the
    log (from 1; 0 for none), the end of its key, and whether it has two."""

    kind: int
    keep: int
    ttl: int
    column: int
    suffix: bytes
    double: bool


class Wire:
    """`stream`, as one scope's keys have it in Valkey."""

    def __init__(self, scope: str, stream: Stream) -> None:
        columns: dict[tuple[int, str], int] = {}  # what is measured, and in which form
        places = []
        for window, place in zip(stream.windows, stream.places, strict=True):
            form = (place, window.kind if window.kind in _FORMS else "")
            places.append(columns.setdefault(form, len(columns)) if place >= 0 else -1)
        self.forms = [(place, _FORMS.get(kind, encode)) for place, kind in columns]
        self.sizes = [_size(stream, place, kind) for place, kind in columns]
        self.width = len(columns) + 1
        self.plan = Plan(stream, tuple(places), self.width, _total, decode)
        self.keep, self.spread = stream.seconds * SECOND + LATENESS, stream.spread
        self.ttl = (stream.seconds + GRACE) * 1000
        layout = [
            (stream.columns[place].id, kind, size) for (place, kind), size in zip(columns, self.sizes, strict=True)
        ]
        self.name = _digest(f"{scope}\0{stream.base}\0{layout}")
        self.parts = [
            Part(
                NUMBERS[window.kind],
                window.seconds * SECOND + LATENESS,
                (window.seconds + GRACE) * 1000,
                place + 1,
                _digest(window.id),
                window.kind in _DOUBLE,
            )
            for window, place in zip(stream.windows, places, strict=True)
        ]
        self._row = struct.Struct(">d" + "".join(f"{size}s" for size in self.sizes)) if all(self.sizes) else None

    def row(self, row: Log) -> Log:
        """The values of a row of the stream in their forms; None for a Fault."""
        return tuple(form(row[place]) for place, form in self.forms)

    def event(self, time: int, row: Log) -> bytes:
        """An event as a log has it."""
        parts = [_TIME.pack(time)]
        for size, value in zip(self.sizes, row, strict=True):
            if not size:
                parts.append(_LENGTH.pack(len(value)))
            elif len(value) != size:
                raise ValueError(f"a value of {len(value)} bytes where all have {size}")
            parts.append(value)
        return b"".join(parts)

    def log(self, data: bytes) -> Log:
        """A log as Valkey has it, in order of time."""
        flat = tuple(chain.from_iterable(self._row.iter_unpack(data[1:]))) if self._row else self._walked(data)
        times = flat[:: self.width]
        if times == tuple(sorted(times)):
            return flat
        order = sorted(range(len(times)), key=times.__getitem__)
        return tuple(value for at in order for value in flat[at * self.width : (at + 1) * self.width])

    def _walked(self, data: bytes) -> Log:
        found: list[Any] = []
        at = 1
        while at < len(data):
            found.append(_TIME.unpack_from(data, at)[0])
            at += _TIME.size
            for size in self.sizes:
                if not size:
                    (size,) = _LENGTH.unpack_from(data, at)
                    at += _LENGTH.size
                found.append(data[at : at + size])
                at += size
        return tuple(found)


def _size(stream: Stream, place: int, kind: str) -> int:
    """Bytes of a column's values, 0 where they differ."""
    if kind:
        return _SIZES_OF_KINDS[kind]
    types = {tree.type.name for tree in stream.columns[place].trees.values()}
    sizes = {_SIZES.get(name, 0) for name in types} or {0}
    return sizes.pop() if len(sizes) == 1 else 0


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _total(values: Log) -> Any:
    return from_halves(list(chain.from_iterable(HALVES.iter_unpack(b"".join(values)))))
