"""A comment's text as Perspective's API counts it: HTML to plain text, sentences, and places in UTF-16 code units, which is
what `begin` and `end` are. Pure functions; `perspective` calls them on its scoring threads.
"""

import html
import re
from collections.abc import Iterable
from itertools import accumulate

#: Sentences that are scored apart at most; the rest of a longer comment is one part.
MOST_PARTS = 50

_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)|</?[a-zA-Z][^<>]*>|&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|\w{1,32});",
    re.DOTALL | re.IGNORECASE,
)
#: A run of signs is looked at from its beginning only and never again: a text of nothing else costs no more than another.
_END = re.compile(r"(?:(?<![.!?…。！？])[.!?…。！？]++[\"'”’)\]]*+(?=\s)|\n)\s*+")


def plain(markup: str) -> tuple[str, list[int]]:
    """The text of HTML without its tags, and for each of its characters, and its end, where that is in the HTML."""
    signs: list[str] = []
    places: list[int] = []
    at = 0
    for found in _MARKUP.finditer(markup):
        signs.append(markup[at : found.start()])
        places.extend(range(at, found.start()))
        piece = html.unescape(found[0]) if found[0].startswith("&") else " "
        signs.append(piece)
        places.extend([found.start()] * len(piece))
        at = found.end()
    signs.append(markup[at:])
    places.extend(range(at, len(markup) + 1))
    return "".join(signs), places


def sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence of a text begins and ends, white space left out; in code points."""
    parts: list[tuple[int, int]] = []
    begin = 0
    for found in _END.finditer(text):
        if len(parts) == MOST_PARTS - 1:
            break
        _add(parts, text, begin, found.end())
        begin = found.end()
    _add(parts, text, begin, len(text))
    return parts


def _add(parts: list[tuple[int, int]], text: str, begin: int, end: int) -> None:
    part = text[begin:end]
    kept = part.strip()
    if kept:
        start = begin + len(part) - len(part.lstrip())
        parts.append((start, start + len(kept)))


def utf16(text: str, places: Iterable[int]) -> list[int]:
    """Places in code points as places in UTF-16 code units. A sign outside of the first plane is two."""
    if text.isascii():
        return list(places)
    units = [0, *accumulate(1 + (sign > "\uffff") for sign in text)]
    return [units[place] for place in places]
