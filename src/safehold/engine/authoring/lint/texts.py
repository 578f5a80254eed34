"""What the tests of one text say together: a text that starts with "ab" contains "b", and does not start with "b".

`satisfy.consistent` asks `texts_agree` of a case, and `least_length` for what `size()` can be in it.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from safehold.engine.authoring.lint.reading import Case, comparison, shape, text_test
from safehold.engine.language.tree import Call, Macro, Node


@dataclass
class _Text:
    """The parts that one text has, and those that it has not; and what it can be at all, where a case says so."""

    has: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lacks: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    choices: list[str] | None = None

    def can_be(self, text: str) -> bool:
        tests = {"contains": str.__contains__, "startsWith": str.startswith, "endsWith": str.endswith}
        return all(tests[how](text, part) for how, parts in self.has.items() for part in parts) and not any(
            tests[how](text, part) for how, parts in self.lacks.items() for part in parts
        )

    def agrees(self) -> bool:
        if self.choices is not None:
            return any(map(self.can_be, self.choices))
        starts, ends = self.has["startsWith"], self.has["endsWith"]
        if not all(one.startswith(other) or other.startswith(one) for one in starts for other in starts):
            return False
        if not all(one.endswith(other) or other.endswith(one) for one in ends for other in ends):
            return False
        parts = ["", *(part for parts in self.has.values() for part in parts)]
        if any(lacking in part for lacking in self.lacks["contains"] for part in parts):
            return False
        if any(start.startswith(lacking) for lacking in self.lacks["startsWith"] for start in ["", *starts]):
            return False
        return not any(end.endswith(lacking) for lacking in self.lacks["endsWith"] for end in ["", *ends])

    def length(self) -> int:
        if self.choices is not None:
            return min((len(text) for text in self.choices if self.can_be(text)), default=0)
        return max((len(part) for parts in self.has.values() for part in parts), default=0)


def _texts(case: Case) -> dict[Any, _Text]:
    found: dict[Any, _Text] = defaultdict(_Text)
    for test, outcome in case:
        asked = text_test(test)
        if asked is not None and isinstance(test, Call):
            text = found[shape(test.arguments[0])]
            (text.has if outcome else text.lacks)[asked[0]].append(asked[1])
        compared = comparison(test, outcome)
        if compared is not None and compared[0].type.name == "string" and compared[1] in ("_==_", "@in"):
            values = compared[2] if compared[1] == "@in" else [compared[2]]
            text = found[shape(compared[0])]
            text.choices = [value for value in values if text.choices is None or value in text.choices]
    return found


def texts_agree(case: Case) -> bool:
    """False where no text has all the parts, and lacks all the parts, that a case asks for."""
    return all(text.agrees() for text in _texts(case).values())


def least_length(node: Node, case: Case) -> int:
    """The least size that a text, list or map has in a case."""
    key, least = shape(node), 0
    if key in (texts := _texts(case)):
        least = texts[key].length()
    for test, outcome in case:
        match test:
            case Macro(kind="exists" | "exists_one", over=over) if outcome and shape(over) == key:
                least = max(least, 1)
            case Macro(kind="all", over=over) if not outcome and shape(over) == key:
                least = max(least, 1)
            case Call(function="@in", arguments=(_, over)) if outcome and shape(over) == key:
                least = max(least, 1)
    return least
