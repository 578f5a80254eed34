"""Signals: what is installed, what each one takes (declared, measured here, and live at the gateways), how often it fails,
which rules read it; and a box to try a text in, of which nothing is kept.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.roles import Permission
from safehold.console.counting import remembered
from safehold.console.policies import micros_text, percent
from safehold.desk.decisions.measured import places_in, signals
from safehold.desk.rules.costs import Live, live
from safehold.desk.rules.in_force import bundle_of, newest
from safehold.engine import PolicyProblems
from safehold.engine.authoring.readers import readers
from safehold.engine.costs import micros_of
from safehold.engine.event import Event
from safehold.engine.language.values import to_json
from safehold.engine.signal import Signal, SignalFailed, card, limits, places, title
from safehold.signals.bench import FAR, Bench, Measured, read
from safehold.web.code import marked

#: Characters of a text that can be tried: what text signals look at.
LONGEST = 20_000
#: Runs that failed, of those looked at, from which on it is told in the list.
OFTEN = 0.01


@dataclass(frozen=True)
class SignalLine:
    """One installed signal with what is known of it."""

    signal: Signal
    rules: Sequence[str]
    measured: Measured | None
    live: Live | None

    @property
    def name(self) -> str:
        return self.signal.name

    @property
    def title(self) -> str:
        return title(self.signal)

    @property
    def latency(self) -> str:
        """At the gateways; where it has not run there, as measured on this machine."""
        if self.live is not None:
            return micros_text(self.live.cost.median)
        return micros_text(self.measured.short.p50) if self.measured and self.measured.short else ""

    @property
    def slowest(self) -> str:
        if self.live is not None:
            return micros_text(self.live.cost.p99)
        return micros_text(self.measured.short.p99) if self.measured and self.measured.short else ""

    @property
    def declared(self) -> str:
        return micros_text(self.signal.cost)

    @property
    def failure_rate(self) -> float | None:
        return self.live.failed / self.live.runs if self.live is not None else None

    @property
    def failed_text(self) -> str:
        rate = self.failure_rate
        return "" if rate is None else ("0" if not rate else percent(rate))

    @property
    def failing(self) -> bool:
        return (self.failure_rate or 0) >= OFTEN

    @property
    def memory(self) -> str:
        return f"{self.measured.memory / 1e6:.1f} MB" if self.measured else ""

    @property
    def days(self) -> list[float]:
        return [day for day in self.live.by_day if day is not None] if self.live else []

    @property
    def far_off(self) -> str:
        """How far the declared cost is from what runs take, in words; empty if it is not far."""
        if self.live is None:
            return self.measured.far_off if self.measured else ""
        ratio = self.live.cost.median / self.signal.cost
        if ratio > FAR:
            return f"{ratio:.0f} times the declared cost"
        return f"1/{1 / ratio:.0f} of the declared cost" if ratio < 1 / FAR else ""


def _lines() -> list[SignalLine]:
    found = signals()
    bench = _bench()
    measured = {each.name: each for each in bench.signals} if bench else {}
    at_work = live({signal.name: signal.version for signal in found.values()})
    rules = remembered("signal-readers", 10, _readers)
    return [
        SignalLine(signal, rules.get(name, []), measured.get(name), at_work.get(name)) for name, signal in found.items()
    ]


def _bench() -> Bench | None:
    return read(settings.VAR / "signals" / "bench.json")


def _readers() -> dict[str, list[str]]:
    """Nobody can be said to read anything where the policies in force can't be loaded here: the pages of policies say why."""
    try:
        return readers(bundle_of(newest()))
    except PolicyProblems:
        return {}


@require(Permission.READ_POLICIES)
@require_GET
def signal_list(request: SignedInRequest) -> HttpResponse:
    bench = _bench()
    return render(request, "console/signals.html", {"lines": _lines(), "measured_at": bench.at if bench else None})


@require(Permission.READ_POLICIES)
@require_GET
def signal(request: SignedInRequest, name: str) -> HttpResponse:
    return render(request, "console/signal.html", _frame(name))


@require(Permission.READ_POLICIES)
@never_cache
@require_POST
def signal_try(request: SignedInRequest, name: str) -> HttpResponse:
    """Run the signal on a text, here; the answer is on the page and nowhere else."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    frame = _frame(name)
    if not text.strip() or len(text) > LONGEST:
        problem = (
            "Write a text." if not text.strip() else f"The text has {len(text):,} characters; {LONGEST:,} is the most."
        )
        return render(request, "console/signal.html", frame | {"text": text[:LONGEST], "problem": problem}, status=422)
    return render(request, "console/signal.html", frame | {"text": text, "tried": _tried(signals()[name], text)})


def _frame(name: str) -> dict[str, Any]:
    line = next((each for each in _lines() if each.name == name), None)
    if line is None:
        raise Http404(f"No signal {name} is installed.")
    bounds = limits(line.signal)
    fields = [(field, kind, _limits(*bounds.get(field, (None, None)))) for field, kind in line.signal.fields.items()]
    bench = _bench()
    return {
        "line": line,
        "fields": fields,
        "card": card(line.signal),
        "chart": _histogram(line.live) if line.live else None,
        "rules": [(rule, *rule.split("/", 1)) for rule in line.rules],
        "measured_at": bench.at if bench and line.measured else None,
        "longest": LONGEST,
        "takes_text": "text" in line.signal.reads,
        "measured": _measured(line.measured),
        "live": _live_pairs(line.live),
    }


def _limits(least: float | None, most: float | None) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return f"at least {least:g}"
    return f"at most {most:g}" if least is None else f"{least:g} to {most:g}"


def _measured(found: Measured | None) -> list[tuple[str, str]]:
    if found is None:
        return []
    pairs = [
        (words, f"{micros_text(times.p50)}, 99 of 100 {micros_text(times.p99)}")
        for words, times in (("Short texts", found.short), ("20,000 characters", found.long))
        if times is not None
    ]
    pairs += [("Memory added", f"{found.memory / 1e6:.1f} MB"), ("Loaded in", micros_text(1_000 * found.load_ms))]
    return [*pairs, ("It failed", found.failure)] if found.failure else pairs


def _live_pairs(found: Live | None) -> list[tuple[str, str]]:
    if found is None:
        return []
    cost = found.cost
    return [
        ("Half of all runs", f"at most {micros_text(cost.median)}"),
        ("95 of 100", f"at most {micros_text(cost.p95)}"),
        ("99 of 100", f"at most {micros_text(cost.p99)}"),
        ("Failed", f"{found.failed:,} of {found.runs:,} looked at"),
    ]


def _histogram(found: Live) -> tuple[list[str], list[tuple[str, str, list[int]]]]:
    """Runs by what they took, a bar for each doubling, without gaps."""
    octaves: dict[int, int] = {}
    for bucket, timed in found.buckets.items():
        octaves[bucket // 4] = octaves.get(bucket // 4, 0) + timed
    span = range(min(octaves), max(octaves) + 1)
    labels = [micros_text(micros_of(4 * octave)) for octave in span]
    return labels, [("Runs", "info", [octaves.get(octave, 0) for octave in span])]


@dataclass(frozen=True)
class Tried:
    """What a signal said of a text: its fields as JSON, the text with the places that it pointed at, and how long it took."""

    values: Mapping[str, Any]
    missing: Sequence[str]
    marked: SafeString | None
    failure: str
    took: str


def _tried(found: Signal, text: str) -> Tried:
    event = Event(
        id="try", source="/console", type="content.created", time=_now(), actor={"id": "try"},
        data={"content_id": "try", "text": text}, text=text,
    )  # fmt: skip
    values: Mapping[str, object] = {}
    pointed_at: list[dict[str, object]] = []
    failure, took = "", 0.0
    begun = time.perf_counter_ns()
    try:
        values = found.run(event)
        took = (time.perf_counter_ns() - begun) / 1_000
        pointed_at = places(found, event)
    except SignalFailed as error:
        failure = str(error)
    except Exception as error:  # a plug-in's bug: the gateway would record it as a failure too
        failure = f"{type(error).__name__}: {error}"
    shown = {field: to_json(value) for field, value in values.items()}
    missing = [field for field in found.fields if field not in shown]
    found_at = sorted({*places_in(shown, len(text)), *places_in(pointed_at, len(text))})
    return Tried(shown, missing, marked(text, found_at) if found_at else None, failure, micros_text(took))


def _now() -> datetime:
    return timezone.now()
