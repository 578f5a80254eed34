"""What every import of a file says of itself: how far it is, and which rows can't be taken. Who calls: the imports of lists
and of hash banks.
"""

from collections.abc import Callable

from safehold.engine.lists.formats import Problem

#: Problems that are told; the count says how many there were.
TOLD = 50

#: (step, rows done, rows in all; 0 where nobody knows)
Progress = Callable[[str, int, int], None]


class BadImport(ValueError):
    """The file has rows that can't be taken. `problems` are the first of them."""

    def __init__(self, problems: list[Problem], count: int) -> None:
        self.problems, self.count = problems, count
        super().__init__(f"{count:,} rows are wrong, the first: {problems[0]}")


def quiet(step: str, done: int, total: int) -> None:
    """Progress for nobody."""
