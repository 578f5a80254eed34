"""Word lists: files of terms, each under a category and a severity, with where they come from.

    # name: my-words            (what `signals.lexicon.lists` says)
    # language: en              (BCP 47; `*`: phrases that can be looked for in any text)
    # ordinary-in: fr retard    (terms that are everyday words in another language: not looked for in texts said to be in it)
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
_ORDINARY = re.compile(r"#\s*ordinary-in:\s*([a-z]{2,3})\s+(.+)")
_SECTION = re.compile(r"\[([a-z][a-z-]*) ([0-3])\]")


class Term(NamedTuple):
    """A word or phrase as its list has it."""

    text: str
    category: str
    severity: int


class WordList(NamedTuple):
    """Terms in one language (`*`: any), under a name. `ordinary` are (language, term) where it is an everyday word."""

    name: str
    language: str
    terms: tuple[Term, ...]
    ordinary: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, lines: Iterable[str], file: str = "list") -> Self:
        """Read a list. Raises ValueError naming file and line for a term without a category or a list without a name."""
        head: dict[str, str] = {}
        terms: list[Term] = []
        ordinary: list[tuple[str, str]] = []
        section: tuple[str, int] | None = None
        for number, line in enumerate((line.strip() for line in lines), 1):
            if match := _HEAD.fullmatch(line):
                head[match[1]] = match[2]
            elif match := _ORDINARY.fullmatch(line):
                ordinary += [(match[1], term.strip()) for term in match[2].split(",")]
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
        known = {term.text for term in terms}
        if unknown := [term for _, term in ordinary if term not in known]:
            raise ValueError(f"{file}: `ordinary-in` names {unknown[0]!r}, which is no term of the list")
        return cls(head["name"], head["language"], tuple(terms), tuple(ordinary))


def shipped() -> list[WordList]:
    """The lists that come with Safehold, by name."""
    folder = files(__package__).joinpath("lists")
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".txt")), key=lambda path: path.name)
    return [WordList.parse(path.read_text("utf-8").splitlines(), path.name) for path in paths]
