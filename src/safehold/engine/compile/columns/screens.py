"""One look at a text for all that rules look for in it.

Most texts have none of the words and patterns of a policy. A screen is one regular expression that matches whatever any of
them matches: a column of it is computed first, and only where it is true is each asked by itself. Patterns are dearer
than words, and so stand behind a screen of a few more: a text that has a word in it is not searched for each pattern.
"""

from collections.abc import Iterable
from typing import NamedTuple

import re2

from safehold.engine.language.tree import Call, Literal, Node, Path, walk

Parts = tuple[str, ...]
#: Fewer are not worth a column; more characters would make a pattern that is slow to compile.
FEWEST, MOST_CHARACTERS = 4, 8_000
#: Patterns of one screen behind the first.
_TOGETHER = 8


class Screen(NamedTuple):
    """`pattern` matches what any of `covered` matches, (function, literal) pairs; each of `groups` is a pattern and the
    patterns of `matches` that it covers."""

    pattern: str
    covered: frozenset[tuple[str, str]]
    groups: tuple[tuple[str, frozenset[str]], ...]


def screens(trees: Iterable[Node]) -> dict[Parts, Screen]:
    """The screen of each path whose text is searched often enough."""
    wanted: dict[Parts, dict[tuple[str, str], str]] = {}
    for tree in trees:
        for node in walk(tree):
            found = _searched(node)
            if found is not None:
                parts, function, literal = found
                alternative = escaped(literal) if function == "contains" else f"(?:{literal})"
                wanted.setdefault(parts, {})[function, literal] = alternative
    return {
        parts: Screen("|".join(covered.values()), frozenset(covered), _groups(covered))
        for parts, found in wanted.items()
        if len(covered := _few(found)) >= FEWEST
    }


def _groups(covered: dict[tuple[str, str], str]) -> tuple[tuple[str, frozenset[str]], ...]:
    patterns = [literal for function, literal in covered if function == "matches"]
    if len(patterns) < FEWEST:
        return ()
    groups = [patterns[first : first + _TOGETHER] for first in range(0, len(patterns), _TOGETHER)]
    return tuple(("|".join(covered["matches", each] for each in group), frozenset(group)) for group in groups)


def _searched(node: Node) -> tuple[Parts, str, str] | None:
    """`data.text.contains("x")` or `.matches("x")`, unless everything has it."""
    match node:
        case Call(
            function="contains" | "matches" as function, arguments=(Path(parts=parts), Literal(value=str() as text))
        ):
            if not text or "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
                return None
            if function == "matches" and re2.search(text, "") is not None:
                return None
            return parts, function, text
    return None


def _few(found: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """As many as fit into one pattern, in their order."""
    held, size = {}, 0
    for key, alternative in found.items():
        size += len(alternative) + 1
        if size <= MOST_CHARACTERS:
            held[key] = alternative
    return held


def escaped(text: str) -> str:
    """A pattern for the text itself."""
    return "".join(
        letter if (letter.isascii() and letter.isalnum()) or ord(letter) > 127 else f"\\x{{{ord(letter):x}}}"
        for letter in text
    )
