"""Verdicts a second over HTTP, each one on disk before it is answered (SQLite, group commit), 100 mixed rules.

64 connections send the events of `engine-100`, one a request, to `safehold serve`. Peer: a bare ASGI application that
sends each body back, under the same uvicorn settings, in turn with ours. Every answer is checked: it has a decision of
its own, and the database holds exactly those. Following up on decisions (webhooks and so on) is switched off.
"""

import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import Result
from benchmarks._mixed import one_event, write_policies

CONNECTIONS = 64
ROUND_SECONDS = 3.0
ROUNDS = 4


def run() -> Result:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment, secret = _prepared(folder)
        serve = ["-c", "import sys; from safehold.cli.serve import serve; serve(port=int(sys.argv[1]))"]
        with _server(serve, environment, "/readyz") as ours, _server(["-m", "benchmarks._echo"], {}, "/") as echo:
            speeds: dict[str, list[float]] = {"ours": [], "echo": []}
            answers: list[bytes] = []
            draw = random.Random(100)
            numbers = iter(range(10**9))
            for round_ in range(ROUNDS + 1):  # the first one warms both up
                for contender, port in (("echo", echo), ("ours", ours)):
                    bodies = (json.dumps(one_event(draw, number)).encode() for number in numbers)
                    got, seconds = uvloop.run(_load(port, secret, bodies))
                    if contender == "ours":
                        answers += got
                    if round_:
                        speeds[contender].append(len(got) / seconds)
        _check(answers, environment)
    figures = {name: statistics.median(rounds) for name, rounds in speeds.items()}
    return Result(figures["ours"], "verdicts per second", {"bare ASGI echo": figures["echo"]})


def _prepared(folder: Path) -> tuple[dict[str, str], str]:
    """A fresh installation: policies, tables, a service and a key. Returns its environment and the key."""
    policies = folder / "policies"
    policies.mkdir()
    write_policies(policies)
    environment = {
        "SAFEHOLD_VAR": str(folder),
        "SAFEHOLD_POLICIES": str(policies),
        "SAFEHOLD_DATABASE_URL": f"sqlite:///{folder / 'safehold.sqlite3'}",
        "SAFEHOLD_WORKERS": "0",
        "SAFEHOLD_RATE": "0",
        "SAFEHOLD_LOG_LEVEL": "WARNING",
    }
    return environment, _django(
        environment,
        "from django.core.management import call_command; call_command('migrate', verbosity=0)\n"
        "from safehold.accounts.keys import create_key\n"
        "from safehold.desk.entities.models import Service\n"
        "Service.objects.create(slug='bench', name='Bench')\n"
        "print(create_key(None, 'bench', ['events:write'], service='bench')[1])",
    )


def _django(environment: dict[str, str], script: str) -> str:
    setup = "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'safehold.site.settings'; django.setup()\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + script], env=os.environ | environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@contextmanager
def _server(arguments: list[str], environment: dict[str, str], ready: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, *arguments, str(port)], env=os.environ | environment)
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until and process.poll() is None:
            try:
                request = urllib.request.Request(f"http://127.0.0.1:{port}{ready}", data=None)
                urllib.request.urlopen(request, timeout=2).read()  # noqa: S310
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(30)


class _Connection(asyncio.Protocol):
    """Sends a request as soon as the one before is answered, until the time is over."""

    def __init__(self, head: bytes, bodies: Iterator[bytes], until: float, answers: list[bytes]) -> None:
        self.head, self.bodies, self.until, self.answers = head, bodies, until, answers
        self.got = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._send()

    def _send(self) -> None:
        if time.monotonic() >= self.until:
            self.done.set_result(None)
            self.transport.close()
            return
        body = next(self.bodies)
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
        self.answers.append(self.got[end + 4 :])
        self.got = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))


async def _load(port: int, secret: str, bodies: Iterator[bytes]) -> tuple[list[bytes], float]:
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n"
        "Content-Type: application/cloudevents+json\r\nContent-Length: %d\r\n\r\n"
    ).encode()
    answers: list[bytes] = []
    started = time.monotonic()
    until = started + ROUND_SECONDS
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: _Connection(head, bodies, until, answers), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(connection.done for connection in connections))
    return answers, time.monotonic() - started


def _check(answers: list[bytes], environment: dict[str, str]) -> None:
    """Every answer is a decision of its own, rules did match, and the record has these decisions and no others."""
    decisions = [json.loads(answer) for answer in answers]
    ids = {decision["decision"] for decision in decisions}
    assert len(ids) == len(answers), "two answers have the same decision"
    assert any(decision["action"] == "hold" for decision in decisions), "no rule ever matched"
    stored = _django(
        environment,
        "from safehold.desk.decisions.models import Decision\n"
        "from safehold.record.models import LedgerEntry\n"
        "print(*Decision.objects.order_by('id').values_list('id', flat=True)[:10**7])\n"
        "print(LedgerEntry.objects.filter(kind='decision').count())",
    ).splitlines()
    assert set(stored[0].split()) == ids, "the answers and the record differ"
    assert int(stored[1]) == len(ids), "the ledger has another number of decisions"
