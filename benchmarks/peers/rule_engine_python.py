"""rule-engine: its own small language, walked in Python; lists and labels are resolved as sets."""

from typing import Any

import msgspec
import rule_engine

from benchmarks.peers import Case, Decide, quoted


def _expression(kind: str, what: Any) -> str:
    match kind:
        case "equal":
            return f"thread_id == {quoted(what)}"
        case "contains":
            return f"{quoted(what)} in text"
        case "regex":
            return f"text =~~ {quoted(what)}"
        case "number":
            return f"score > {what[0]} and posts < {what[1]}"
        case "list":
            return f"$listed({quoted(what)}, recipient_id)"
        case "label":
            return f"{quoted(what)} in labels"
    raise ValueError(kind)


def make(case: Case) -> Decide:
    lists = {name: frozenset(entries) for name, entries in case.lists.items()}
    context = rule_engine.Context()
    text, boolean = rule_engine.DataType.STRING, rule_engine.DataType.BOOLEAN
    context.builtins = rule_engine.builtins.Builtins.from_defaults(
        {"listed": lambda name, item: item in lists[name]},
        value_types={
            "listed": rule_engine.DataType.FUNCTION("listed", return_type=boolean, argument_types=(text, text))
        },
    )
    compiled = [(name, rule_engine.Rule(_expression(kind, what), context=context)) for name, kind, what in case.rules]

    def decide(line: bytes) -> list[str]:
        data = msgspec.json.decode(line)["data"]
        actor = data["actor"]
        seen = {**data, "posts": actor["posts"], "labels": case.labels.get(actor["id"], [])}
        return [name for name, rule in compiled if rule.matches(seen)]

    return decide
