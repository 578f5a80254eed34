"""What is wrong with a folder of policies: everything at once, each thing with its file, line, column and a hint."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from safehold.engine.language.problem import ExpressionProblems
from safehold.engine.policies.codes import Severity
from safehold.engine.policies.located import Located


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """`line` and `column` count from 1 in `file`; `source` is that line; `hint` says what to do, or is empty.

    `code` is one of `codes.CODES`; a `warning` does not keep the bundle from being used.
    """

    file: str
    line: int
    column: int
    message: str
    source: str = ""
    hint: str = ""
    code: str = "invalid-policy"
    severity: Severity = "error"

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column}: {self.message}"
        if self.source:
            text += f"\n    {self.source}\n    {' ' * (self.column - 1)}^"
        return f"{text}\n    {self.hint}" if self.hint else text


class PolicyProblems(ValueError):
    """A bundle that cannot be used. `problems` are in the order of the files and lines."""

    def __init__(self, problems: list[PolicyProblem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.file, p.line, p.column))
        super().__init__("\n".join(map(str, self.problems)))


class Report:
    """Collects problems while a folder is read, so that its author sees all of them in one go."""

    def __init__(self) -> None:
        self.problems: list[PolicyProblem] = []
        self._told: set[PolicyProblem] = set()

    def add(self, where: Located, message: str, hint: str = "", code: str = "invalid-policy") -> None:
        self._add(where, where.line, where.column, message, hint, code)

    def add_expression(self, where: Located, error: ExpressionProblems) -> None:
        """Problems of an expression that is the string `where`: their columns are turned into the file's."""
        for problem in error.problems:
            self._add(where, *where.place(problem.line, problem.column), problem.message, problem.hint, problem.code)

    def add_file(
        self, file: str, message: str, hint: str = "", line: int = 1, column: int = 1, code: str = "invalid-policy"
    ) -> None:
        self.problems.append(PolicyProblem(file, line, column, message, hint=hint, code=code))

    def _add(self, where: Located, line: int, column: int, message: str, hint: str, code: str) -> None:
        source = where.source.line(line)
        problem = PolicyProblem(where.source.name, line, column, message, source, hint, code)
        if problem not in self._told:  # a condition is checked for each event type, and is mostly wrong in the same way
            self._told.add(problem)
            self.problems.append(problem)


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean ...?`, or the list of what there is when nothing is near and the list is short."""
    choices = list(known)
    if found := get_close_matches(word, choices, n=1, cutoff=0.6):
        return f"did you mean `{found[0]}`?"
    return f"one of: {', '.join(choices)}" if 0 < len(choices) <= 24 else ""
