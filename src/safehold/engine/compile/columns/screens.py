"""One look at a text for all that rules look for in it.

Most texts have none of the words and patterns of a policy. A screen is one regular expression that matches whatever any of
them matches: a column of it is computed first, and only where it is true is each asked by itself.
"""

from collections.abc import Iterable

import re2

from safehold.engine.language.tree import Call, Literal, Node, Path, walk

Parts = tuple[str, ...]
#: Fewer are not worth a column; more characters would make a pattern that is slow to compile.
FEWEST, MOST_CHARACTERS = 4, 8_000


def screens(trees: Iterable[Node]) -> dict[Parts, tuple[str, frozenset[tuple[str, str]]]]:
    """For each path whose text is searched: the screen's pattern, and the (function, literal) pairs that it covers."""
    wanted: dict[Parts, dict[tuple[str, str], str]] = {}
    for tree in trees:
        for node in walk(tree):
            found = _searched(node)
            if found is not None:
                parts, function, literal = found
                alternative = escaped(literal) if function == "contains" else f"(?:{literal})"
                wanted.setdefault(parts, {})[function, literal] = alternative
    return {
        parts: ("|".join(covered.values()), frozenset(covered))
        for parts, found in wanted.items()
        if len(covered := _few(found)) >= FEWEST
    }


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
