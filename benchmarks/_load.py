"""What loads a server in the `http` benchmark: connections that send events as fast as they are answered, or at a rate."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

CONNECTIONS = 64
_HEAD = (
    "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n"
    "Content-Type: application/cloudevents+json\r\nContent-Length: %d\r\n\r\n"
)


class _Connection(asyncio.Protocol):
    """Sends one request at a time; `answered(connection, body)` is called with each answer."""

    def __init__(self, head: bytes, answered: Any) -> None:
        self.head, self.answered = head, answered
        self.got = b""
        self.due = 0.0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, body: bytes) -> None:
        self.transport.write(self.head % len(body) + body)

    def data_received(self, data: bytes) -> None:
        self.got += data
        end = self.got.find(b"\r\n\r\n")
        if end < 0:
            return
        start = self.got.index(b"content-length: ") + 16
        length = int(self.got[start : self.got.index(b"\r", start)])
        if len(self.got) < end + 4 + length:
            return
        assert self.got.startswith(b"HTTP/1.1 200"), self.got
        body, self.got = self.got[end + 4 :], b""
        self.answered(self, body)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_exception(error or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        self.closed.set_result(None)
        self.transport.close()


async def _connected(ports: list[int], secret: str, answered: Any, head: str = _HEAD) -> list[_Connection]:
    """The connections, dealt out to the servers in turn as a load balancer would."""
    loop = asyncio.get_running_loop()
    begin = head.format(secret=secret).encode()
    return [
        (await loop.create_connection(lambda: _Connection(begin, answered), "127.0.0.1", ports[n % len(ports)]))[1]
        for n in range(CONNECTIONS)
    ]


async def as_fast_as_it_goes(
    ports: list[int], secret: str, bodies: Iterator[bytes], seconds: float, head: str = _HEAD
) -> tuple[list[bytes], float]:
    """Every connection sends as soon as it has its answer: (answers, seconds). `head` is what stands before each body."""
    answers: list[bytes] = []
    started = time.monotonic()
    until = started + seconds

    def answered(connection: _Connection, body: bytes) -> None:
        answers.append(body)
        if time.monotonic() < until:
            connection.send(next(bodies))
        else:
            connection.close()

    connections = await _connected(ports, secret, answered, head)
    for connection in connections:
        connection.send(next(bodies))
    await asyncio.gather(*(connection.closed for connection in connections))
    return answers, time.monotonic() - started


async def at_a_rate(
    ports: list[int], secret: str, bodies: Iterator[bytes], rate: float, seconds: float
) -> tuple[list[bytes], list[float]]:
    """One request every 1/`rate` seconds, whether earlier ones were answered or not: (answers, latencies in seconds).

    A latency begins when the request was due, so a server that falls behind cannot hide it.
    """
    answers: list[bytes] = []
    latencies: list[float] = []
    idle: deque[_Connection] = deque()
    waiting: deque[float] = deque()

    def answered(connection: _Connection, body: bytes) -> None:
        answers.append(body)
        latencies.append(time.monotonic() - connection.due)
        if waiting:
            connection.due = waiting.popleft()
            connection.send(next(bodies))
        else:
            idle.append(connection)

    connections = await _connected(ports, secret, answered)
    idle.extend(connections)
    started, sent = time.monotonic(), 0
    while (now := time.monotonic()) < started + seconds:
        while started + sent / rate <= now:
            due = started + sent / rate
            sent += 1
            if idle:
                connection = idle.popleft()
                connection.due = due
                connection.send(next(bodies))
            else:
                waiting.append(due)
        await asyncio.sleep(0.0005)
    while len(answers) < sent:
        await asyncio.sleep(0.001)
    for connection in connections:
        connection.close()
    await asyncio.gather(*(connection.closed for connection in connections))
    return answers, latencies
