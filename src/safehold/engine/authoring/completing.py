"""What can be written at a place of a file: keys by their table, values by their field, and inside expressions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from safehold.engine.authoring.context import Around, Spot, environment_at, event_types_at, list_table, spot_of
from safehold.engine.authoring.place import Place, find_place, look, offset_of
from safehold.engine.language.complete import Item, ItemKind, complete
from safehold.engine.language.types import Field
from safehold.engine.policies import dsa
from safehold.engine.policies.vocabulary import LABELLED, TABLES, Entry


@dataclass(frozen=True, slots=True)
class Completion:
    """One thing that can be written. `insert` replaces what stands between `column` and the cursor in the cursor's line."""

    label: str
    kind: ItemKind
    detail: str
    says: str
    insert: str
    column: int


def complete_at(text: str, line: int, column: int, kind: str, around: Around) -> list[Completion]:
    """What can stand at a line and column (from 1) of a file of this kind, best first."""
    offset = offset_of(text, line, column)
    place = find_place(text, offset)
    if place is None:
        whole_line = text[text.rfind("\n", 0, offset) + 1 : offset]
        return _keys(Spot(TABLES.get(kind) or list_table(), None, kind), {}, column, whole_line.strip())
    spot = spot_of(place, kind)
    if place.kind == "key" and spot.table is None and kind == "policy":
        names = [name for name in _free_keys(place, around) if look(place.root, (*place.path, name)) is None]
        return _typed([(name, "key", "", "", f"{name}: ") for name in names], place.text[: place.at], column)
    if place.kind == "key":
        return _keys(spot, look(place.root, place.path), column, place.text[: place.at])
    return _values(place, spot, column, around)


def _keys(spot: Spot, written: object, column: int, typed: str) -> list[Completion]:
    present = written if isinstance(written, dict) else {}
    entries = (spot.table or {}).items()
    wanted = [(name, entry) for name, entry in entries if name not in present or name == typed]
    wanted.sort(key=lambda pair: not pair[1].required)
    return _typed(
        [(name, "key", _shape(entry), entry.says, _after(name, entry)) for name, entry in wanted], typed, column
    )


def _shape(entry: Entry) -> str:
    return f"{entry.shape}, required" if entry.required else entry.shape


def _after(name: str, entry: Entry) -> str:
    opening = {"tables": ":", "named": ":", "table": ":", "translations": ":"}
    return name + opening.get(entry.shape, ": ")


def _values(place: Place, spot: Spot, column: int, around: Around) -> list[Completion]:
    environment = environment_at(place, spot, around)
    if environment is not None and place.path[-1] != "reason":
        return _moved(complete(place.text, place.at, environment), place.at, column)
    typed = place.text[: place.at]
    if environment is not None:
        opened = typed.rfind("{")
        if opened < 0 or "}" in typed[opened:]:
            return []
        items = complete(place.text[opened + 1 :], place.at - opened - 1, environment)
        paths = [item for item in items if item.kind not in ("function", "macro", "value")]
        return _moved(paths, place.at - opened - 1, column)
    return _plain_values(place, spot, typed, column, around)


def _plain_values(place: Place, spot: Spot, typed: str, column: int, around: Around) -> list[Completion]:
    entry = spot.entry
    if entry is None:
        return _example_values(place, typed, column, around)
    choices: Iterable[str] = entry.choices
    if entry.shape in ("event types", "event type"):
        choices = around.event_types.types
    elif spot.inside == "dsa" and "keywords" in place.path:
        category = str(look(place.root, ("dsa", "category")) or "")
        choices = dsa.keywords_of(category) if category in dsa.KEYWORDS else ()
    elif entry.shape == "table" and entry.table == "then":
        choices = TABLES["then"]["action"].choices
    elif entry.shape == "expectation":
        choices = ("none",)
    elif entry.shape == "flag":
        choices = ("true",)
    elif entry.shape == "path":
        names = list(around.event_types.types)
        choices = _paths(names, around)
    keys = _keys(Spot(spot.table, None, entry.table), {}, column, typed) if spot.table is not None else []
    return _typed([(choice, "value", "", "", choice) for choice in choices], typed, column) + keys


def _example_values(place: Place, typed: str, column: int, around: Around) -> list[Completion]:
    """In an example: the action that a rule has, where it is expected."""
    if len(place.path) == 4 and place.path[0] == "examples" and place.path[2] == "expect":
        rules = look(place.root, ("rules",))
        for rule in rules if isinstance(rules, list) else ():
            if look(rule, ("id",)) == place.path[3]:
                then = look(rule, ("then",))
                action = then if isinstance(then, str) else look(rule, ("then", "action"))
                return _typed([(str(action), "value", "", "What the rule does", str(action))], typed, column)
    return []


def _paths(names: list[str], around: Around) -> list[str]:
    found = [
        f"{root}.{field}"
        for name in names
        for root in ("data", "actor", "target", "context")
        for field, about in around.event_types[name].variables[root].fields.items()
        if about.type.name != "object"
    ]
    return list(dict.fromkeys(found))


def _free_keys(place: Place, around: Around) -> list[str]:
    """Keys that the policy and its event types declare: of an example's fields, windows, signals, labels and rules."""
    match place.path:
        case ("examples", int(), "event", str(root)):
            kind = str(look(place.root, (*place.path[:3], "type")) or "")
            names = [kind] if kind in around.event_types else event_types_at(place, around)
            roots = [around.event_types[name].variables.get(root) for name in names]
            return list(dict.fromkeys(field for owner in roots if owner is not None for field in owner.fields))
        case ("examples", int(), "windows"):
            windows = look(place.root, ("windows",))
            return list(windows) if isinstance(windows, dict) else []
        case ("examples", int(), "expect"):
            rules = look(place.root, ("rules",))
            return (
                [str(look(rule, ("id",))) for rule in rules if look(rule, ("id",))] if isinstance(rules, list) else []
            )
        case ("examples", int(), "labels"):
            return list(LABELLED)
        case ("examples", int(), "signals"):
            return list(_signals(place, around))
        case ("examples", int(), "signals", str(signal)):
            found = _signals(place, around).get(signal)
            return list(found.type.fields) if found is not None else []
        case ("notice",):
            return ["en", "de", "fr", "es", "it"]
    return []


def _signals(place: Place, around: Around) -> Mapping[str, Field]:
    names = event_types_at(place, around)
    return around.scopes[names[0]].variables["signals"].fields if names else {}


def _moved(items: list[Item], at: int, column: int) -> list[Completion]:
    """Offsets of the expression as columns of the line: what is replaced is a word, and a word is in one line."""
    return [
        Completion(item.label, item.kind, item.detail, item.says, item.insert, column - (at - item.start))
        for item in items
    ]


def _typed(rows: list[tuple[str, ItemKind, str, str, str]], typed: str, column: int) -> list[Completion]:
    """Those that begin with what is typed, then those that have it inside."""
    low = typed.strip().lower()
    begin = [row for row in rows if row[0].lower().startswith(low)]
    inside = [row for row in rows if row not in begin and low in row[0].lower()]
    return [Completion(*row, column - len(typed)) for row in begin + inside]
