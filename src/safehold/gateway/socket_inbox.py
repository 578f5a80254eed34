"""The side of the decider in a process of its own: one thread that reads what other processes hand in over a local socket,
decides and writes, and answers. No event loop and no second thread that works, so nothing waits for Python's lock.

Who calls: `site.decider`. Its peers are `remote.Remote`, one a process that answers requests.
"""

import queue
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from safehold.gateway import frames
from safehold.gateway.faults import described
from safehold.gateway.frames import Expose, Exposition, Frames, Hand, Parcel, Results, State, Told, framed
from safehold.gateway.inbox import Change, Result, Ticket
from safehold.gateway.metrics import Metrics, Traffic
from safehold.gateway.store import Incoming

log = structlog.get_logger("safehold.gateway")

#: The peers are told how the decider is when it changes, and this often.
SAY_SECONDS = 0.5
#: A peer that takes nothing for so long is dropped: its requests' events are in the record all the same.
SEND_SECONDS = 10
_CHUNK = 1 << 18


class _Peer:
    """One process that answers requests."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.frames = Frames()
        self.said: State | None = None
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))


class _Handed:
    """A request of a peer; its events are read when they are decided."""

    __slots__ = ("_events", "number", "parcels", "peer", "results")

    def __init__(self, peer: _Peer, number: int, parcels: list[Parcel]) -> None:
        self.peer, self.number, self.parcels = peer, number, parcels
        self.results: list[Result] | None = None
        self._events: list[Incoming] | None = None

    @property
    def events(self) -> Sequence[Incoming]:
        if self._events is None:
            self._events = [frames.unpacked(sent) for sent in self.parcels]
        return self._events


class SocketInbox:
    """See `inbox.Inbox`. All but `put` is called on the writer's thread. `state` says how the decider is."""

    def __init__(self, listener: socket.socket, state: Callable[[], State], metrics: Metrics) -> None:
        self._listener, self._state, self._metrics = listener, state, metrics
        self._waking, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        self._peers: dict[int, _Peer] = {}
        self._items: deque[Ticket | Change | None] = deque()
        self._put: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self._poll = select.poll()
        for own in (listener, self._waking):
            self._poll.register(own, select.POLLIN)
        self._said_at = float("-inf")

    def put(self, item: Change | None) -> None:
        self._put.put(item)
        with suppress(BlockingIOError):  # it has been woken often enough
            self._wake.send(b"!")

    def get(self, timeout: float | None) -> Ticket | Change | None:
        if self._items:
            return self._items.popleft()
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = SAY_SECONDS if until is None else min(SAY_SECONDS, max(0.0, until - time.monotonic()))
            self._look(left)
            if self._items:
                return self._items.popleft()
            if until is not None and time.monotonic() >= until:
                raise queue.Empty

    @property
    def waiting(self) -> int:
        """Events that wait."""
        return sum(len(item.parcels) for item in list(self._items) if isinstance(item, _Handed))

    def answer(self, tickets: Sequence[Ticket]) -> None:
        by_peer: dict[_Peer, list[tuple[int, list[Told] | None]]] = {}
        for ticket in tickets:
            assert isinstance(ticket, _Handed)  # noqa: S101  no others are in here
            results = None if ticket.results is None else [frames.told(result) for result in ticket.results]
            by_peer.setdefault(ticket.peer, []).append((ticket.number, results))
        for peer, requests in by_peer.items():
            self._send(peer, Results(requests))

    def breathe(self) -> None:
        """In the middle of long work: let peers in, and tell them how far it is. What they hand in waits."""
        self._look(0)

    def close(self) -> None:
        """The end: peers see it by their connection."""
        for peer in list(self._peers.values()):
            self._drop(peer)

    def _look(self, timeout: float) -> None:
        for descriptor, _ in self._poll.poll(timeout * 1000):
            if descriptor == self._listener.fileno():
                connection, _ = self._listener.accept()
                peer = self._peers[connection.fileno()] = _Peer(connection)
                self._poll.register(connection, select.POLLIN)
                self._say(peer, self._state())
            elif descriptor == self._waking.fileno():
                self._waking.recv(4096)
                while not self._put.empty():
                    self._items.append(self._put.get())
            else:
                self._read(self._peers[descriptor])
        if (now := time.monotonic()) - self._said_at >= SAY_SECONDS:
            self._said_at = now
            state = self._state()
            for peer in list(self._peers.values()):
                self._say(peer, state)

    def _read(self, peer: _Peer) -> None:
        try:
            data = peer.connection.recv(_CHUNK)
            for frame in peer.frames.feed(data):
                self._take(peer, frame)
        except (OSError, ValueError) as error:
            log.error("peer_failed", **described(error))
            data = b""
        if not data:
            self._drop(peer)

    def _take(self, peer: _Peer, frame: bytes) -> None:
        match frames.to_decider(frame):
            case Hand(requests):
                self._items.extend([_Handed(peer, number, parcels) for number, parcels in requests])
            case Traffic() as traffic:
                self._metrics.traffic.add(traffic)
            case Expose(number):
                self._send(peer, Exposition(number, self._metrics.exposition()))

    def _say(self, peer: _Peer, state: State) -> None:
        if state != peer.said:
            peer.said = state
            self._send(peer, state)

    def _send(self, peer: _Peer, message: Results | State | Exposition) -> None:
        if peer.connection.fileno() < 0:  # it has gone meanwhile
            return
        try:
            peer.connection.sendall(framed(message))
        except OSError as error:
            log.warning("peer_gone", **described(error))
            self._drop(peer)

    def _drop(self, peer: _Peer) -> None:
        if (descriptor := peer.connection.fileno()) >= 0:
            self._poll.unregister(descriptor)
            del self._peers[descriptor]
            peer.connection.close()
