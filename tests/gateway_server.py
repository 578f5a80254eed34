"""A real gateway for tests: a policy folder made for them, and `safehold serve` in a process of its own on a free port."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.conftest import _in_use, _with_name
from tests.nursery import Born, born

ROOT = Path(__file__).parents[1]
SOURCE = "https://plaza.example/forum"
POLICY = """
policy: spam.pills
title: Advertising pills
severity: high
guidance: Look at what else the account wrote.
notice: {en: We don't allow advertising of medicine.}
dsa: {category: SCAMS_AND_FRAUD, ground: incompatible, clause: Terms 4.2, url: https://plaza.example/terms}
appeal: {window: 184d}
strikes: {expire: 90d}
on: [message.sent]
windows:
  sent_1h: {count: true, by: actor.id, over: 1h}
rules:
  - id: pills
    mode: live
    when: data.text.contains("buy pills")
    then:
      action: remove
      strike: 2
      reason: It advertises pills
      queue: spam
      label: {name: pill-seller, on: actor, for: 30d}
  - id: known-seller
    mode: live
    when: '"pill-seller" in labels.actor'
    then: {action: hold, queue: spam, reason: The account sold pills before}
  - id: flood
    mode: live
    when: windows.sent_1h > 5
    then: {action: limit, for: 1h, reason: "{windows.sent_1h} messages in an hour"}
  - id: watched
    mode: shadow
    when: data.text.contains("watched word")
    then: {action: terminate, label: {name: watched, on: actor}}
examples:
  - name: an advertisement
    event: {type: message.sent, actor: {id: u1, age: 72h}, data: {message_id: m1, recipient_id: u2, text: "buy pills now"}}
    windows: {sent_1h: 1}
    expect: {pills: remove}
"""


def policy_folder(where: Path) -> Path:
    """The starter event types, and one policy that shows each thing the gateway writes."""
    where.mkdir(parents=True)
    shutil.copytree(ROOT / "policies" / "events", where / "events")
    (where / "spam.yaml").write_text(POLICY)
    return where


def message(number: object, text: str = "See you at eight?", actor: str = "u1", **more: Any) -> dict[str, Any]:
    """A `message.sent` CloudEvent. `more` replaces or adds attributes."""
    return {
        "specversion": "1.0",
        "id": f"m-{number}",
        "source": SOURCE,
        "type": "message.sent",
        "time": "2026-02-01T09:30:00Z",
        "data": {
            "actor": {"id": actor, "created_at": "2025-01-30T08:00:00Z"},
            "message_id": f"m-{number}",
            "recipient_id": "u2",
            "text": text,
        },
    } | more


@dataclass
class Server:
    """A running server: `client` sends with its key, `anonymous` without one."""

    url: str
    process: "subprocess.Popen[bytes] | Born"
    log: Path
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, secret: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        made = httpx.Client(base_url=self.url, headers=headers, timeout=120)
        self.clients.append(made)
        return made

    def until_ready(self, seconds: float = 300) -> "Server":
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/readyz", timeout=30).status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the server did not get ready:\n{self.log.read_text()}")

    def metric(self, line: str) -> float:
        """The value of a line of /metrics, as `safehold_decisions_total{action="allow"}`; 0 if it isn't there."""
        text = httpx.get(f"{self.url}/metrics", timeout=60).text
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def database_of_its_own(vendor: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """A migrated database for a whole module, as Django's default connection too; its URL. See tests/conftest.py."""
    blocker = request.getfixturevalue("django_db_blocker")
    if vendor == "sqlite":
        path = folder / "safehold.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        databases = _in_use(f"sqlite:///{path}", vendor, blocker)
        yield next(databases).url
        next(databases, None)
        return
    server, template = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_template")
    name = f"module_{os.urandom(6).hex()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    databases = _in_use(_with_name(server, name), vendor, blocker)
    yield next(databases).url
    next(databases, None)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    database_url: str, policies: Path, var: Path, *, ready: bool = True, processes: int = 1, **settings: object
) -> Iterator[Server]:
    """`safehold serve` on this database; settings are SAFEHOLD_ variables. Ends it with SIGTERM, as a supervisor does."""
    port = free_port()
    environment = {
        **os.environ,
        "SAFEHOLD_VAR": str(var),
        "SAFEHOLD_DATABASE_URL": database_url,
        "SAFEHOLD_POLICIES": str(policies),
        "SAFEHOLD_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SAFEHOLD_WORKERS": "0",
        "SAFEHOLD_LOG_JSON": "1",
        **{f"SAFEHOLD_{name.upper()}": str(value) for name, value in settings.items()},
    }
    log = var / f"server-{port}.log"
    process = _started(environment, log, port, processes)
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        yield server.until_ready() if ready else server
    finally:
        for client in server.clients:
            client.close()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(120)


def _started(environment: dict[str, str], log: Path, port: int, processes: int) -> "subprocess.Popen[bytes] | Born":
    if processes == 1 and sys.platform == "linux":
        return born(environment, log, port)
    command = f"from safehold.cli.serve import serve; serve(port={port}, processes={processes})"
    with log.open("wb") as out:
        return subprocess.Popen([sys.executable, "-c", command], cwd=ROOT, env=environment, stderr=out, stdout=out)
