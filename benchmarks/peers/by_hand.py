"""One function of `if`s as somebody would write it for just these rules: no verdict, no missing fields, no errors."""

import re
from typing import Any

import msgspec

from benchmarks.peers import Case, Decide


def test(kind: str, what: Any, number: int) -> str:
    """A rule as Python; `number` is its place, for what is bound by name."""
    match kind:
        case "equal":
            return f"data['thread_id'] == {what!r}"
        case "contains":
            return f"{what!r} in text"
        case "regex":
            return f"search_{number}(text)"
        case "number":
            return f"score > {what[0]} and posts < {what[1]}"
        case "list":
            return f"data['recipient_id'] in {what}"
        case "label":
            return f"{what!r} in labels"
    raise ValueError(kind)


def names(case: Case) -> dict[str, Any]:
    """What the tests name: lists as sets, patterns compiled."""
    found: dict[str, Any] = {name: frozenset(entries) for name, entries in case.lists.items()}
    for number, (_, kind, what) in enumerate(case.rules):
        if kind == "regex":
            found[f"search_{number}"] = re.compile(what).search
    return found


def make(case: Case) -> Decide:
    lines = [
        "def decide(data, actor, labels):",
        " text, score, posts, hits = data['text'], data['score'], actor['posts'], []",
    ]
    for number, (name, kind, what) in enumerate(case.rules):
        lines.append(f" if {test(kind, what, number)}: hits.append({name!r})")
    namespace = names(case)
    exec("\n".join([*lines, " return hits"]), namespace)  # noqa: S102 - the text is above
    function, held = namespace["decide"], case.labels

    def decide(line: bytes) -> list[str]:
        data = msgspec.json.decode(line)["data"]
        actor = data["actor"]
        matched: list[str] = function(data, actor, held.get(actor["id"], ()))
        return matched

    return decide
