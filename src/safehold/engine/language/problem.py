"""What is wrong with an expression, in words its author can act on."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` and `column` count from 1 in the expression's own text; `hint` says what to do, or is empty.

    `code` is a stable name of the kind of problem (`policies.codes`).
    """

    line: int
    column: int
    message: str
    hint: str = ""
    code: str = "type-mismatch"


class ExpressionProblems(ValueError):
    """An expression that cannot be used; `problems` has at least one entry, in the order of the text."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.line}:{p.column}: {p.message}" for p in problems))


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    """A hint with the nearest known word, or nothing when none is near. `prefix` is put before the word."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean `{prefix}{found[0]}`?" if found else ""
