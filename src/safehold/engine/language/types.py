"""The types an expression can have: CEL's own, and objects with named fields.

The environment declares variables with them, the tree carries one on every node, event types and signals are read
into them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_SIMPLE = ("bool", "int", "uint", "double", "string", "bytes", "null", "timestamp", "duration", "dyn", "type")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object. Where it is not `required`, an expression has to ask `has(...)` before it reads it.

    `values` are the only texts that it, or an item of it, can have, where the schema names them; `least` and `most` are its
    limits as a number.
    """

    type: "Type"
    required: bool = True
    description: str = ""
    values: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Type:
    """`name` is CEL's (`int`, `list`, ...), or `object` with its `fields`; `list`, `map` and `optional` have parameters."""

    name: str
    parameters: tuple["Type", ...] = ()
    fields: Mapping[str, Field] = field(default_factory=dict, hash=False, compare=False)
    path: str = ""

    def __str__(self) -> str:
        if self.name == "object":
            return f"object {self.path}"
        return f"{self.name}({', '.join(map(str, self.parameters))})" if self.parameters else self.name


BOOL, INT, UINT, DOUBLE, STRING, BYTES, NULL, TIMESTAMP, DURATION, DYN, TYPE = map(Type, _SIMPLE)


def list_of(item: Type) -> Type:
    return Type("list", (item,))


def map_of(key: Type, value: Type) -> Type:
    return Type("map", (key, value))


def optional_of(value: Type) -> Type:
    return Type("optional", (value,))


def object_of(path: str, fields: Mapping[str, Field]) -> Type:
    """An object whose fields are known. `path` names it in messages: `data.author`."""
    return Type("object", fields=fields, path=path)


def parse_type(text: str) -> Type:
    """Read CEL's own notation: `list(string)`, `map(string, int)`. Raises ValueError for anything else."""
    text = text.strip()
    if text in _SIMPLE:
        return Type(text)
    if match := re.fullmatch(r"list\((.+)\)", text):
        return list_of(parse_type(match[1]))
    if match := re.fullmatch(r"map\(\s*(string|int|uint|bool)\s*,(.+)\)", text):
        return map_of(Type(match[1]), parse_type(match[2]))
    raise ValueError(f"`{text}` is not a CEL type; write one of {', '.join(_SIMPLE)}, list(T) or map(string, T)")
