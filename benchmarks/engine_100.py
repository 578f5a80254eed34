"""Verdicts a CPU-second with 100 mixed rules, JSON in and a full verdict out, on one core.

20 equality, 20 contains, 15 regex, 25 numeric, 10 list and 10 label rules over varied messages. Peers: the same rules on
cel-expr-python's own evaluator (one expression after the other), and, as what plain Python can do at best, one function
as somebody would write it by hand for just these rules. All three must match the same rules before anything is timed.
"""

import json
import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from cel_expr_python import cel

from benchmarks import Result, per_cpu_second
from safehold.engine import Engine, lift, load_bundle

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
_LISTS = {f"list_{number}": [f"user-{number}-{entry}" for entry in range(1000)] for number in range(10)}


def rules() -> list[tuple[str, str]]:
    """(id, condition) of the hundred rules."""
    found = [(f"equal-{n}", f'data.thread_id == "thread-{n}"') for n in range(20)]
    found += [(f"contains-{n}", f'data.text.contains("{term}")') for n, term in enumerate(_TERMS)]
    found += [(f"regex-{n}", f"data.text.matches({json.dumps(pattern)})") for n, pattern in enumerate(_PATTERNS)]
    found += [(f"number-{n}", f"data.score > {980 + n % 5} && actor.posts < {n + 1}") for n in range(25)]
    found += [(f"list-{n}", f"data.recipient_id in lists.list_{n}") for n in range(10)]
    return found + [(f"label-{n}", f'"label-{n}" in labels.actor') for n in range(10)]


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


def labelled() -> dict[str, list[str]]:
    """Every fiftieth account has a label."""
    return {f"a{number}": [f"label-{number // 50}"] for number in range(0, 500, 50)}


def write_policies(folder: Path) -> None:
    """The rules as a folder of policies, like any other."""
    (folder / "events").mkdir()
    (folder / "lists").mkdir()
    fields = {
        "message_id": "string",
        "recipient_id": "string",
        "thread_id": "string",
        "text": "string",
        "score": "integer",
    }
    properties: dict[str, Any] = {field: {"type": kind} for field, kind in fields.items()}
    schema = {"required": list(fields), "properties": {**properties, "actor": {"required": ["posts"]}}}
    subject = {"kind": "message", "id": "data.message_id", "text": "data.text"}
    _write(folder / "events/message.yaml", {"event": "bench.message", "subject": subject, "schema": schema})
    for list_name, entries in _LISTS.items():
        _write(folder / f"lists/{list_name}.yaml", {"list": list_name, "entries": entries})
    found = [{"id": rule, "when": condition, "then": {"action": "hold"}} for rule, condition in rules()]
    _write(folder / "policy.yaml", {"policy": "bench.mixed", "title": "Mixed", "on": ["bench.message"], "rules": found})


def engine() -> Engine:
    """The rules, loaded, and the labels set."""
    with tempfile.TemporaryDirectory() as name:
        write_policies(Path(name))
        made = Engine(load_bundle(name, []), [])
    for actor, labels in labelled().items():
        for label in labels:
            made.labels.set("account", actor, label)
    return made


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML


def ours(made: Engine) -> Callable[[bytes], list[str]]:
    def decide(line: bytes) -> list[str]:
        return [hit.rule for hit in made.decide(lift(msgspec.json.decode(line))).hits]

    return decide


def cel_reference() -> Callable[[bytes], list[str]]:
    """cel-expr-python: every expression compiled once, one activation an event; lists are asked through a function."""
    record = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    variables = {
        "data": record,
        "actor": record,
        "labels": cel.Type.Map(cel.Type.STRING, cel.Type.List(cel.Type.STRING)),
    }
    lists = {name: frozenset(entries) for name, entries in _LISTS.items()}
    overload = cel.Overload(
        "listed_string_string",
        return_type=cel.Type.BOOL,
        parameters=[cel.Type.STRING, cel.Type.STRING],
        impl=lambda name, item: item in lists[name],
    )
    environment = cel.NewEnv(variables=variables, functions=[cel.FunctionDecl("listed", [overload])])
    asked = re.compile(r"(\S+) in lists\.(\w+)")
    compiled = [(rule, environment.compile(asked.sub(r'listed("\2", \1)', condition))) for rule, condition in rules()]
    held = labelled()

    def decide(line: bytes) -> list[str]:
        event = lift(msgspec.json.decode(line))
        labels = {"actor": held.get(event.actor["id"], [])}
        activation = environment.Activation({"data": event.data, "actor": event.actor, "labels": labels})
        return [rule for rule, expression in compiled if expression.eval(activation).value() is True]

    return decide


def by_hand() -> Callable[[bytes], list[str]]:
    """One function of a hundred `if`s, with nothing but what these rules need: no verdict, no missing fields, no errors."""
    lines = [
        "def decide(data, actor, labels):",
        " text, score, posts, hits = data['text'], data['score'], actor['posts'], []",
    ]
    tests = [f"data['thread_id'] == 'thread-{n}'" for n in range(20)] + [f"{term!r} in text" for term in _TERMS]
    tests += [f"patterns[{n}](text)" for n in range(len(_PATTERNS))]
    tests += [f"score > {980 + n % 5} and posts < {n + 1}" for n in range(25)]
    tests += [f"data['recipient_id'] in list_{n}" for n in range(10)] + [f"'label-{n}' in labels" for n in range(10)]
    lines += [f" if {test}: hits.append({rule!r})" for test, (rule, _) in zip(tests, rules(), strict=True)]
    namespace: dict[str, Any] = {name: frozenset(entries) for name, entries in _LISTS.items()}
    namespace["patterns"] = [re.compile(pattern).search for pattern in _PATTERNS]
    exec("\n".join([*lines, " return hits"]), namespace)  # noqa: S102 - the text is above
    function, held = namespace["decide"], labelled()

    def decide(line: bytes) -> list[str]:
        event = lift(msgspec.json.decode(line))
        matched: list[str] = function(event.data, event.actor, held.get(event.actor["id"], ()))
        return matched

    return decide


def run() -> Result:
    lines = events()
    contenders = {"ours": ours(engine()), "cel-expr-python": cel_reference(), "one Python function by hand": by_hand()}
    answers = {name: [decide(line) for line in lines[:500]] for name, decide in contenders.items()}
    assert all(answer == answers["ours"] for answer in answers.values()), "the contenders do not match the same rules"
    assert 50 < sum(map(len, answers["ours"])) < 5_000, "the rules match nothing, or everything"

    def speed(decide: Callable[[bytes], list[str]], count: int) -> float:
        def work() -> int:
            for line in lines[:count]:
                decide(line)
            return count

        return per_cpu_second(work)

    slow = {"cel-expr-python": 200}
    figures = {name: speed(decide, slow.get(name, EVENTS)) for name, decide in contenders.items()}
    return Result(figures.pop("ours"), "verdicts per CPU-second", figures)
