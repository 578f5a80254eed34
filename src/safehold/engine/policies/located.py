"""YAML that remembers where everything stands, so that every complaint about a policy has a line and a column.

PyYAML parses the file into events with marks; here they become plain values that keep their place. Anything YAML
would guess about (dates, octal numbers, `no` for false) stays a string unless it is a plain number, true, false or null.
libyaml reads ten times as fast as PyYAML's own parser, which is asked again where libyaml objects: its words are better.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

#: A policy file may have this many bytes.
MAX_BYTES = 1 << 20
#: Lists and mappings within each other; libyaml takes time by the square of it.
MAX_DEPTH = 100
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+([eE][-+]?[0-9]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
#: libyaml takes tabs and comments where YAML allows none, and counts no column for a byte order mark.
_ODD = re.compile("[\t\ufeff]|[|>][-+0-9]*#")
_QUICK = getattr(yaml, "CSafeLoader", None)  # PyYAML can be built without libyaml


class Source:
    """A file's name and text. `line(n)` is its n-th line, from 1."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self.lines = text.splitlines()

    def line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class Located:
    """A value of the file: a scalar, a list of Located, or a dict from str to Located. `line` and `column` from 1."""

    value: Any
    line: int
    column: int
    source: Source
    span: tuple[int, int, str | None] | None = None
    keys: tuple["Located", ...] = ()

    @property
    def text(self) -> str:
        """A scalar as an expression: YAML's `true` is CEL's."""
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Where the character at `line` and `column` of this string's value stands in the file."""
        rows = str(self.value).split("\n")
        at = sum(len(row) + 1 for row in rows[: line - 1]) + column - 1
        places = _places(str(self.value), self.span, self.source.text) if self.span else []
        if not places:
            return self.line, self.column
        if at < len(places):
            return places[at]
        last_line, last_column = places[-1]
        return last_line, last_column + 1

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: part.plain() for key, part in self.value.items()}
        if isinstance(self.value, list):
            return [part.plain() for part in self.value]
        return self.value

    def items(self) -> Iterator[tuple["Located", "Located"]]:
        """The pairs of a mapping, the keys located too."""
        return zip(self.keys, self.value.values(), strict=True)


class YamlProblem(ValueError):
    """A file that is not YAML, or not the part of it that policies use."""

    def __init__(self, line: int, column: int, message: str, hint: str = "") -> None:
        self.line, self.column, self.hint = line, column, hint
        super().__init__(message)


def read_yaml(path: Path, name: str) -> Located:
    """Read one document. Raises YamlProblem with the place, and OSError."""
    raw = path.read_bytes()
    if len(raw) > MAX_BYTES:
        raise YamlProblem(1, 1, f"the file has more than {MAX_BYTES:,} bytes", "split it")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise YamlProblem(raw[: error.start].count(b"\n") + 1, 1, "the file is not UTF-8") from None
    return parse_yaml(text, name)


def parse_yaml(text: str, name: str) -> Located:
    """The same of a text that is not on disk (yet): an editor's. Raises YamlProblem."""
    text = text.removeprefix("\ufeff")
    source = Source(name, text)
    if _QUICK is not None and not _ODD.search(text):
        try:
            return _document(yaml.parse(text, Loader=_QUICK), source)
        except (yaml.YAMLError, UnicodeEncodeError):
            pass  # said below, or taken after all
    try:
        return _document(yaml.parse(text, Loader=yaml.SafeLoader), source)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise YamlProblem(*where, f"not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise YamlProblem(1, 1, f"not YAML: {error}") from None


def _document(events: Iterable[Any], source: Source) -> Located:
    """The one document of a stream of events; nothing is null. Raises YamlProblem and yaml.YAMLError."""
    found = Located(None, 1, 1, source)
    documents = 0
    events = iter(events)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                place = _place(event)
                raise YamlProblem(*place, "not YAML: a second document begins here", "put it into a file of its own")
        elif isinstance(event, yaml.NodeEvent):
            found = _value(event, events, source, 0)
    return found


def _value(event: Any, events: Iterator[Any], source: Source, depth: int, flow: bool = False) -> Located:
    """The value that begins with `event`; the events up to its end are taken."""
    line, column = _place(event)
    if event.anchor is not None:
        raise YamlProblem(line, column, "anchors and aliases are not used in policies", "write it out")
    if isinstance(event, yaml.ScalarEvent):
        if _SURROGATE.search(event.value):
            raise YamlProblem(line, column, "half of a surrogate pair is not Unicode", "write the letter itself")
        style = event.style or None  # libyaml says "" of a plain one
        if flow and style is None and "?" in event.value:
            raise yaml.YAMLError  # libyaml takes it; PyYAML's own parser, which `fmt` uses, says what is wrong
        return Located(_scalar(event.value, style), line, column, source, _span(event, style))
    if depth == MAX_DEPTH:
        raise YamlProblem(line, column, "the file is nested too deeply", "flatten it")
    if isinstance(event, yaml.SequenceStartEvent):
        parts = []
        while not isinstance(part := next(events), yaml.SequenceEndEvent):
            parts.append(_value(part, events, source, depth + 1, bool(event.flow_style)))
        return Located(parts, line, column, source)
    return _mapping(event, events, source, depth + 1)


def _mapping(start: Any, events: Iterator[Any], source: Source, depth: int) -> Located:
    keys: list[Located] = []
    result: dict[str, Located] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _value(event, events, source, depth, bool(start.flow_style))
        name = str(key.value) if not isinstance(key.value, (dict, list)) else ""
        if not name or name in result:
            raise YamlProblem(key.line, key.column, f"`{name}` is there twice" if name else "a key must be a word")
        keys.append(key)
        result[name] = _value(next(events), events, source, depth, bool(start.flow_style))
    return Located(result, *_place(start), source, keys=tuple(keys))


def _place(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _span(event: Any, style: str | None) -> tuple[int, int, str | None]:
    return event.start_mark.index, event.end_mark.index, style


def _scalar(text: str, style: str | None) -> Any:
    if style is not None:
        return text
    if text in ("", "null", "~"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text) and len(text) < 25:
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _places(value: str, span: tuple[int, int, str | None], text: str) -> list[tuple[int, int]]:
    """For each character of a scalar's value its line and column in the file.

    The value is laid along the source: folding, indentation and quoting only ever insert or rewrite white space and
    escapes, so that every other character is the next of its kind in the source.
    """
    at, end, style = span
    at = text.find("\n", at) + 1 if style in ("|", ">") else at + 1 if style in ("'", '"') else at
    places = []
    for letter in value:
        if letter.isspace():
            places.append(at)
            at += 1 if text[at : at + 1].isspace() else _escape_width(text, at, style)
            continue
        while at < end and text[at].isspace():
            at += 1
        places.append(at)
        at += _escape_width(text, at, style)
    return [(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)) for at in places]


def _escape_width(text: str, at: int, style: str | None) -> int:
    """How many characters of the source stand for the one at `at`."""
    if style == '"' and text[at : at + 1] == "\\":
        return {"x": 4, "u": 6, "U": 10}.get(text[at + 1 : at + 2], 2)
    return 2 if style == "'" and text[at : at + 2] == "''" else 1
