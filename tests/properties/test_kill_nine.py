"""kill -9 at any moment: nothing that was answered is lost, nothing is decided twice, and the record stays whole.

A server is killed under load again and again. Its clients do what platforms do: what was not answered is sent again.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.decisions.models import Decision, LabelChange, Outbox
from safehold.desk.entities.models import Event
from safehold.record.verification import verify_record
from tests.gateway_server import ROOT, free_port, message, policy_folder
from tests.valkey_server import address
from tests.world import service

CLIENTS = 12
NOW = datetime.now(UTC).isoformat()


class Lives:
    """The server's lives, one after the other on one port."""

    def __init__(self, url: str, folder: Path, windows: str) -> None:
        self.port = free_port()
        self.log = folder / "lives.log"
        environment = {
            **os.environ,
            "SAFEHOLD_VAR": str(folder),
            "SAFEHOLD_DATABASE_URL": url,
            "SAFEHOLD_POLICIES": str(policy_folder(folder / "policies")),
            "SAFEHOLD_WORKERS": "0",
            "SAFEHOLD_RATE": "0",
            "SAFEHOLD_WINDOWS": windows,
            "SAFEHOLD_BREAKER": "0",  # the flood is what is wanted here, and each life begins to count it anew
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.kill_server", str(self.port)], cwd=ROOT, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log.open("wb"), text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.log.read_text()

    def begin(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


class Sender:
    """Sends one event after the other, single or in threes, each until it is answered; remembers every answer."""

    def __init__(self, number: int, port: int, secret: str) -> None:
        self.number, self.port, self.secret = number, port, secret
        self.answers: dict[str, set[str]] = defaultdict(set)  # CloudEvents id -> decisions it was answered with
        self.sent = 0
        self.resent = 0
        self.stop = False

    def event(self, number: int) -> dict[str, object]:
        return message(f"{self.number}-{number}", f"message {number}", actor=f"actor-{self.number}", time=NOW)

    async def run(self) -> None:
        while not self.stop:
            events = [self.event(self.sent + step) for step in range(random.choice((1, 1, 1, 3)))]
            self.sent += len(events)
            while not await self.answered(events):
                self.resent += 1
                await asyncio.sleep(0.005)

    async def answered(self, events: list[dict[str, object]]) -> bool:
        """Send and note the answers; False if the connection broke or the server asked to come again."""
        batch = len(events) > 1
        body = json.dumps(events if batch else events[0]).encode()
        path, kind = ("/v1/events:batch", "cloudevents-batch") if batch else ("/v1/events", "cloudevents")
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {self.secret}\r\n"
            f"Content-Type: application/{kind}+json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            writer.write(head.encode() + body)
            answer = await asyncio.wait_for(reader.read(-1), 30)
        except OSError:
            return False
        finally:
            writer.close()
        status, _, content = answer.partition(b"\r\n\r\n")
        length = [line for line in status.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if not length or len(content) < int(length[0].split(b":")[1]):
            return False  # killed while it was answering
        if status.startswith(b"HTTP/1.1 503"):
            return False
        assert status.startswith(b"HTTP/1.1 200"), answer
        found = json.loads(content)
        for event, one in zip(events, [item["answer"] for item in found["results"]] if batch else [found], strict=True):
            self.answers[str(event["id"])].add(one["decision"])
        return True


async def killed_under_load(lives: Lives, secret: str, kills: int) -> list[Sender]:
    senders = [Sender(number, lives.port, secret) for number in range(CLIENTS)]
    life = lives.begin()
    work = [asyncio.create_task(sender.run()) for sender in senders]
    for _ in range(kills):
        answered = sum(len(sender.answers) for sender in senders)
        while sum(len(sender.answers) for sender in senders) < answered + random.randrange(1, 60):
            await asyncio.sleep(0.002)  # until this life has answered something, and then at any moment
            for task in work:
                if task.done():
                    task.result()
        await asyncio.sleep(random.random() * 0.05)
        os.kill(life, signal.SIGKILL)
        life = await asyncio.to_thread(lives.begin)
    for sender in senders:
        sender.stop = True
    await asyncio.gather(*work)
    # After the last restart everything that was ever answered is sent again, and answered as it was.
    for sender in senders:
        for number in range(0, sender.sent, 7):
            assert await sender.answered([sender.event(number)])
    os.kill(life, signal.SIGTERM)
    return senders


@pytest.fixture(
    params=[("sqlite", 50, "memory"), ("postgresql", 12, "memory"), ("sqlite", 8, "valkey")],
    ids=lambda param: "-".join(map(str, param)),
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SimpleNamespace]:
    vendor, kills, windows = request.param
    database = request.getfixturevalue("fresh_sqlite" if vendor == "sqlite" else "fresh_postgres")
    service()
    _, secret = create_key(None, "plaza", list(Scope), service="plaza")
    lives = Lives(database.url, tmp_path, address() if windows == "valkey" else windows)
    yield SimpleNamespace(lives=lives, secret=secret, kills=kills)
    lives.end()


def test_kill_nine_loses_no_answer_and_decides_nothing_twice(place):
    senders = asyncio.run(killed_under_load(place.lives, place.secret, place.kills))

    answers = {event: decisions for sender in senders for event, decisions in sender.answers.items()}
    assert len(answers) > place.kills
    assert sum(sender.resent for sender in senders) > place.kills, "the kills must have cut requests off"
    assert all(len(decisions) == 1 for decisions in answers.values()), "an event was answered with two decisions"

    stored = dict(Decision.objects.values_list("event__source_id", "id"))
    assert Decision.objects.count() == Event.objects.count() == len(stored)
    assert {event: {stored.get(event)} for event in answers} == answers, "an answer is not in the record"
    assert set(Outbox.objects.values_list("reference", flat=True)) == set(stored.values())
    assert not LabelChange.objects.exists()

    # The engine's count is rebuilt exactly: each actor's nth event in the order of the record saw n.
    for sender in senders:
        decisions = Decision.objects.filter(account_id=f"actor-{sender.number}").order_by("event__position")
        for position, decision in enumerate(decisions, 1):
            assert decision.action == ("limit" if position > 5 else "allow")
            seen = [hit["values"]["windows.sent_1h"] for hit in decision.verdict["hits"]]
            assert seen == ([position] if position > 5 else [])

    report = verify_record()
    assert report.findings == []
    assert report.entries >= 2 * len(stored)
