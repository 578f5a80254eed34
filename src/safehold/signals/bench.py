"""What an installed signal takes: processor time of a run on short and on long texts, on one core, and the memory that it adds
when it is loaded. Each signal is measured in a process of its own, which is this module run with the signal's name.

Who calls: `safehold signals bench`. Figures are kept as one JSON file, which the console's signals page reads.
"""

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path

import msgspec

from safehold.engine.event import Event
from safehold.engine.signal import Signal, SignalFailed

#: Ordinary messages of several kinds and languages: what a run on a short text is.
SHORT = (
    "See you at eight, bring the blue jacket if it is still at yours.",
    "hi dear, i can show you how to earn 500 a day from home, write me on telegram",
    "Your parcel could not be delivered. Confirm your address at https://plaza-post.example/track?id=81723",
    "This is the worst take I have read all week and you should feel bad about it.",
    "Does anybody know when the market opens on Sunday? I'd like to sell two chairs and a lamp.",
    "f r e e m0ney!!! cl1ck n0w >>> www.win-big.example <<<",
    "Nous arrivons demain vers midi, peux-tu réserver une table pour quatre ?",
    "Ich habe das Paket gestern verschickt, die Nummer ist 00340434161094042557.",
    "¿Alguien me puede decir si el concierto de mañana sigue en pie?",
    "You are a disgrace, nobody here wants to read your posts, go away.",
    "call me on +44 20 7946 0018 or mail jo@example.org, thanks 🙏",
    "lol same",
)
#: The longest text that text signals look at.
LONG_CHARACTERS = 20_000
#: How much faster or slower than declared is told.
FAR = 3.0
_MOST_RUNS, _LEAST_RUNS, _SECONDS = 2_000, 5, 0.7


#: What services elsewhere said, for the signals that read it.
_ANSWERS = {
    "judge": {
        "status": "answered",
        "policy": "a.b",
        "violation": True,
        "category": "b",
        "confidence": 0.9,
        "rationale": "So.",
    },
    "remote": {"google": {"scores": {"Toxic": 0.9, "Insult": 0.7}}},
}


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Microseconds of processor time of one run, over `runs` runs."""

    p50: float
    p99: float
    runs: int


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One signal's figures. `memory` is bytes added by loading it and running it once, `load_ms` the time of that; `short` and
    `long` are None where it failed on every such text, and `failure` says why."""

    name: str
    version: str
    declared: float
    load_ms: float
    memory: int
    short: Times | None
    long: Times | None
    failure: str = ""

    @property
    def far_off(self) -> str:
        """How far the declared cost is from what a short text took, in words; empty if it is not far."""
        if self.short is None or not self.declared:
            return ""
        ratio = self.short.p50 / self.declared
        if ratio > FAR:
            return f"{ratio:.0f} times the declared cost"
        return f"1/{1 / ratio:.0f} of the declared cost" if ratio < 1 / FAR else ""


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of one measuring, and when it was."""

    at: datetime
    signals: list[Measured]


def measure_apart(name: str) -> Measured:
    """The figures of an installed signal, measured in a process of its own on one core. Raises ValueError, with what that
    process said, if the signal could not be loaded."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603  our own module
        [sys.executable, "-m", "safehold.signals.bench", name], capture_output=True, text=True, env=environment, check=False
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise ValueError(f"signal {name}: {said[-1] if said else f'its process ended with {done.returncode}'}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Measured)


def measure(name: str) -> Measured:
    """The figures of an installed signal, measured in this process. Raises LookupError for one that is not installed."""
    _one_core()
    gc.collect()
    before, begun = _resident(), time.perf_counter()
    signal = _load(name)
    failure = _failure(signal, SHORT[0])
    load_ms = 1_000 * (time.perf_counter() - begun)
    gc.collect()
    memory = max(0, _resident() - before)
    short = _times(signal, SHORT)
    whole = " ".join(SHORT)
    long = _times(signal, [whole * (LONG_CHARACTERS // len(whole) + 1)])
    return Measured(
        name=signal.name, version=signal.version, declared=signal.cost, load_ms=load_ms, memory=memory, short=short,
        long=long, failure=failure,
    )  # fmt: skip


def read(path: Path) -> Bench | None:
    """What was measured last; None if nothing was, or another version of Safehold wrote it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Bench)
    except (OSError, msgspec.DecodeError):
        return None


def write(path: Path, bench: Bench) -> None:
    """Keep it: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(bench)))
    beside.replace(path)


def merged(before: Bench | None, found: Iterable[Measured], at: datetime) -> Bench:
    """The new figures, and those of other signals that were measured before."""
    new = {each.name: each for each in found}
    kept = [each for each in (before.signals if before else []) if each.name not in new]
    return Bench(at=at, signals=sorted([*kept, *new.values()], key=lambda each: each.name))


def _load(name: str) -> Signal:
    known = []
    for entry in entry_points(group="safehold.signals"):
        if entry.name == name:
            made: Signal = entry.load()()
            return made
        known.append(entry.name)
    raise LookupError(f"no signal {name!r} is installed; there are {', '.join(sorted(known))}")


def _event(text: str) -> Event:
    return Event(
        id="bench", source="/bench", type="content.created", time=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        actor={"id": "u1", "created_at": "2026-02-01T00:00:00Z"}, context={"locale": "en-GB", "ip": "192.0.2.7"},
        data={"content_id": "c1", "text": text, **_ANSWERS}, text=text,
    )  # fmt: skip


def _failure(signal: Signal, text: str) -> str:
    try:
        signal.run(_event(text))
    except SignalFailed as failure:
        return str(failure)
    return ""


def _times(signal: Signal, texts: Sequence[str]) -> Times | None:
    """Of runs on these texts, each with another number before it, so that what signals remember doesn't count."""
    nanos: list[int] = []
    until = time.process_time() + _SECONDS
    while len(nanos) < _MOST_RUNS and (len(nanos) < _LEAST_RUNS or time.process_time() < until):
        event = _event(f"{len(nanos)} {texts[len(nanos) % len(texts)]}"[:LONG_CHARACTERS])
        begun = time.process_time_ns()
        try:
            signal.run(event)
        except SignalFailed:
            return None
        nanos.append(time.process_time_ns() - begun)
    nanos.sort()
    return Times(p50=nanos[len(nanos) // 2] / 1_000, p99=nanos[(len(nanos) * 99) // 100] / 1_000, runs=len(nanos))


def _one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _resident() -> int:
    """Bytes of this process that are in memory now; the most there ever were where the system doesn't say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(msgspec.to_builtins(measure(sys.argv[1]))) + "\n")
