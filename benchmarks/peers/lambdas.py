"""One Python lambda a rule, asked one after the other: what many in-house rule systems are."""

from typing import Any

import msgspec

from benchmarks.peers import Case, Decide, by_hand


def make(case: Case) -> Decide:
    namespace = by_hand.names(case)
    asked = []
    for number, (name, kind, what) in enumerate(case.rules):
        source = f"lambda data, text, score, posts, labels: {by_hand.test(kind, what, number)}"
        function: Any = eval(source, namespace)  # noqa: S307 - the text is ours
        asked.append((name, function))

    def decide(line: bytes) -> list[str]:
        data = msgspec.json.decode(line)["data"]
        actor = data["actor"]
        labels = case.labels.get(actor["id"], ())
        text, score, posts = data["text"], data["score"], actor["posts"]
        return [name for name, ask in asked if ask(data, text, score, posts, labels)]

    return decide
