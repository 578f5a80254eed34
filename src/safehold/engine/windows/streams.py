"""Windows that count the same events under the same key, as one stream: what they need is found once and kept once.

Windows of any policy are of one stream where they are fed by the same event types and have the same `by` and the same
`where`. What they measure are the stream's columns; windows that measure the same, over whatever span, share one.
`compile.feeding` makes the streams of an event type, and stores keep a row (the columns' values) for each event.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from typing import Any

from safehold.engine.language.tree import Node
from safehold.engine.language.types import Type
from safehold.engine.policies.model import Window
from safehold.engine.windows.values import countable, ordered

#: Types whose values are equal in Python where they are in CEL; others are looked at one by one.
PLAIN = {"string", "int", "uint", "bytes", "bool", "timestamp", "duration"}
#: What a kind of window asks of its values.
CHECKS = {"distinct": countable, "min": ordered, "max": ordered}


class Partial(tuple[Any, ...]):
    """A row in which some values are Faults: the windows that measure those can neither count nor answer this event."""

    __slots__ = ()


@dataclass(frozen=True)
class Column:
    """What one or several windows measure: an expression for each event type, and the check that it goes through."""

    id: str
    trees: Mapping[str, Node]
    check: str


@dataclass(frozen=True, eq=False)
class Stream:
    """`places[n]` is the column that the nth window measures, -1 for one that counts events only. `base` names the event
    types, the key and the condition."""

    base: str
    windows: tuple[Window, ...]
    columns: tuple[Column, ...]
    places: tuple[int, ...]

    @cached_property
    def name(self) -> str:
        """What its rows are: stores find them by it. Other spans or kinds of windows change no row."""
        return _digest((self.base, *(column.id for column in self.columns)))

    @cached_property
    def spread(self) -> bool:
        """Whether an event has several keys: it is put under each, and asks over what all of them have. Of each, the newest
        `log.MOST` events are kept."""
        return self.windows[0].spread

    @cached_property
    def seconds(self) -> int:
        """The longest of its windows."""
        return max(window.seconds for window in self.windows)


def streams_of(windows: Iterable[Window]) -> list[Stream]:
    """Each window in one stream, in the order in which they come."""
    groups: dict[str, list[Window]] = {}
    for window in windows:
        base = _digest((sorted(window.on), _shape(window.by), _shape(window.where)))
        if (
            window.spread
        ):  # alone with those that measure the same: an event that one cannot measure is not put in at all
            base = _digest((base, column.id if (column := _column(window)) is not None else ""))
        groups.setdefault(base, []).append(window)
    return [_stream(base, tuple(group)) for base, group in groups.items()]


def _stream(base: str, windows: tuple[Window, ...]) -> Stream:
    measured = [_column(window) for window in windows]
    # In one order, whatever the policies' is, so that a stream has one name.
    columns = {column.id: column for column in sorted(filter(None, measured), key=lambda column: column.id)}
    numbers = {name: number for number, name in enumerate(columns)}
    places = tuple(numbers[column.id] if column is not None else -1 for column in measured)
    return Stream(base, windows, tuple(columns.values()), places)


def _column(window: Window) -> Column | None:
    if window.kind in ("count", "rate"):
        return None
    plain = bool(window.value) and all(tree.type.name in PLAIN for tree in window.value.values())
    check = "" if plain else CHECKS[window.kind].__name__ if window.kind in CHECKS else ""
    return Column(_digest((check, _shape(window.value))), window.value, check)


def _shape(value: Any) -> Any:
    """A tree without the places in the text that it came from."""
    if isinstance(value, Node):
        parts = (getattr(value, part.name) for part in fields(value) if part.name not in ("line", "column"))
        return (type(value).__name__, *map(_shape, parts))
    if isinstance(value, Type):
        return value.name
    if isinstance(value, Mapping):
        return tuple((key, _shape(value[key])) for key in sorted(value))
    if isinstance(value, (tuple, list)):
        return tuple(map(_shape, value))
    return (type(value).__name__, value)


def _digest(value: Any) -> str:
    return blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
