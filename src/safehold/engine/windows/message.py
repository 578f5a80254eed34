"""What one partition is asked in one call, and what its answer says of each event. `valkey.py` sends it.

A key's events of a batch go as one piece behind its log, and the log from before comes back: what each window is at each
event is computed here, as it is for memory. Keys that are known to be busy are asked step by step (`series.lua`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from safehold.engine.compile.faults import Fault
from safehold.engine.policies.model import Window
from safehold.engine.windows.codec import decode, from_halves
from safehold.engine.windows.log import Log, newest, of_none, put_in
from safehold.engine.windows.sketch import REGISTERS, UNIT, estimate
from safehold.engine.windows.store import EMPTY, LATE, LATENESS, SECOND
from safehold.engine.windows.streams import Partial
from safehold.engine.windows.wire import Wire

#: The answer where keys are busy that were taken for logs.
_BUSY = 2

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


@dataclass(slots=True)
class Partition:
    """`at`: the position it has everything up to. `open`: the token of a batch that was put in and committed, up to
    `settled`, of which it was not told yet."""

    head: bytes
    undo: bytes
    prefix: bytes
    at: int = 0
    open: str = ""
    settled: int = 0

    @property
    def base(self) -> int:
        """Where it will be once it was told."""
        return self.settled if self.open else self.at


@dataclass(slots=True)
class _Slot:
    """A key of a stream in this message; its events so far, encoded."""

    wire: Wire
    name: bytes
    events: int = 0
    pieces: list[bytes] = field(default_factory=list)
    partial: bool = False
    log: Log = ()  # as of the event that is looked at


@dataclass(slots=True)
class _Visit:
    """An event at a key: which event and which feed of it, its place in the batch and its time, and its row, encoded; None
    where it is only asked for."""

    number: int
    feed: int
    slot: _Slot
    place: int
    time: int
    row: Log | None


@dataclass(slots=True)
class Message:
    """`ask` is whether answers are wanted."""

    partition: Partition
    ask: bool
    visits: list[_Visit] = field(default_factory=list)
    _slots: dict[bytes, _Slot] = field(default_factory=dict)
    _quiet: list[_Slot] = field(default_factory=list)  # those that went as logs, in their order
    _asked: list[tuple[_Visit, int]] = field(default_factory=list)  # whose results will come, and the window's place

    def visit(self, number: int, feed: int, wire: Wire, name: bytes, place: int, time: int, row: Any) -> None:
        """`row` is the event's, None for one that is not counted."""
        name = wire.name + name
        slot = self._slots.get(name)
        if slot is None:
            slot = self._slots[name] = _Slot(wire, name)
        encoded: Log | None = None
        if type(row) is Partial:
            slot.partial = True
            encoded = tuple(None if isinstance(row[at], Fault) else form(row[at]) for at, form in wire.forms)
        elif row is not None:
            encoded = wire.row(row)
            slot.events += 1
            slot.pieces.append(wire.event(time, encoded))
        if encoded is not None or self.ask:
            self.visits.append(_Visit(number, feed, slot, place, time, encoded))

    def compose(self, header: Sequence[Any], busy: dict[bytes, None]) -> tuple[list[bytes], list[Any]]:
        """KEYS and ARGV. `busy` names the keys that are known to have series."""
        prefix, slots = self.partition.prefix, self._slots.values()
        loud = [slot for slot in slots if slot.partial or slot.name in busy]
        self._quiet = [slot for slot in slots if not (slot.partial or slot.name in busy)] if loud else list(slots)
        keys = [self.partition.head, self.partition.undo, *(prefix + slot.name for slot in self._quiet)]
        streams: list[Any] = []
        numbers: dict[int, int] = {}  # of the streams, by the identity of their Wire
        for slot in slots:
            if id(slot.wire) not in numbers:
                streams.append((slot.wire.ttl, slot.wire.keep, slot.wire.sizes, slot.wire.spread))
                numbers[id(slot.wire)] = len(streams)
        logs: list[int] = []
        pieces: list[bytes] = []
        for slot in self._quiet:
            piece = b"".join(slot.pieces)
            logs += (numbers[id(slot.wire)], slot.events, len(piece))
            pieces.append(piece)
        arguments: list[Any] = [b"", b"".join(pieces)]
        self._asked = []
        series = _Series(keys, arguments)
        if loud:
            for slot in loud:
                series.open(slot, prefix, numbers[id(slot.wire)])
            self._asked = series.steps_of(self.visits, self.ask)
        arguments[0] = _pack((*header, streams, logs, series.windows, series.busy, series.steps))
        return keys, arguments

    def turned_busy(self, reply: Any) -> list[bytes]:
        """The keys that are busy and were not known to be; the message has to be composed again."""
        if reply[0][1] != _BUSY:  # the first number of the answer
            return []
        return [self._quiet[number - 1].name for number in _unpack(reply[0])[4]]

    def read(self, reply: Any, rows: Sequence[list[Any]]) -> int | None:
        """Put what the answer says of each event and feed into `rows`: a log and how it is read, or the windows of a
        busy key. Since when the partition has everything."""
        _, _, _, since, results, lengths = _unpack(reply[0])
        at = 0
        for slot, length in zip(self._quiet, lengths or (), strict=True):
            slot.log = slot.wire.log(reply[1][at : at + length]) if length else ()
            at += length
        quiet = set(map(id, self._quiet)) if self._asked else None
        for visit in self.visits:
            if quiet is not None and id(visit.slot) not in quiet:
                continue
            slot, row = visit.slot, visit.row
            if row is not None:
                slot.log = put_in(slot.log, slot.wire.width, visit.time, row) if slot.log else (visit.time, *row)
                if slot.wire.spread:
                    slot.log = newest(slot.log, slot.wire.width)
            rows[visit.number][visit.feed] = (slot.wire.plan, slot.log)
        for (visit, place), result in zip(self._asked, results or (), strict=True):
            window = visit.slot.wire.plan.stream.windows[place]
            if result and window.kind in _TEXTS and result[1]:
                result[1] = reply[1 + result[1]]
            if place == 0:
                rows[visit.number][visit.feed] = []
            rows[visit.number][visit.feed].append(_value(window, result, visit.time))
        return int(since) if since else None


class _Series:
    """The part of a message that is about busy keys."""

    def __init__(self, keys: list[bytes], arguments: list[Any]) -> None:
        self.keys, self.arguments = keys, arguments
        self.windows: list[tuple[int, int, int]] = []
        self.busy: list[tuple[int, int, list[int]]] = []
        self.steps: list[tuple[int, ...]] = []
        self._windows: dict[int, int] = {}  # the number of a Wire's first window
        self._keys: dict[int, list[int]] = {}  # the numbers of a slot's series

    def open(self, slot: _Slot, prefix: bytes, stream: int) -> None:
        first = self._windows.get(id(slot.wire))
        if first is None:
            first = self._windows[id(slot.wire)] = len(self.windows) + 1
            self.windows += [(part.kind, part.keep, part.ttl) for part in slot.wire.parts]
        whole = prefix + slot.name
        self.keys.append(whole)
        places, own = [], len(self.keys)
        for number, part in enumerate(slot.wire.parts):
            series = whole + part.suffix
            self.keys += [series, series + b":2"] if part.double else [series]
            places.append((first + number, part.column, len(self.keys) - part.double))
        self._keys[id(slot)] = [key for _, _, key in places]
        self.busy.append((own, stream, [number for place in places for number in place]))

    def steps_of(self, visits: Sequence[_Visit], ask: bool) -> list[tuple[_Visit, int]]:
        """The steps of each event: all that it puts in, then all that it asks."""
        asked: list[tuple[_Visit, int]] = []
        for visit in visits:
            keys, wire = self._keys.get(id(visit.slot)), visit.slot.wire
            if keys is None:
                continue
            first = self._windows[id(wire)]
            for number, (part, key) in enumerate(zip(wire.parts, keys, strict=True)):
                value = b"" if not part.column else visit.row[part.column - 1] if visit.row is not None else None
                if visit.row is not None and value is not None:
                    self.arguments.append(value)
                    self.steps.append((0, first + number, key, visit.place, visit.time, len(self.arguments)))
            if ask:
                for number, (window, key) in enumerate(zip(wire.plan.stream.windows, keys, strict=True)):
                    self.steps.append((1, first + number, key, visit.time - window.seconds * SECOND))
                    asked.append((visit, number))
        return asked


#: Kinds whose value comes as bytes.
_TEXTS = ("min", "max", "first", "last")


def _value(window: Window, found: Any, time: int) -> Any:
    """A busy key's window, from what its series said: its newest time, and the rest by kind."""
    if not found:
        return of_none(window)
    newest, *rest = found
    if time < newest - LATENESS:
        return LATE
    match window.kind:
        case "count":
            return rest[0]
        case "rate":
            return rest[0] / window.seconds
        case "sum":
            return from_halves(rest)
        case "distinct" if rest[0] < 0:
            return estimate(sum(many << (UNIT - rank) for rank, many in _ranks(rest)), _ranks(rest)[0][1])
        case "distinct":
            return rest[0]
    return decode(rest[0]) if rest[0] else EMPTY


def _ranks(rest: list[Any]) -> list[tuple[int, int]]:
    """(rank, registers that have it), from what follows the -1; those not mentioned are empty."""
    many = dict(enumerate(rest[1:]))
    return [(0, REGISTERS - sum(many.values())), *((rank, count) for rank, count in many.items() if rank)]
