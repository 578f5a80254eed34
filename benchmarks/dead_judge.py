"""How long an event waits (p99, ms) while the judge that is to take a second look at it is dead; its peer asks nobody.

One event in ten matches a rule that asks for a second look. One server asks a judge that takes connections and never answers, one
a judge that refuses them, one has no judge. No event waits for a look, which a worker takes from the record; what looks cost is
the worker's, which here shares a process and SQLite's lock with what decides. The servers take turns, at the same rate; less is
better.
"""

import itertools
import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from benchmarks import Result, _load
from benchmarks.http import _SERVE, _Contender, _django, _prepared, _server

RATE, SECONDS, ROUNDS = 50, 3.0, 3
#: One event in so many asks for a look.
ASKING = 10
_HANGS, _REFUSES, _NONE = "a judge that never answers", "a judge that refuses", "nobody is asked"
_POLICY = """
policy: hate.goblins
title: Hate against goblins
guidance: Calls for the death of goblins are not allowed. To speak of them is.
on: [message.sent, message.judged]
rules:
  - {id: spoken-of, mode: shadow, on: [message.sent], when: 'data.text.contains("goblin")', then: {action: hold}}
  - {id: judged, on: [message.judged], when: signals.judge.violation, then: {action: hold}}
"""


def run() -> Result:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        judge = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))  # nobody ever accepts
        refusing = stack.enter_context(socket.socket())
        refusing.bind(("127.0.0.1", 0))  # and nobody listens
        ports = {_HANGS: judge.getsockname()[1], _REFUSES: refusing.getsockname()[1], _NONE: 0}
        servers = {which: _started(Path(name) / str(n), port, stack) for n, (which, port) in enumerate(ports.items())}
        bodies = {which: _bodies(n) for n, which in enumerate(servers)}
        found: dict[str, list[float]] = {which: [] for which in servers}
        for round_ in range(ROUNDS + 1):  # the first one warms all up
            for which, server in servers.items():
                load = _load.at_a_rate([server.port], server.secret, bodies[which], RATE, SECONDS if round_ else 1.0)
                answers, latencies = uvloop.run(load)
                hits = sum(bool(json.loads(answer)["hits"]) for answer in answers)
                assert abs(hits - len(answers) / ASKING) <= 1, (which, hits, len(answers))
                found[which] += latencies if round_ else []
        looks = {which: _looks(server) for which, server in servers.items()}
    assert looks[_NONE] == (0, 0), "somebody was asked"
    assert all(asked and not answered for asked, answered in (looks[_HANGS], looks[_REFUSES])), looks
    more = {f"{which}: p50 ms": 1000 * sorted(took)[len(took) // 2] for which, took in found.items()}
    more |= {f"{which}: looks": float(asked) for which, (asked, _) in looks.items()}
    p99 = {which: 1000 * sorted(took)[len(took) * 99 // 100] for which, took in found.items()}
    return Result(
        p99.pop(_HANGS),
        f"ms, p99 at {RATE} events a second",
        {_NONE: p99.pop(_NONE)},
        {f"{_REFUSES}: p99 ms": p99.pop(_REFUSES)} | more,
    )


def _started(folder: Path, judge: int, stack: ExitStack) -> _Contender:
    environment, secret = _prepared(folder, f"sqlite:///{folder / 'safehold.sqlite3'}")
    policies = folder / "goblins"
    shutil.copytree(Path(__file__).parents[1] / "policies" / "events", policies / "events")
    (policies / "goblins.yaml").write_text(_POLICY)
    environment |= {"SAFEHOLD_POLICIES": str(policies), "SAFEHOLD_WORKERS": "1"}
    if judge:
        (folder / "key").write_text(secret)
        setup = {
            "gateway": {"key": f"file:{folder / 'key'}"},
            "services": {
                "judge": {
                    "kind": "judge",
                    "url": f"http://127.0.0.1:{judge}/v1",
                    "model": "m",
                    "private": True,
                    "limits": {"timeout": 5.0},
                }
            },
            "looks": [
                {
                    "policy": "hate.goblins",
                    "ask": ["judge"],
                    "on": ["message.sent"],
                    "rules": ["hate.goblins/spoken-of"],
                }
            ],
        }
        (folder / "looks.yaml").write_text(json.dumps(setup))
        environment["SAFEHOLD_LOOKS"] = str(folder / "looks.yaml")
    process, port = stack.enter_context(_server(["-c", _SERVE.format(1)], environment, "/readyz"))
    return _Contender(process, port, secret, environment)


def _bodies(seed: int) -> Iterator[bytes]:
    now = datetime.now(UTC)
    for number in itertools.count():
        name = f"{seed}-{number}"
        event = {
            "specversion": "1.0", "id": name, "source": "/bench", "type": "message.sent",
            "time": (now + timedelta(milliseconds=number)).isoformat(),
            "data": {
                "actor": {"id": f"u{number % 500}", "created_at": "2025-01-30T08:00:00Z"}, "message_id": name,
                "recipient_id": "r1", "text": f"{'goblins' if number % ASKING == 0 else 'people'} live in caves, number {number}",
            },
        }  # fmt: skip
        yield json.dumps(event).encode()


def _looks(server: _Contender) -> tuple[int, int]:
    """Looks that were begun, and those that somebody answered."""
    told = _django(
        server.environment,
        "from safehold.desk.looks.models import Look\n"
        "print(Look.objects.count(), Look.objects.filter(outcome='answered').count())",
    )
    asked, answered = told.split()
    return int(asked), int(answered)
