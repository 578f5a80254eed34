"""Word lists: files of terms, each under a category and a severity, with where they come from.

    # name: my-words            (what `signals.lexicon.lists` says)
    # language: en              (BCP 47; `*`: phrases that can be looked for in any text)
    [slur-race 3]               (category and severity, 0 to 3, of the lines below)
    a term
    another term

Severity is how much the words hurt: 1 mild, 2 strong, 3 severe; 0 for phrases that only say what a text is about.
The lexicon signal reads the lists in this package; a plug-in reads its own with `WordList.parse`.
"""

import re
from collections.abc import Iterable
from importlib.resources import files
from typing import NamedTuple, Self

_HEAD = re.compile(r"#\s*(name|language|source|licence):\s*(.+)")
_SECTION = re.compile(r"\[([a-z][a-z-]*) ([0-3])\]")


class Term(NamedTuple):
    """A word or phrase as its list has it."""

    text: str
    category: str
    severity: int


class WordList(NamedTuple):
    """Terms in one language (`*`: any), under a name."""

    name: str
    language: str
    terms: tuple[Term, ...]

    @classmethod
    def parse(cls, lines: Iterable[str], file: str = "list") -> Self:
        """Read a list. Raises ValueError naming file and line for a term without a category or a list without a name."""
        head: dict[str, str] = {}
        terms: list[Term] = []
        section: tuple[str, int] | None = None
        for number, line in enumerate((line.strip() for line in lines), 1):
            if match := _HEAD.fullmatch(line):
                head[match[1]] = match[2]
            elif match := _SECTION.fullmatch(line):
                section = match[1], int(match[2])
            elif line and not line.startswith("#"):
                if section is None or line.startswith("["):
                    raise ValueError(
                        f"{file}:{number}: expected '[category severity]', severity 0 to 3, before {line!r}"
                    )
                terms.append(Term(line, *section))
        missing = [key for key in ("name", "language") if key not in head]
        if missing:
            raise ValueError(f"{file}: add a line '# {missing[0]}: ...'")
        return cls(head["name"], head["language"], tuple(terms))


def shipped() -> list[WordList]:
    """The lists that come with Safehold, by name."""
    folder = files(__package__).joinpath("lists")
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".txt")), key=lambda path: path.name)
    return [WordList.parse(path.read_text("utf-8").splitlines(), path.name) for path in paths]
