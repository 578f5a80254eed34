"""zen-engine (GoRules): each rule as one compiled ZEN expression; lists are literals in it, for ZEN takes no functions."""

from typing import Any

import msgspec
import zen

from benchmarks.peers import Case, Decide, quoted


def _expression(case: Case, kind: str, what: Any) -> str:
    match kind:
        case "equal":
            return f"data.thread_id == {quoted(what)}"
        case "contains":
            return f"contains(data.text, {quoted(what)})"
        case "regex":
            return f'matches(data.text, "{what}")'  # ZEN's texts know no backslash escapes
        case "number":
            return f"data.score > {what[0]} and actor.posts < {what[1]}"
        case "list":
            return f"data.recipient_id in [{', '.join(map(quoted, case.lists[what]))}]"
        case "label":
            return f"{quoted(what)} in labels"
    raise ValueError(kind)


def make(case: Case) -> Decide:
    compiled = [(name, zen.compile_expression(_expression(case, kind, what))) for name, kind, what in case.rules]

    def decide(line: bytes) -> list[str]:
        data = msgspec.json.decode(line)["data"]
        actor = data["actor"]
        seen = {"data": data, "actor": actor, "labels": case.labels.get(actor["id"], [])}
        return [name for name, expression in compiled if expression.evaluate(seen) is True]

    return decide
