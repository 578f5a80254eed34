"""YAML that remembers where everything stands, so that every complaint about a policy has a line and a column.

PyYAML composes the file into nodes with marks; here they become plain values that keep their place. Anything YAML
would guess about (dates, octal numbers, `no` for false) stays a string unless it is a plain number, true, false or null.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

#: A policy file may have this many bytes.
MAX_BYTES = 1 << 20
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+([eE][-+]?[0-9]+)?")


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
    source = Source(name, text)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return _convert(node, source, set()) if node is not None else Located(None, 1, 1, source)
    except RecursionError:
        raise YamlProblem(1, 1, "the file is nested too deeply", "flatten it") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise YamlProblem(*where, f"not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise YamlProblem(1, 1, f"not YAML: {error}") from None


def _convert(node: yaml.Node, source: Source, seen: set[int]) -> Located:
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if id(node) in seen:
        raise YamlProblem(line, column, "anchors and aliases are not used in policies", "write it out")
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        return Located([_convert(part, source, seen) for part in node.value], line, column, source)
    if isinstance(node, yaml.MappingNode):
        keys: list[Located] = []
        result: dict[str, Located] = {}
        for key_node, value_node in node.value:
            key = _convert(key_node, source, seen)
            name = str(key.value) if not isinstance(key.value, (dict, list)) else ""
            if not name or name in result:
                message = f"`{name}` is there twice" if name else "a key must be a word"
                raise YamlProblem(key.line, key.column, message)
            keys.append(key)
            result[name] = _convert(value_node, source, seen)
        return Located(result, line, column, source, keys=tuple(keys))
    assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - YAML has three kinds of nodes
    if any("\ud800" <= letter <= "\udfff" for letter in node.value):
        raise YamlProblem(line, column, "half of a surrogate pair is not Unicode", "write the letter itself")
    return Located(_scalar(node), line, column, source, (node.start_mark.index, node.end_mark.index, node.style))


def _scalar(node: yaml.ScalarNode) -> Any:
    text = node.value
    if node.style is not None:
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
