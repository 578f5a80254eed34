"""The mixed rules that several benchmarks decide with, and the events they decide on.

A hundred of them are 20 equality, 20 contains, 15 regex, 25 numeric, 10 list and 10 label rules; other numbers have the
same shares. Rules are given by what they ask, so that each contender can say them in its own language (`peers`).
"""

import json
import random
import tempfile
from pathlib import Path
from typing import Any, Literal, NamedTuple

from safehold.engine import Engine, load_bundle

EVENTS = 2_000
_WORDS = """hello there how are you today I will send the papers by monday please call me when it is done thanks for the
    lovely evening we met at the market and talked about boats gardens music and the weather see you soon my friend"""
_FIRST, _SECOND = ("free", "quick", "secret", "double", "instant"), ("money", "crypto", "prize", "loan")
_TERMS = [f"{first} {second}" for first in _FIRST for second in _SECOND]
_PATTERNS = [
    r"(?i)\bearn\s+\d+", r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b", r"(?i)whats\s*app", r"t\.me/\w+", r"\b\d{4}-\d{4}-\d{4}\b",
    r"(?i)click\s+here", r"bit\.ly/\w{5,}", r"(?i)act\s+now", r"\$\d{3,}", r"(?i)gift\s+cards?", r"(?i)wire\s+transfer",
    r"(?i)verif(y|ication)\s+code", r"[\w.]+@[\w.]+\.\w+", r"(?i)bitcoin|ethereum", r"(.)!{3,}",
]  # fmt: skip
#: What the patterns beyond the first fifteen are about: `(?i)\bvoucher\s+(code|for)\b`.
_THINGS = """voucher coupon lottery inheritance investment visa passport parcel invoice refund wallet seed miner broker
    dating casino bonus jackpot pills diploma"""
_TAILS = [
    r"\s+(code|for)\b", r"\s*[:=]\s*\d+", r"s?\s+(expires|ends)\s+(today|soon)", r"\W+http", r"-\d{2,}", r"\s+@\w+",
    r"\.(zip|exe)\b",
]  # fmt: skip
_LIST_ENTRIES = 1_000


class Asked(NamedTuple):
    """One rule: `name` is its id, `kind` what it asks, `what` the term, pattern, list or label (or the two numbers)."""

    name: str
    kind: Literal["equal", "contains", "regex", "number", "list", "label"]
    what: Any


def asked(count: int) -> list[Asked]:
    """The `count` rules, a multiple of 100."""
    times = count // 100
    found = [Asked(f"equal-{n}", "equal", f"thread-{n}") for n in range(20 * times)]
    found += [Asked(f"contains-{n}", "contains", term) for n, term in enumerate(_terms(20 * times))]
    found += [Asked(f"regex-{n}", "regex", pattern) for n, pattern in enumerate(_patterns(15 * times))]
    found += [Asked(f"number-{n}", "number", (980 + n % 5, n % 25 + 1 + n // 25)) for n in range(25 * times)]
    found += [Asked(f"list-{n}", "list", f"list_{n}") for n in range(10 * times)]
    return found + [Asked(f"label-{n}", "label", f"label-{n}") for n in range(10 * times)]


def _terms(count: int) -> list[str]:
    more = [f"{thing} {second} {first}" for first in _FIRST for second in _SECOND for thing in _THINGS.split()]
    return (_TERMS + more)[:count]


def _patterns(count: int) -> list[str]:
    more = [rf"(?i)\b{thing}{tail}" for tail in _TAILS for thing in _THINGS.split()]
    return (_PATTERNS + more)[:count]


def condition(rule: Asked) -> str:
    """A rule as Safehold's policies say it, in CEL."""
    match rule.kind:
        case "equal":
            return f"data.thread_id == {json.dumps(rule.what)}"
        case "contains":
            return f"data.text.contains({json.dumps(rule.what)})"
        case "regex":
            return f"data.text.matches({json.dumps(rule.what)})"
        case "number":
            return f"data.score > {rule.what[0]} && actor.posts < {rule.what[1]}"
        case "list":
            return f"data.recipient_id in lists.{rule.what}"
        case "label":
            return f"{json.dumps(rule.what)} in labels.actor"


def lists(rules: list[Asked]) -> dict[str, list[str]]:
    """The entries of the lists that the rules ask."""
    names = [rule.what for rule in rules if rule.kind == "list"]
    return {name: [f"user-{n}-{entry}" for entry in range(_LIST_ENTRIES)] for n, name in enumerate(names)}


def labelled() -> dict[str, list[str]]:
    """Every fiftieth account has a label."""
    return {f"a{number}": [f"label-{number // 50}"] for number in range(0, 500, 50)}


def events() -> list[bytes]:
    draw = random.Random(100)
    return [json.dumps(one_event(draw, number)).encode() for number in range(EVENTS)]


def one_event(draw: random.Random, number: int) -> dict[str, Any]:
    text = " ".join(draw.choices(_WORDS.split(), k=draw.randint(5, 40)))
    if draw.random() < 0.1:
        text += " " + draw.choice([*_TERMS, "earn 500", "click here", "act now!!!!", "mail me: a.b@example.org"])
    actor = {"id": f"a{draw.randint(0, 499)}", "created_at": "2025-11-02T09:00:00Z", "posts": draw.randint(0, 200)}
    data = {
        "actor": actor,
        "message_id": f"m{number}",
        "recipient_id": f"user-{draw.randint(0, 400)}-{draw.randint(0, 2000)}",
        "thread_id": f"thread-{draw.randint(0, 400)}",
        "text": text,
        "score": draw.randint(0, 1000),
    }
    envelope = {"specversion": "1.0", "id": f"e{number}", "source": "bench", "type": "bench.message"}
    return {**envelope, "time": "2026-03-01T12:00:00Z", "data": data}


def write_policies(folder: Path, count: int = 100) -> None:
    """The rules as a folder of policies, like any other."""
    (folder / "events").mkdir()
    (folder / "lists").mkdir()
    strings = ("message_id", "recipient_id", "thread_id", "text")
    fields = {**dict.fromkeys(strings, "string"), "score": "integer"}
    properties: dict[str, Any] = {field: {"type": kind} for field, kind in fields.items()}
    schema = {"required": list(fields), "properties": {**properties, "actor": {"required": ["posts"]}}}
    subject = {"kind": "message", "id": "data.message_id", "text": "data.text"}
    _write(folder / "events/message.yaml", {"event": "bench.message", "subject": subject, "schema": schema})
    rules = asked(count)
    for name, entries in lists(rules).items():
        _write(folder / f"lists/{name}.yaml", {"list": name, "file": f"{name}.txt"})
        (folder / f"lists/{name}.txt").write_text("\n".join(entries), encoding="utf-8")
    found = [{"id": rule.name, "when": condition(rule), "then": {"action": "hold"}} for rule in rules]
    _write(folder / "policy.yaml", {"policy": "bench.mixed", "title": "Mixed", "on": ["bench.message"], "rules": found})


def engine(count: int = 100) -> Engine:
    """The rules, loaded, and the labels set."""
    with tempfile.TemporaryDirectory() as name:
        write_policies(Path(name), count)
        made = Engine(load_bundle(name, []), [])
    for actor, labels in labelled().items():
        for label in labels:
            made.labels.set("account", actor, label)
    return made


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
