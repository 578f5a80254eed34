"""From a place in a file to what can be named there: which table the keys are of, which expression the cursor is in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from safehold.engine.authoring.place import Place, look
from safehold.engine.language import types
from safehold.engine.language.complete import infer
from safehold.engine.language.environment import Environment
from safehold.engine.language.types import Field, Type
from safehold.engine.lists.entry import KINDS as LIST_KINDS
from safehold.engine.policies.events import EventTypes
from safehold.engine.policies.lists import FIELDS as LIST_FIELDS
from safehold.engine.policies.scope import LABELS, Scope
from safehold.engine.policies.vocabulary import TABLES, Entry, Table
from safehold.engine.windows import kinds

_EXPRESSIONS = ("condition", "expression", "expressions")


class Around(Protocol):
    """What the folder has: `workspace.Surroundings`."""

    @property
    def event_types(self) -> EventTypes: ...
    @property
    def scopes(self) -> Mapping[str, Scope]: ...


@dataclass(frozen=True, slots=True)
class Spot:
    """`table` is what the keys here are of (None where they are free); `entry` the field whose value this is, or None.

    `inside` is the name of the table that the entry is in.
    """

    table: Table | None
    entry: Entry | None
    inside: str


def list_table() -> Table:
    """The fields of a list's file, by the reader's own tuple."""
    return {
        name: Entry("choice", "How its entries are compared", choices=LIST_KINDS)
        if name == "kind"
        else Entry("text", "")
        for name in LIST_FIELDS
    }


def spot_of(place: Place, kind: str) -> Spot:
    """Walks the tables along the path. `kind` is `policy`, `event type` or `list`."""
    table: Table | None = list_table() if kind == "list" else TABLES[kind]
    inside, entry = kind, None
    path = list(place.path)
    while path:
        step = path.pop(0)
        entry = table.get(str(step)) if table is not None and isinstance(step, str) else None
        if entry is None:
            return Spot(None, None, inside)
        if entry.shape in ("tables", "named") and path:
            path.pop(0)
        if entry.shape == "mode" and path:
            table, inside = TABLES["canary"], "canary"
            if path.pop(0) != "canary":
                return Spot(None, None, inside)
            continue
        if entry.table and (path or place.kind == "key" or entry.shape == "table"):
            deeper = TABLES[entry.table]
            if not path and place.kind == "value":
                return Spot(deeper, entry, inside)
            table, inside = deeper, entry.table
        elif path and entry.shape in ("texts", "choices", "event types", "expressions"):
            path.pop(0)
        elif path:
            return Spot(None, None, inside)
    if place.kind == "key":
        ended = entry is not None and not entry.table and entry.shape != "mode"
        return Spot(None if ended else table, None, inside)
    return Spot(None, entry, inside)


def event_types_at(place: Place, around: Around) -> list[str]:
    """The event types of the rule or window at a place: its own `on`, or the policy's, or all there are."""
    for depth in range(len(place.path), -1, -1):
        named = look(place.root, (*place.path[:depth], "on"))
        names = [named] if isinstance(named, str) else named if isinstance(named, list) else []
        if known := [str(name) for name in names if name in around.event_types]:
            return known
    return list(around.event_types.types)


def environment_at(place: Place, spot: Spot, around: Around) -> Environment | None:
    """What the expression at a place can name; None where there is none.

    With several event types, the first one's: what only another one has is an error anyway.
    """
    is_expression = spot.entry is not None and spot.entry.shape in _EXPRESSIONS
    if not is_expression and not (spot.inside == "then" and place.path[-1:] == ("reason",)):
        return None
    names = event_types_at(place, around)
    if not names:
        return None
    scope = around.scopes[names[0]]
    if spot.inside == "window":
        return scope.base
    windows = types.object_of("windows", window_fields(place.root, scope.base))
    return Environment({**scope.variables, "windows": windows, "labels": LABELS})


def window_fields(root: object, base: Environment) -> dict[str, Field]:
    """The policy's windows as fields, with their definitions as descriptions; one that is half written is dyn."""
    declared = look(root, ("windows",))
    found: dict[str, Field] = {}
    for name, window in declared.items() if isinstance(declared, dict) else ():
        if isinstance(window, dict) and str(name).isidentifier():
            found[str(name)] = Field(_window_type(window, base), description=_defined(window))
    return found


def _window_type(window: dict[str, object], base: Environment) -> Type:
    kind = next((kind for kind in kinds.KINDS if kind in window), None)
    if kind is None:
        return types.DYN
    measured = infer(str(window[kind]), base) if kind in kinds.MEASURING else None
    return types.DYN if kind in kinds.MEASURING and measured is None else kinds.type_of_window(kind, measured)


def _defined(window: dict[str, object]) -> str:
    def words(value: object) -> str:
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    kind = next((kind for kind in kinds.KINDS if kind in window), "")
    what = kind if kind in ("count", "rate", "") else f"{kind} of {words(window[kind])}"
    rest = (f"{name} {words(window[name])}" for name in ("by", "over", "where") if name in window)
    return " ".join([what, *rest])
