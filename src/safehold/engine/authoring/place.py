"""Where in a YAML file the cursor is: in which table, at a key or a value, and in which expression.

The file is being written, so that it is often broken. A mark is put where the cursor is and the file is read by the real
YAML reader; where that fails, the same is tried with the line's colon added, and with everything behind the line cut off
and the open brackets and quotes closed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import yaml

#: A character of Unicode's private use area: it stands in no policy, and YAML takes it for a letter.
CURSOR = "\ue000"


@dataclass(frozen=True, slots=True)
class Place:
    """`path` leads to the mapping a `key` is in, or to the `value` itself. `text` is the scalar there, `at` the cursor's
    offset in it, `style` how it is quoted. `root` is the whole document as plain values, the mark taken out."""

    kind: Literal["key", "value"]
    path: tuple[str | int, ...]
    text: str
    at: int
    style: str | None
    root: object

    def sibling(self, name: str) -> object:
        """The value beside this one in the same mapping."""
        return look(self.root, (*(self.path if self.kind == "key" else self.path[:-1]), name))


def offset_of(text: str, line: int, column: int) -> int:
    """The offset of a line and column, both from 1; behind the end of a line, the end of it."""
    lines = text.split("\n")
    if line > len(lines):
        return len(text)
    before = sum(len(row) + 1 for row in lines[: line - 1])
    return before + min(max(column - 1, 0), len(lines[line - 1].rstrip("\r")))


def find_place(text: str, offset: int) -> Place | None:
    """Where the offset is, or None where nothing could make YAML of the file."""
    for attempt in _attempts(text, offset):
        try:
            node = yaml.compose(attempt, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError):
            continue
        found = _search(node, ()) if node is not None else None
        if found is not None:
            kind, path, scalar = found
            value = scalar.value.removesuffix(": ") if kind == "key" else scalar.value
            return Place(kind, path, value.replace(CURSOR, ""), value.index(CURSOR), scalar.style, _plain(node))
    return None


def look(root: object, path: tuple[str | int, ...]) -> object:
    """What stands at a path of plain values, or None."""
    for step in path:
        if isinstance(root, dict):
            root = root.get(step)
        elif isinstance(root, list) and isinstance(step, int) and step < len(root):
            root = root[step]
        else:
            return None
    return root


def _attempts(text: str, offset: int) -> Iterator[str]:
    before, after = text[:offset], text[offset:]
    line = before.rpartition("\n")[2]
    rest, _, following = after.partition("\n")
    bare = not rest.strip() and line.strip(" -").replace("_", "").replace("-", "").isalnum() | (not line.strip(" -"))
    if bare:
        yield f"{before}{CURSOR}: \n{following}"
    yield f"{before}{CURSOR}{after}"
    for head in (before, _section(before)):
        for ending, quote, closing in product(("", ": "), ("", '"', "'"), ("", "}", "]", "]}", "}}", "}]", "}]}")):
            if bare or not ending:
                yield f"{head}{CURSOR}{ending}{quote}{closing}"


def _section(before: str) -> str:
    """Only the top-level key that the cursor is under: whatever is broken above it does not matter then."""
    lines = before.split("\n")
    begin = next((at for at in range(len(lines) - 1, -1, -1) if lines[at][:1].isalpha()), 0)
    return "\n".join(lines[begin:])


def _search(
    node: yaml.Node, path: tuple[str | int, ...]
) -> tuple[Literal["key", "value"], tuple[str | int, ...], yaml.ScalarNode] | None:
    if isinstance(node, yaml.ScalarNode):
        return ("value", path, node) if CURSOR in node.value else None
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and CURSOR in key.value:
                return "key", path, key
            if found := _search(value, (*path, str(getattr(key, "value", "")))):
                return found
        return None
    for index, part in enumerate(node.value if isinstance(node, yaml.SequenceNode) else ()):
        if found := _search(part, (*path, index)):
            return found
    return None


def _plain(node: yaml.Node | None) -> object:
    if isinstance(node, yaml.MappingNode):
        pairs = ((str(getattr(key, "value", "")).replace(CURSOR, ""), _plain(value)) for key, value in node.value)
        return {key: value for key, value in pairs if key}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(part) for part in node.value]
    return str(node.value).replace(CURSOR, "") if node is not None else None
