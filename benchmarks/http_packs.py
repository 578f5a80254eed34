"""Verdicts a second over HTTP with the starter packs, whose rules ask the text model of nearly every English text; SQLite.

64 connections send `message.sent` events, one a request, each text another one: messages of the SMS Spam Collection and of the
starter packs' own tests. `ours` measures signals ahead, in the process that answers; its peer is the same server which measures
where it decides (`SAFEHOLD_AHEAD=0`), as it was before. Both in two processes and in one. The first 200 events go to every
server, and their verdicts must be the same. Other programs on the machine slow a server on two cores more than one on one, so
`more` has CPU milliseconds an answer, of all processes and of the one that decides, which bounds the rate where there are cores
enough; latencies at half of the slower server's rate; and the rate where each text comes from ten senders.
"""

import csv
import itertools
import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import uvloop

from benchmarks import Result, _load
from benchmarks.http import _SERVE, _Contender, _cpu, _django, _prepared, _server

ROUND_SECONDS = 2.0
ROUNDS = 2
ALIKE = 200
_ROOT = Path(__file__).parents[1]
_OURS, _BEFORE = "two processes", "two processes, measured where it is decided"
#: Name -> (processes, threads that measure ahead; None is as many as the server thinks right).
_INSTALLED: dict[str, tuple[int, int | None]] = {
    _OURS: (2, None),
    _BEFORE: (2, 0),
    "one process": (1, None),
    "one process, measured where it is decided": (1, 0),
}


def run() -> Result:
    texts = _texts()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        servers = {which: _started(Path(name) / str(n), which, stack) for n, which in enumerate(_INSTALLED)}
        alike = list(itertools.islice(_events(texts, 7, 1), ALIKE))
        verdicts = {which: _verdicts(server, alike) for which, server in servers.items()}
        assert all(found == verdicts[_OURS] for found in verdicts.values()), "the verdicts differ"
        assert sum(bool(verdict["hits"]) for verdict in verdicts[_OURS]) > ALIKE // 20, "hardly any rule ever matched"
        streams = {which: _bodies(texts, n, 1) for n, which in enumerate(servers)}
        for round_ in range(ROUNDS + 1):  # the first one warms all up
            for which, server in servers.items():
                server.load(streams[which], ROUND_SECONDS if round_ else 1.0, count=bool(round_))
        assert all(server.measured_ahead() == (_INSTALLED[which][1] != 0) for which, server in servers.items())
        rates = {which: median(server.contender.rates) for which, server in servers.items()}
        more = {f"{which}: CPU ms an answer": median(one.contender.cpu) / 1000 for which, one in servers.items()}
        more |= {
            f"{which}: CPU ms of the one that decides": median(one.deciding)
            for which, one in servers.items()
            if one.deciding
        }
        for which, server in servers.items():
            more |= server.latencies(which, streams[which], min(rates[_OURS], rates[_BEFORE]) / 2)
        more[f"{_OURS}: each text from ten senders, a second"] = servers[_OURS].load(
            _bodies(texts, 11, 10), ROUND_SECONDS, count=False
        )
    return Result(rates.pop(_OURS), "verdicts per second", rates, more)


class _Server:
    """A server with the starter packs."""

    def __init__(self, contender: _Contender) -> None:
        self.contender = contender
        self.deciding: list[float] = []
        tasks = Path(f"/proc/{contender.process.pid}/task").iterdir()
        under = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        self._decider = [pid for pid in under if "safehold.site.decider" in Path(f"/proc/{pid}/cmdline").read_text()]

    def load(self, bodies: Iterator[bytes], seconds: float, *, count: bool) -> float:
        """Answers a second, as fast as it goes."""
        one = self.contender
        before, deciding = one.spent(), sum(map(_cpu, self._decider))
        answers, took = uvloop.run(_load.as_fast_as_it_goes([one.port], one.secret, bodies, seconds))
        if count:
            one.rates.append(len(answers) / took)
            one.cpu.append((one.spent() - before) / len(answers) * 1e6)
            if self._decider:
                self.deciding.append((sum(map(_cpu, self._decider)) - deciding) / len(answers) * 1e3)
        return len(answers) / took

    def latencies(self, which: str, bodies: Iterator[bytes], rate: float) -> dict[str, float]:
        """At this rate."""
        one = self.contender
        _, found = uvloop.run(_load.at_a_rate([one.port], one.secret, bodies, rate, ROUND_SECONDS))
        found.sort()
        shown = f"ms at {rate:.0f} a second"
        return {
            f"{which}: p50 {shown}": 1000 * found[len(found) // 2],
            f"{which}: p99 {shown}": 1000 * found[len(found) * 99 // 100],
        }

    def measured_ahead(self) -> bool:
        """Whether it has measured any event ahead."""
        metrics = httpx.get(f"http://127.0.0.1:{self.contender.port}/metrics", timeout=30).text
        return 'safehold_signals_ahead_total{outcome="measured"}' in metrics


def _started(folder: Path, which: str, stack: ExitStack) -> _Server:
    processes, threads = _INSTALLED[which]
    environment, secret = _prepared(folder, f"sqlite:///{folder / 'safehold.sqlite3'}")
    environment["SAFEHOLD_POLICIES"] = str(_ROOT / "policies")
    if threads is not None:
        environment["SAFEHOLD_AHEAD"] = str(threads)
    process, port = stack.enter_context(_server(["-c", _SERVE.format(processes)], environment, "/readyz"))
    return _Server(_Contender(process, port, secret, environment))


def _texts() -> list[str]:
    """English messages, the same ones every time."""
    rows = [line.split("\t", 1)[1] for line in (_ROOT / "tests/data/sms-spam.tsv").read_text("utf-8").splitlines()]
    with (_ROOT / "tests/data/pack-messages.tsv").open(encoding="utf-8", newline="") as file:
        packs = [row["text"] for row in csv.DictReader(file, delimiter="\t") if row["language"] == "en"]
    return [text for text in rows if len(text) > 20] + packs


def _events(texts: list[str], seed: int, senders: int) -> Iterator[dict[str, Any]]:
    """Two texts in one each time, so that hardly any comes twice, but each from so many `senders`."""
    draw, now = random.Random(seed), datetime.now(UTC)
    for number in itertools.count():
        text = f"{draw.choice(texts)} {draw.choice(texts)}"[:200]
        for sender in range(senders):
            name = f"{seed}-{number}-{sender}"
            yield {
                "specversion": "1.0", "id": name, "source": "/bench", "type": "message.sent",
                "time": (now + timedelta(milliseconds=number)).isoformat(),
                "data": {
                    "actor": {"id": f"u{draw.randrange(2_000)}", "created_at": "2025-01-30T08:00:00Z"},
                    "message_id": name, "recipient_id": f"r{draw.randrange(2_000)}", "text": text,
                },
            }  # fmt: skip


def _bodies(texts: list[str], seed: int, senders: int) -> Iterator[bytes]:
    return (json.dumps(event).encode() for event in _events(texts, 1_000 + seed, senders))


def _verdicts(server: _Server, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the record has of these events, one after the other, without what each run took."""
    one = server.contender
    headers = {"Authorization": f"Bearer {one.secret}", "Content-Type": "application/cloudevents+json"}
    with httpx.Client(base_url=f"http://127.0.0.1:{one.port}", headers=headers, timeout=60) as client:
        for event in events:
            client.post("/v1/events", json=event).raise_for_status()
    told = _django(
        one.environment,
        "import json\n"
        "from safehold.desk.decisions.models import Decision\n"
        "rows = Decision.objects.order_by('id').values_list('verdict', flat=True)\n"
        "print(json.dumps(list(rows)))",
    )
    found: list[dict[str, Any]] = json.loads(told)
    for verdict in found:
        for signal in verdict["signals"]:
            del signal["micros"]
    return found
