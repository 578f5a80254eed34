"""The typed tree of an expression: what everything after the checker works on.

Nine kinds of nodes, each with its type and the place (line and column, from 1, in the expression's text) it came from.
`language.read` makes them from CEL's checked form; `compile` turns them into Python, and nothing ever goes back to text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import Literal as OneOf

from safehold.engine.language.types import Type


@dataclass(frozen=True, slots=True)
class Node:
    type: Type
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant; `value` is a CEL value (`language.values`)."""

    value: Any


@dataclass(frozen=True, slots=True)
class Path(Node):
    """A value the expression gets from outside: `actor.age` is `("actor", "age")`."""

    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Present(Node):
    """`has(data.link)`: whether the path is there."""

    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Local(Node):
    """A variable that a macro or `cel.bind` introduced."""

    name: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """A field of a value that is not a path, or whether it has that field (`test`)."""

    operand: Node
    field: str
    test: bool


@dataclass(frozen=True, slots=True)
class Call(Node):
    """An operator or function by CEL's name (`_&&_`, `size`); a receiver is the first argument."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf(Node):
    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Macro(Node):
    """`over.kind(variable, condition, body)`: `all` and `exists` have only a condition, `filter` too.

    `map_values` makes a map with the keys of `over` and `body` as its values, `map_entries` merges the maps that `body` gives.
    With a `second` variable, `variable` is the index of a list's item or the key of a map's entry, `second` its value.
    """

    kind: OneOf["all", "exists", "exists_one", "map", "filter", "map_values", "map_entries"]
    over: Node
    variable: str
    condition: Node | None
    body: Node | None
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Bind(Node):
    """`cel.bind(name, value, body)`."""

    name: str
    value: Node
    body: Node


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Select(operand=operand):
            return (operand,)
        case Call(arguments=arguments):
            return arguments
        case ListOf(items=items):
            return items
        case MapOf(entries=entries):
            return tuple(part for entry in entries for part in entry)
        case Macro(over=over, condition=condition, body=body):
            return tuple(part for part in (over, condition, body) if part is not None)
        case Bind(value=value, body=body):
            return (value, body)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def paths(node: Node) -> list[tuple[str, ...]]:
    """Every path the expression can read or test, once each, in the order they appear."""
    return list(dict.fromkeys(part.parts for part in walk(node) if isinstance(part, (Path, Present))))
