"""Contenders of the engine benchmarks, one module each, every one run in a process of its own.

A module has `make(case) -> decide`; `decide` takes one CloudEvent's bytes and returns the names of the rules that match, in
the rules' order. Modules of peers that are not in Safehold's own environment run in one that the benchmark makes
(`race`); they import nothing of Safehold. To add a peer, add a module and a line in `race.CONTENDERS`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

Decide = Callable[[bytes], list[str]]


class Case(NamedTuple):
    """What is decided: `rules` as (name, kind, what), the lists' entries, the labels by actor, and events as JSON."""

    rules: list[tuple[str, str, Any]]
    lists: dict[str, list[str]]
    labels: dict[str, list[str]]
    events: list[bytes]


def write_case(path: Path, case: Case) -> None:
    events = [event.decode() for event in case.events]
    path.write_text(json.dumps([case.rules, case.lists, case.labels, events]), encoding="utf-8")


def read_case(path: Path) -> Case:
    rules, lists, labels, events = json.loads(path.read_text(encoding="utf-8"))
    return Case([(name, kind, what) for name, kind, what in rules], lists, labels, [line.encode() for line in events])


def quoted(text: str) -> str:
    """A text as all the expression languages here write it."""
    return json.dumps(text)


def in_cel(kind: str, what: Any) -> str:
    """A rule in CEL over `data`, `actor` and `labels`; lists are asked through a function, for CEL knows no sets."""
    match kind:
        case "equal":
            return f"data.thread_id == {quoted(what)}"
        case "contains":
            return f"data.text.contains({quoted(what)})"
        case "regex":
            return f"data.text.matches({quoted(what)})"
        case "number":
            return f"data.score > {what[0]} && actor.posts < {what[1]}"
        case "list":
            return f"listed({quoted(what)}, data.recipient_id)"
        case "label":
            return f"{quoted(what)} in labels"
    raise ValueError(kind)
