"""Windows in Valkey: shared by processes, atomic, one round trip for all windows of all events of a batch.

    Engine(bundle, windows=ValkeyWindows("valkey://localhost"))

decides without a record: what was put in stays in. With a record (the gateway), Valkey is a fold of it up to a position:
`meet` says up to which, `put` adds what the record has beyond, and `tentative` puts a batch in that is about to be written.
Only when the record has that batch is it settled; otherwise it is taken out again, whoever comes next. ADR 0121 has the
reasons. Keys are spread over partitions by their digest; each is one hash slot, so that every call stays within it.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from safehold.engine.compile.faults import Fault
from safehold.engine.compile.missing import MISSING
from safehold.engine.windows.codec import digest
from safehold.engine.windows.link import Call, Link, script
from safehold.engine.windows.log import together
from safehold.engine.windows.message import Message, Partition
from safehold.engine.windows.store import LATE, SECOND, Away, Fed, Feed, OutOfStep, WindowReport
from safehold.engine.windows.streams import Stream
from safehold.engine.windows.wire import Wire

#: Times that a double holds to the microsecond (the years 1684 to 2255); others are answered with LATE.
_REACH = 1 << 53
_LONG_AGO = -(1 << 62)
#: Partitions that had nothing to do are told how far the record is once in so many events.
LAG = 1000
#: Busy keys that are remembered as such; of others it is asked.
_MOST_BUSY = 100_000
#: Of what keys hold: what an older version has put in is left alone, and expires.
_FORMAT = 2

_RUN, _UNDO = script("windows.lua", "series.lua", "logs.lua"), script("undo.lua")
_HEAD = "return redis.call('HMGET', KEYS[1], 'at', 'gen', 'open')"
#: Both keys stay once they are there: while a slot is moved, a key that is new or was deleted is taken to be elsewhere.
_BEGIN = """redis.call('HDEL', KEYS[1], 'open')
redis.call('SET', KEYS[2], '')
redis.call('HSET', KEYS[1], 'gen', ARGV[1], 'at', ARGV[2], 'since', ARGV[3])"""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode

#: Whose windows (a service, or ""), the event's time and its feeds.
Scoped = tuple[str, int, list[Feed]]
#: An event of the record: its position, and what tells it from all others.
Named = tuple[int, Sequence[str]]


def token_of(names: Sequence[Sequence[str]]) -> str:
    """What a batch is known by: how many events, and a digest of their names in order."""
    return f"{len(names)}:{blake2b(_pack([list(name) for name in names]), digest_size=16).hexdigest()}"


class ValkeyWindows:
    """See `store.WindowStore`. Not thread-safe: one writer."""

    def __init__(self, url: str, link: Link | None = None, name: str = "") -> None:
        """`name` keeps apart what has nothing to do with one another in one place, such as other sets of windows."""
        self.link = link or Link(url)
        prefix = self.link.address.prefix + (f":{name}" if name else "")
        tags = [f"{{{prefix}:{_FORMAT}:{number}}}" for number in range(self.link.address.partitions)]
        self._partitions = [Partition(f"{tag}:at".encode(), f"{tag}:undo".encode(), b"") for tag in tags]
        self._tags = tags
        self._gen = ""
        self._position: int | None = None  # up to which every partition has the record, or will once it is told
        self._lost = _LONG_AGO  # the latest event that could not be put in, where there is no record
        self._wires: dict[tuple[str, Stream], Wire] = {}
        self._busy: dict[bytes, None] = {}
        self._name("0")

    # -- without a record ------------------------------------------------------------------------------------------

    def apply(self, batch: Iterable[Fed]) -> Iterator["_Answers"]:
        """Put in for good. While the server is away events are answered with Away, and what they leave out is never
        counted as whole: windows that reach back to it are answered with LATE."""
        scoped = [("", time, feeds) for time, feeds in batch]
        messages = [message for message in self._messages(scoped, 0) if message.visits]
        try:
            found = self._run([(message, None, len(scoped)) for message in messages])
        except Away as away:
            self._lost = max([self._lost, *(time for _, time, _ in scoped)])
            yield from away_answers(scoped, away)
        else:
            yield from _answers(scoped, messages, found)

    def fresh(self) -> "ValkeyWindows":
        """An empty store beside this one, on the same server: for trying things out."""
        other = ValkeyWindows(self.link.address.url, self.link)
        other._name(secrets.token_hex(8))
        return other

    def report(self) -> WindowReport:
        return WindowReport()

    def head_of(self, partition: int) -> bytes:
        """The key that says where a partition is."""
        return self._partitions[partition].head

    # -- with a record ---------------------------------------------------------------------------------------------

    def meet(self, last: int, after: Callable[[int, int], Sequence[Named]]) -> int:
        """The position up to which Valkey has the record, whose last one is `last`; -1 when it has to `begin`.

        `after(position, count)` names the record's next events. A batch left open by whoever died is settled if it is what
        the record has there, and taken out if not. Raises Away.
        """
        if self._position == last:
            return last
        self._position = None
        heads = self.link.run([(_HEAD, [part.head], []) for part in self._partitions])
        found = [[part.decode() if part is not None else "" for part in head] for head in heads]
        generations = {gen for _, gen, _ in found}
        if len(generations) > 1 or generations == {""}:
            return -1
        self._name(generations.pop())
        for partition, (at, _, opened) in zip(self._partitions, found, strict=True):
            partition.at, partition.open = int(at), ""
            if opened:
                self._close(partition, opened, after(partition.at, int(opened.partition(":")[0])))
        if any(partition.at > last for partition in self._partitions):
            return -1  # this is not the record that was put in: it was restored from an older copy
        self._position = min(partition.at for partition in self._partitions)
        return self._position

    def begin(self, position: int, complete_since: int | None) -> None:
        """Forget everything; the record will be put in from `position` on. Windows that reach back behind `complete_since`
        (microseconds) are answered with LATE. Raises Away."""
        self._name(secrets.token_hex(8))
        since = _LONG_AGO if complete_since is None else complete_since
        self.link.run([(_BEGIN, [part.head, part.undo], [self._gen, position, since]) for part in self._partitions])
        for partition in self._partitions:
            partition.at, partition.open = position, ""
        self._position = position

    def put(self, events: Sequence[tuple[int, Scoped]], to: int) -> None:
        """Put in what the record has at these positions: all there is up to `to`. Raises Away."""
        messages = self._every_partition(ask=False)
        for position, scoped in events:
            self._feed(messages, 0, position, scoped)
        self._checked([(message, "", max(to, message.partition.base)) for message in messages.values()])
        for partition in self._partitions:
            partition.at = max(to, partition.at)
        self._position = to

    def tentative(self, batch: Sequence[Scoped], token: str) -> Iterator["_Answers"]:
        """Put in what is about to be written after the position that was met, and answer. Raises OutOfStep and Away, at once."""
        if self._position is None:
            raise OutOfStep("valkey", "it does not have the whole record")
        messages = [message for message in self._messages(batch, self._position) if message.visits]
        found = self._checked([(message, token, 0) for message in messages])
        for message in messages:
            message.partition.open, message.partition.settled = token, 0
        return _answers(batch, messages, found)

    def committed(self, last: int) -> None:
        """The batch is in the record, whose last position is `last`. Valkey is told with its next call, or by `settle`."""
        for partition in self._partitions:
            if partition.open and not partition.settled:
                partition.settled = last
        if self._position is not None:
            self._position = last

    def forget(self) -> None:
        """Whether the last batch was written is not known, or it was not: the next `meet` looks."""
        self._position = None

    @property
    def waiting(self) -> bool:
        """Whether there is something to `settle`."""
        return self._position is not None and any(part.open or part.at < self._position for part in self._partitions)

    @property
    def lagging(self) -> bool:
        """Whether a partition had nothing to do for so long that it should be told how far the record is."""
        return self._position is not None and any(self._position - part.base > LAG for part in self._partitions)

    def settle(self) -> None:
        """Tell every partition what was committed. Raises Away, which costs nothing but another look."""
        if (last := self._position) is None:
            return
        waiting = [part for part in self._partitions if part.open or part.at < last]
        self._checked([(Message(part, ask=False), "", last) for part in waiting])
        for partition in waiting:
            partition.at = last

    def _close(self, partition: Partition, token: str, names: Sequence[Named]) -> None:
        if token_of([name for _, name in names]) == token:
            partition.open, partition.settled = token, names[-1][0]
            self._checked([(Message(partition, ask=False), "", partition.settled)])
            return
        keys = [partition.head, partition.undo]
        (touched,) = self.link.run([(_UNDO, keys, [token, "keys"])])
        self.link.run([(_UNDO, [*keys, *touched], [token, "run"])])

    # -- one call --------------------------------------------------------------------------------------------------

    def _name(self, generation: str) -> None:
        self._gen = generation
        for tag, partition in zip(self._tags, self._partitions, strict=True):
            partition.prefix = f"{tag}:{generation}:".encode()

    def _every_partition(self, *, ask: bool) -> dict[int, Message]:
        return {number: Message(part, ask) for number, part in enumerate(self._partitions)}

    def _messages(self, batch: Sequence[Scoped], after: int) -> list[Message]:
        messages = self._every_partition(ask=True)
        for number, scoped in enumerate(batch):
            self._feed(messages, number, after + number + 1, scoped)
        return list(messages.values())

    def _feed(self, messages: Mapping[int, Message], number: int, position: int, scoped: Scoped) -> None:
        """What one event, which is `number` of its batch, has to say to each partition."""
        scope, time, feeds = scoped
        if not -_REACH < time < _REACH:
            return
        digests: dict[Any, bytes] = {}
        for index, (stream, key, row) in enumerate(feeds):
            if isinstance(key, Fault):
                continue
            name = digests.get(key)
            if name is None:
                name = digests[key] = digest(key)
            message = messages[int.from_bytes(name[:4], "big") % len(messages)]
            place = position - message.partition.base
            if place <= 0:
                continue  # it has this one
            wire = self._wires.get((scope, stream))
            if wire is None:
                wire = self._wires[scope, stream] = Wire(scope, stream)
            message.visit(number, index, wire, name, place, time, None if row is MISSING else row)

    def _call(self, message: Message, token: str | None, to: int) -> Call:
        """`token` is the batch's while it is tentative, "" for what is in the record, None where there is no record."""
        part = message.partition
        recorded = token is not None
        lost = self._lost if self._lost > _LONG_AGO else False
        header = (self._gen, recorded and part.base, to, token or False, part.open or False, part.settled, lost)
        return _RUN, *message.compose(header, self._busy)

    def _run(self, asked: Sequence[tuple[Message, str | None, int]]) -> list[Any]:
        """The answers. Where a key has turned out to be busy, nothing was done, and it is asked again. Raises Away."""
        once = any(token is None for _, token, _ in asked)  # without a record nothing tells a second time from a first
        found = self.link.run([self._call(*one) for one in asked], once=once)
        while again := [at for at, reply in enumerate(found) if self._learn(asked[at][0].turned_busy(reply))]:
            calls = [self._call(*asked[at]) for at in again]
            for at, reply in zip(again, self.link.run(calls, once=once), strict=True):
                found[at] = reply
        return found

    def _learn(self, busy: Sequence[bytes]) -> bool:
        if len(self._busy) + len(busy) > _MOST_BUSY:
            self._busy.clear()
        self._busy.update(dict.fromkeys(busy))
        return bool(busy)

    def _checked(self, asked: Sequence[tuple[Message, str, int]]) -> list[Any]:
        """Run; where all goes well, every partition is then at its base. Raises Away, and OutOfStep where one was elsewhere."""
        position, self._position = self._position, None
        found = self._run(asked) if asked else []
        if any(_unpack(reply[0])[0] == 0 for reply in found):
            raise OutOfStep("valkey", "another process wrote to it; it is being caught up")
        for message, _, _ in asked:
            part = message.partition
            part.at, part.open = part.base, ""
        self._position = position
        return found


def away_answers(batch: Sequence[Scoped], away: Away) -> Iterator["_Answers"]:
    """What to say of events when the store cannot be asked."""
    return (_Answers(time, feeds, [], _LONG_AGO, away) for _, time, feeds in batch)


def _answers(batch: Sequence[Scoped], messages: Sequence[Message], replies: Sequence[Any]) -> Iterator["_Answers"]:
    rows: list[list[Any]] = [[None] * len(feeds) for _, _, feeds in batch]
    since = [message.read(reply, rows) for message, reply in zip(messages, replies, strict=True)]
    complete_since = max((one for one in since if one is not None), default=_LONG_AGO)
    return (_Answers(time, feeds, row, complete_since, None) for (_, time, feeds), row in zip(batch, rows, strict=True))


class _Answers:
    """What Valkey said of one event's feeds: a log and how it is read, the windows of a busy key, or None for what was not
    asked."""

    __slots__ = ("away", "feeds", "results", "since", "time")

    def __init__(self, time: int, feeds: list[Feed], results: list[Any], since: int, away: Away | None) -> None:
        self.time, self.feeds, self.results, self.since, self.away = time, feeds, results, since, away

    def values(self, number: int) -> Sequence[Any]:
        if self.away is not None:
            raise self.away
        stream, found = self.feeds[number][0], self.results[number]
        if found is None:
            return [LATE] * len(stream.windows)
        if type(found) is tuple:
            plan, log = found
            return plan.values(log, self.time, self.since)  # type: ignore[no-any-return]
        return [
            LATE if self.time - window.seconds * SECOND < self.since else value
            for window, value in zip(stream.windows, found, strict=True)
        ]

    def together(self, numbers: Sequence[int]) -> Sequence[Any]:
        if self.away is not None:
            raise self.away
        stream, found = self.feeds[numbers[0]][0], [self.results[number] for number in numbers]
        if any(type(one) is not tuple for one in found):
            return [LATE] * len(stream.windows)
        plan = found[0][0]
        logs = (log for _, log in found)
        return plan.values(together(logs, plan.width), self.time, self.since)  # type: ignore[no-any-return]
