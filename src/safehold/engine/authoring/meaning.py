"""What the word under the cursor means, and where it is declared."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from safehold.engine.authoring.context import Around, environment_at, spot_of
from safehold.engine.authoring.place import Place, find_place, offset_of
from safehold.engine.language.complete import hover

_WORD = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Hover:
    """`title` is a type or a signature, `says` a sentence; the word stands in `line` from `column` to `end`, excluded."""

    line: int
    column: int
    end: int
    title: str
    says: str


@dataclass(frozen=True, slots=True)
class Definition:
    """Where something is declared: `file` is None for this one."""

    file: Path | None
    line: int
    column: int


class AroundLists(Around, Protocol):
    lists: Mapping[str, Path]


def hover_at(text: str, line: int, column: int, kind: str, around: Around) -> Hover | None:
    offset = offset_of(text, line, column)
    begin, end = _word_at(text, offset)
    if begin == end:
        return None
    column -= offset - begin
    place = find_place(text, offset)
    if place is None:
        return None
    spot = spot_of(place, kind)
    if place.kind == "key":
        entry = (spot.table or {}).get(place.text)
        if entry is None:
            return None
        choices = f" One of: {', '.join(entry.choices)}." if entry.choices else ""
        title = f"{place.text}: {entry.shape}" + (", required" if entry.required else "")
        return Hover(line, column, column + end - begin, title, f"{entry.says}.{choices}")
    environment = environment_at(place, spot, around)
    if environment is None:
        return _value(place, line, column, end - begin, around)
    found = hover(place.text, place.at, environment)
    if found is None:
        return None
    width = found.end - found.start
    return Hover(line, column, column + width, found.title, found.says)


def _value(place: Place, line: int, column: int, width: int, around: Around) -> Hover | None:
    """An event type's name, wherever one is written."""
    event_type = around.event_types.types.get(place.text)
    if event_type is None or place.path[:1] not in (("on",), ("rules",), ("windows",), ("examples",)):
        return None
    return Hover(line, column, column + width, event_type.name, f"{event_type.title}. {event_type.description}".strip())


def define_at(text: str, line: int, column: int, kind: str, around: AroundLists) -> Definition | None:
    """`windows.x` is declared in this file, `lists.x` in a file of its own, a rule that is expected among the rules."""
    offset = offset_of(text, line, column)
    begin, end = _word_at(text, offset)
    word = text[begin:end]
    owner = re.search(r"(windows|lists)\s*\.\s*$", text[:begin])
    if owner and owner[1] == "lists" and word in around.lists:
        return Definition(around.lists[word], 1, 1)
    if owner and owner[1] == "windows":
        return _declared(text, rf"^\s+{re.escape(word)}\s*:", "windows")
    place = find_place(text, offset) if kind == "policy" else None
    if place is not None and place.kind == "key" and place.path[:1] == ("examples",) and place.path[-1] == "expect":
        return _declared(text, rf"^\s*-\s*id:\s*{re.escape(place.text)}\s*$", "rules")
    return None


def _declared(text: str, pattern: str, section: str) -> Definition | None:
    """The first line of a top-level section that fits the pattern."""
    inside = False
    for number, row in enumerate(text.split("\n"), start=1):
        if row[:1].isalpha():
            inside = row.startswith(f"{section}:")
        if inside and re.match(pattern, row):
            column = len(row) - len(row.lstrip(" -")) + 1
            return Definition(None, number, column + (4 if section == "rules" else 0))
    return None


def _word_at(text: str, offset: int) -> tuple[int, int]:
    for match in _WORD.finditer(text, text.rfind("\n", 0, offset) + 1):
        if match.start() <= offset < match.end():
            return match.span()
        if match.start() > offset:
            break
    return offset, offset
