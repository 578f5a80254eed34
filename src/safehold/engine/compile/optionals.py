"""CEL's optional values: `data.?link.orValue("")`, `list.first().hasValue()`, `map[?key]`.

As cel-go documents them (cel/library.go, "OptionalTypes"). `or` and `orValue` look at their second operand only where the
first is nothing, and so live in the evaluators; `optMap` and `optFlatMap` are expanded by the checker; `.?` on a field of the
event is turned into `has()` when the tree is read (`language.read`).
"""

from collections.abc import Callable
from typing import Any

from safehold.engine.compile.arithmetic import index, map_key, no_overload
from safehold.engine.compile.bounds import gathered
from safehold.engine.compile.faults import EvalError
from safehold.engine.language.values import NONE, Duration, Optional, Timestamp, Uint


def _optional(name: str, *values: Any) -> None:
    if not all(type(value) is Optional for value in values):
        raise no_overload(name, *values)


def some(value: Any) -> Optional:
    return Optional(value)


def none() -> Optional:
    return NONE


def some_but_zero(value: Any) -> Optional:
    """Nothing for 0, false, "", an empty list or map, null, and the beginning of 1970."""
    zero = value is None or (type(value) in (bool, int, Uint, float, str, bytes, list, dict, Duration) and not value)
    return NONE if zero or (type(value) is Timestamp and int(value) == 0) else Optional(value)


def value_of(optional: Any) -> Any:
    _optional("value", optional)
    if optional is NONE:
        raise EvalError("optional.none() has no value")
    return optional.value


def has_value(optional: Any) -> bool:
    _optional("hasValue", optional)
    return optional is not NONE


def select(container: Any, key: Any) -> Optional:
    """`container[?key]` and `map.?key`: nothing where there is no such key or index; what is nothing stays nothing."""
    if type(container) is Optional:
        return NONE if container is NONE else select(container.value, key)
    if type(container) not in (dict, list):
        raise no_overload("[? ]", container, key)
    if type(container) is dict:
        if type(key) not in (str, int, Uint, bool, float):
            raise no_overload("[? ]", container, key)
        return Optional(container[map_key(key)]) if map_key(key) in container else NONE
    if type(key) not in (int, Uint, float):
        raise no_overload("[? ]", container, key)
    inside = 0 <= key < len(container) and (type(key) is not float or key.is_integer())
    return Optional(index(container, key)) if inside else NONE


def has_field(optional: Any, key: Any) -> bool:
    """`has(map.?a.b)`."""
    return select(optional, key) is not NONE


def as_list(optional: Any) -> list[Any]:
    """`[?x]`: the value as the only item, or no item."""
    _optional("an optional item", optional)
    return [] if optional is NONE else [optional.value]


def as_map(key: Any, optional: Any) -> dict[Any, Any]:
    """`{?key: x}`: the value under its key, or no entry."""
    _optional("an optional entry", optional)
    return {} if optional is NONE else {map_key(key): optional.value}


def joined(*lists: list[Any]) -> list[Any]:
    return gathered(item for items in lists for item in items)


def merged(*maps: dict[Any, Any]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for entries in maps:
        if type(entries) is not dict:
            raise no_overload("transformMapEntry", entries)
        if twice := found.keys() & entries.keys():
            raise EvalError(f"the key {twice.pop()!r} is there twice")
        found |= entries
    return found


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "optional.of": some,
    "optional.none": none,
    "optional.ofNonZeroValue": some_but_zero,
    "value": value_of,
    "hasValue": has_value,
    "_?._": select,
    "_[?_]": select,
    "@hasField": has_field,
    "@asList": as_list,
    "@asMap": as_map,
    "@joined": joined,
    "@merged": merged,
}
