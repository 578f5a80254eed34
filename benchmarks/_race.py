"""Contenders of a benchmark against each other: a process each, the same answers first, then rounds in turn.

Those that are not in Safehold's own environment, or clash with what is, run in one that is made for them under `var/`,
once, with the versions below.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers import Case, write_case

ROOT = Path(__file__).parents[1]
#: Name in the result -> (module of `peers`, whether it runs in the peers' own environment).
CONTENDERS = {
    "ours": ("safehold_engine", False),
    "one Python function by hand": ("by_hand", False),
    "one Python lambda a rule": ("lambdas", False),
    "cel-expr-python": ("cel_expr_python", False),
    "rule-engine": ("rule_engine_python", True),
    "zen-engine": ("zen_engine", True),
    "common-expression-language": ("common_expression_language", True),
    "cel-python": ("cel_python", True),
}
PEERS = (
    "zen-engine==2.1.3",
    "rule-engine==5.1.0",
    "common-expression-language==0.10.0",
    "cel-python==0.5.0",
    "msgspec>=0.20",
)
ROUNDS = 5
#: CPU seconds that a round of one contender takes, about.
ROUND_SECONDS = 0.4


class Contender:
    """A process that decides. Its answers come line by line, as `peers.__main__` says."""

    def __init__(self, module: str, python: str, case: Path) -> None:
        command = [python, "-m", "benchmarks.peers", module, str(case)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        self._read()

    def check(self, count: int) -> list[list[str]]:
        """The rules that match in each of the first `count` events."""
        answer: list[list[str]] = self._ask(f"check {count}")
        return answer

    def time(self, count: int) -> float:
        """The CPU seconds that the next `count` events took."""
        return float(self._ask(f"time {count}"))

    def end(self) -> None:
        self._process.terminate()
        self._process.communicate()

    def _ask(self, command: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a contender ended; what it said is above")
        return json.loads(line)


@contextmanager
def contenders(cases: Mapping[str, tuple[str, Case]]) -> Iterator[dict[str, Contender]]:
    """The contenders of a benchmark: name -> (one of CONTENDERS, its case)."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        started = {}
        for number, (name, (which, case)) in enumerate(cases.items()):
            path = Path(folder) / f"{number}.json"
            write_case(path, case)
            module, elsewhere = CONTENDERS[which]
            started[name] = Contender(module, peers_python() if elsewhere else sys.executable, path)
            running.callback(started[name].end)
        yield started


def peers_python() -> str:
    """The Python that has the peers; made if it is not there. Ends with a message if they can't be installed."""
    folder = ROOT / "var" / "benchmark-peers"
    python, done = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join((sys.version.split()[0], *PEERS))
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return str(python)
    print(f"Installing the peers into {folder.relative_to(ROOT)} (once)", file=sys.stderr)
    venv.create(folder, clear=True, with_pip=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS]
    installed = subprocess.run(install, capture_output=True, text=True)
    if installed.returncode:
        raise SystemExit(f"{installed.stderr}\nThe peers can't be installed: this benchmark needs PyPI once.")
    done.write_text(wanted, encoding="utf-8")
    return str(python)


def same_answers(started: Mapping[str, Contender], count: int) -> list[list[str]]:
    """What all of them answer to the first `count` events; it ends here if they differ."""
    answers = {name: contender.check(count) for name, contender in started.items()}
    first = next(iter(answers))
    for name, answer in answers.items():
        for number, (one, other) in enumerate(zip(answers[first], answer, strict=True)):
            assert one == other, f"event {number}: {first} matches {one}, {name} matches {other}"
    return answers[first]


def rates(started: Mapping[str, Contender], names: Iterable[str] | None = None) -> dict[str, float]:
    """Events a CPU-second of each: the median of five rounds, in turn."""
    counts = {}
    for name in names or started:
        started[name].time(10)
        counts[name] = max(10, min(100_000, int(ROUND_SECONDS * 20 / max(1e-6, started[name].time(20)))))
        started[name].time(counts[name] // 4)  # warm
    rounds = [{name: count / started[name].time(count) for name, count in counts.items()} for _ in range(ROUNDS)]
    return {name: statistics.median(one[name] for one in rounds) for name in counts}
