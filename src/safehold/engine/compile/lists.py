"""CEL's `lists` and `sets` extensions, and `first` and `last`.

As cel-go documents them (ext/README.md, "Lists" and "Sets"); `first` and `last` belong to its optional types.
"""

from collections.abc import Callable
from typing import Any

from safehold.engine.compile.arithmetic import contained, equal, less, no_overload
from safehold.engine.compile.bounds import bounded
from safehold.engine.compile.faults import EvalError
from safehold.engine.language.values import NONE, Duration, Optional, Timestamp, Uint

#: What `lists.range` gives at most: loops are bounded by the event, never by a number that a policy writes.
MAX_RANGE = 1_000
_SORTABLE = (int, Uint, float, bool, Duration, Timestamp, str, bytes)
#: Values of one of these types are equal exactly where Python says so: a list of them can be looked up by hash.
_HASHABLE = (str, int, bytes)


def _list(name: str, *values: Any) -> None:
    if not all(type(value) is list for value in values):
        raise no_overload(name, *values)


def _alike(values: list[Any]) -> type | None:
    """The one hashable type that all values have, or None."""
    kinds = set(map(type, values))
    kind = kinds.pop() if len(kinds) == 1 else None
    return kind if kind in _HASHABLE else None


def distinct(values: Any) -> list[Any]:
    """Each value once, where it stood first."""
    _list("distinct", values)
    if _alike(values):
        return list(dict.fromkeys(values))
    found: list[Any] = []
    for value in values:
        if not contained(value, found):
            found.append(value)
    return found


def flatten(values: Any, depth: Any = 1) -> list[Any]:
    """The items of the lists inside, `depth` levels deep."""
    _list("flatten", values)
    if type(depth) is not int:
        raise no_overload("flatten", values, depth)
    if depth < 0:
        raise EvalError("the depth of flatten cannot be negative")
    found: list[Any] = []
    for value in values:
        found += (flatten(value, depth - 1) if depth > 1 else value) if type(value) is list and depth else [value]
    bounded(len(found))
    return found


def count_up(end: Any) -> list[int]:
    if type(end) is not int:
        raise no_overload("lists.range", end)
    if end > MAX_RANGE:
        raise EvalError(f"lists.range goes to {MAX_RANGE:,} at most")
    return list(range(end))


def piece(values: Any, start: Any, end: Any) -> list[Any]:
    if type(values) is not list or type(start) is not int or type(end) is not int:
        raise no_overload("slice", values, start, end)
    if not 0 <= start <= end <= len(values):
        raise EvalError(f"the range {start} to {end} is outside a list of {len(values)}")
    return values[start:end]


def sort(values: Any) -> list[Any]:
    _list("sort", values)
    return sort_by(values, values)


def sort_by(values: Any, keys: Any) -> list[Any]:
    """The values in the order of their keys; equal keys keep their order. `values.sortBy(x, key)` expands to this."""
    _list("sortBy", values, keys)
    kinds = set(map(type, keys))
    if len(kinds) > 1 or not all(kind in _SORTABLE for kind in kinds):
        raise EvalError("only values of one type that have an order can be sorted")
    if float in kinds and any(key != key for key in keys):
        return _insert(values, keys)
    order = sorted(range(len(values)), key=keys.__getitem__)
    return [values[at] for at in order]


def _insert(values: list[Any], keys: list[Any]) -> list[Any]:
    """NaN has no place in an order: it stays behind what stood before it."""
    order: list[int] = []
    for at, key in enumerate(keys):
        place = next((spot for spot, other in enumerate(order) if less(key, keys[other])), len(order))
        order.insert(place, at)
    return [values[at] for at in order]


def first(values: Any) -> Optional:
    _list("first", values)
    return Optional(values[0]) if values else NONE


def last(values: Any) -> Optional:
    _list("last", values)
    return Optional(values[-1]) if values else NONE


def contains_all(values: Any, wanted: Any) -> bool:
    _list("sets.contains", values, wanted)
    if (kind := _alike(values)) and kind is _alike(wanted):
        return set(wanted) <= set(values)
    return all(contained(value, values) for value in wanted)


def equivalent(values: Any, others: Any) -> bool:
    _list("sets.equivalent", values, others)
    return contains_all(values, others) and contains_all(others, values)


def intersects(values: Any, others: Any) -> bool:
    _list("sets.intersects", values, others)
    if (kind := _alike(values)) and kind is _alike(others):
        return not set(others).isdisjoint(values)
    return any(equal(one, other) for one in values for other in others)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "distinct": distinct,
    "flatten": flatten,
    "lists.range": count_up,
    "slice": piece,
    "sort": sort,
    "@sortByAssociatedKeys": sort_by,
    "first": first,
    "last": last,
    "sets.contains": contains_all,
    "sets.equivalent": equivalent,
    "sets.intersects": intersects,
}
