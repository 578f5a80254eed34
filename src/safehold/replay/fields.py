"""Which columns an event type's history has, and how an event's JSON fills them.

A column is named by its path and type (`data.text:string`), so that a field that changes its type becomes another column
and old files stay readable; `data.author?` says whether an object is there. Whatever does not fit its declared type, or
has no form in a column, makes the event `odd`: the exact evaluator answers for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from safehold.engine.compile.columns.cell import column_type
from safehold.engine.event import Event
from safehold.engine.language.types import Type
from safehold.engine.language.values import INT_MAX, INT_MIN, converter
from safehold.engine.policies.events import EventType

Parts = tuple[str, ...]
_ROOTS = ("actor", "target", "context", "data")
_ARROW: dict[str, pa.DataType] = {
    "boolean": pa.bool_(), "int64": pa.int64(), "float64": pa.float64(), "string": pa.string(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldColumn:
    """`type` is None for a column that says whether an object is there."""

    parts: Parts
    type: Type | None

    @property
    def name(self) -> str:
        path = ".".join(self.parts)
        return f"{path}?" if self.type is None else f"{path}:{self.type}"

    @property
    def arrow(self) -> pa.DataType:
        if self.type is None:
            return pa.bool_()
        held = column_type(self.type) or ""
        return pa.list_(_ARROW[held[6:-1]]) if held.startswith("array<") else _ARROW[held]


def columns_of(kind: EventType) -> list[FieldColumn]:
    """Every field of the event type that has a form in columns, in the order of their names."""
    found = [column for root in _ROOTS for column in _below((root,), kind.variables[root])]
    event = kind.variables["event"]
    found += [FieldColumn(("event", name), event.fields[name].type) for name in ("subject", "text")]
    return sorted(found, key=lambda column: column.name)


def _below(parts: Parts, kind: Type) -> Iterator[FieldColumn]:
    for name, field in kind.fields.items():
        below = (*parts, name)
        if field.type.name == "object":
            yield FieldColumn(below, None)
            yield from _below(below, field.type)
        elif column_type(field.type) is not None and below[1:] != ("age",):
            yield FieldColumn(below, field.type)


class Filler:
    """Turns events into columns: `values` has one list a column, `odd` says which events do not fit theirs."""

    def __init__(self, columns: Iterable[FieldColumn], text: Callable[[Event], str | None]) -> None:
        self.columns = list(columns)
        self._text = text
        self._read = [_reader(column.type) for column in self.columns]

    def fill(self, events: Iterable[Event]) -> tuple[list[list[Any]], list[bool]]:
        values: list[list[Any]] = [[] for _ in self.columns]
        odd: list[bool] = []
        for event in events:
            fits = True
            for column, read, into in zip(self.columns, self._read, values, strict=True):
                raw = self._raw(event, column.parts)
                try:
                    into.append(None if raw is None and column.type is not None else read(raw))
                except (ValueError, OverflowError):
                    into.append(None)
                    fits = False
            odd.append(not fits)
        return values, odd

    def _raw(self, event: Event, parts: Parts) -> Any:
        if parts[0] == "event":
            return self._text(event) if parts[1] == "text" else getattr(event, parts[1])
        value: Any = getattr(event, parts[0])
        for part in parts[1:]:
            if not isinstance(value, dict):
                return None
            value = value.get(part)
        return value


def _reader(kind: Type | None) -> Callable[[Any], Any]:
    if kind is None:
        return lambda raw: raw is not None
    convert = converter(kind)
    return lambda raw: _plain(convert(raw))


def _plain(value: Any) -> Any:
    """A CEL value as a column holds it. Raises ValueError where a column cannot."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        if not INT_MIN <= value <= INT_MAX:
            raise ValueError("more than 64 bits")
        return int(value)
    if isinstance(value, float) and value - value != 0:
        raise ValueError("not a finite number")
    if isinstance(value, str):
        value.encode()  # half of a surrogate pair has no UTF-8: a UnicodeEncodeError is a ValueError
    return value


def arrays(columns: Iterable[FieldColumn], values: Iterable[list[Any]]) -> Mapping[str, pa.Array]:
    return {column.name: pa.array(held, column.arrow) for column, held in zip(columns, values, strict=True)}
