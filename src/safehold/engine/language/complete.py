"""Inside an expression that somebody is writing: what can come next, and what a word means.

Pure functions of the text, a position and the environment of the rule or window; `engine.authoring` finds the expression
in the file and calls them. The text is usually broken at the cursor, so that only the part before it is looked at; types
come from CEL's own checker, which is asked about the operand before the dot.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from safehold.engine.language import library, types
from safehold.engine.language.environment import Environment
from safehold.engine.language.problem import ExpressionProblems
from safehold.engine.language.read import read_checked
from safehold.engine.language.tokens import OPENING, Token, operand_start, tokens
from safehold.engine.language.types import Field, Type

ItemKind = Literal["key", "value", "field", "variable", "function", "macro", "window", "list", "signal", "text"]
#: Macros whose first arguments are new names, and how many.
_NAMING = {
    "exists": 1, "all": 1, "exists_one": 1, "filter": 1, "map": 1, "sortBy": 1, "optMap": 1, "optFlatMap": 1,
    "existsOne": 2, "transformList": 2, "transformMap": 2, "transformMapEntry": 2,
}  # fmt: skip
_ABOUT = {
    "event": "The CloudEvent's attributes", "actor": "Who did it", "target": "Whom or what it was done to",
    "context": "From where", "data": "What happened, by the event type's schema",
    "signals": "What signals measured; each runs only when a rule reads it",
    "windows": "What this policy counts over time", "lists": "Lists to ask with `in`",
    "labels": "Labels that have not ended", "now": "The event's time; no clock is read",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can come next. `insert` replaces the text from `start` to the cursor, both offsets into the text.

    `detail` is a type or a signature, `says` a sentence. The order of the items is the order to show them in.
    """

    label: str
    kind: ItemKind
    detail: str
    says: str
    insert: str
    start: int


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word of the text means: its place (offsets), its type or signature, and a sentence about it."""

    start: int
    end: int
    title: str
    says: str


def infer(text: str, environment: Environment, local: Mapping[str, Type] | None = None) -> Type | None:
    """The type of an expression with these names added, or None where the checker refuses it."""
    scope = Environment({**environment.variables, **local}) if local else environment
    try:
        return read_checked(scope.checker.compile(text).serialize(), text, scope).type
    except (RuntimeError, ValueError, ExpressionProblems):
        return None


def complete(text: str, at: int, environment: Environment) -> list[Item]:
    """What can stand at offset `at`; the text behind it is not looked at."""
    before = text[:at]
    row = [token for token in tokens(before) if token.kind != "comment"]
    if (last := tokens(before, spaces=True)[-1:]) and last[0].kind == "comment":
        return []
    if row and row[-1].kind == "broken" and row[-1].text[0] in "\"'":
        return _texts(row, before, environment)
    typing = row[-1] if row and row[-1].kind == "name" and row[-1].end == at else None
    done = row[:-1] if typing else row
    word, start = (typing.text, typing.start) if typing else ("", at)
    local = _locals(done, before, environment)
    if done and done[-1].text == ".":
        items = _members(done, before, environment, local, start)
    elif len(done) > 1 and done[-1].text == "?" and done[-2].text == ".":
        items = _members(done[:-1], before, environment, local, start)
    elif done and _is_operand(done[-1]):
        items = [Item("in", "function", "T in list", "Whether it is an item", "in ", start)]
    else:
        items = _beginnings(environment, local, start)
    return _ranked(items, word)


def _is_operand(token: Token) -> bool:
    """Whether a value ends with this token, so that an operator has to come next."""
    return (
        token.kind in ("text", "number")
        or token.text in (")", "]", "}")
        or (token.kind == "name" and token.text != "in")
    )


def hover(text: str, at: int, environment: Environment) -> Meaning | None:
    """What the word at offset `at` means; None between words and inside texts."""
    row = [token for token in tokens(text) if token.kind != "comment"]
    index = next((i for i, token in enumerate(row) if token.start <= at < token.end and token.kind == "name"), None)
    if index is None:
        return None
    word, local = row[index], _locals(row[:index], text, environment)
    begin = operand_start(row, index + 1)
    called = index + 1 < len(row) and row[index + 1].text == "("
    if called:
        return _called(row, index, begin, text, environment, local)
    whole = text[row[begin].start : word.end]
    kind = infer(whole, environment, local) or _path_type(whole, environment)
    if kind is None:
        return None
    about = _about(whole, environment) or _ABOUT.get(whole, "")
    return Meaning(word.start, word.end, f"{whole}: {kind}", about)


def _called(
    row: list[Token], index: int, begin: int, text: str, environment: Environment, local: Mapping[str, Type]
) -> Meaning | None:
    word = row[index]
    qualified = f"{row[index - 2].text}.{word.text}" if index > 1 and row[index - 1].text == "." else word.text
    found = library.named(qualified)
    if found is None:
        owner = infer(text[row[begin].start : row[index - 1].start], environment, local) if begin < index - 1 else None
        found = library.named(word.text, owner.name if owner else "")
    if found is None:
        return None
    return Meaning(word.start, word.end, found.signature, f"{found.says}. {found.example} is {found.gives}")


# -- what can stand where ----------------------------------------------------------------------------------------------


def _beginnings(environment: Environment, local: Mapping[str, Type], start: int) -> list[Item]:
    items = [
        Item(name, "variable", str(kind), "A name of this expression", name, start) for name, kind in local.items()
    ]
    items += [
        Item(name, "variable", "" if kind.name == "object" else str(kind), _ABOUT.get(name, ""), name, start)
        for name, kind in environment.variables.items()
        if kind.name != "object" or kind.fields
    ]
    items += [_function_item(function, start) for function in library.plain_functions()]
    return items + [Item(word, "value", "", "", word, start) for word in ("true", "false", "null")]


def _members(
    row: list[Token], before: str, environment: Environment, local: Mapping[str, Type], start: int
) -> list[Item]:
    """After a dot: fields of an object or an optional one, methods by the operand's type, functions of a namespace."""
    dot = row[-1]
    begin = operand_start(row, len(row) - 1)
    operand = before[row[begin].start : dot.start] if begin < len(row) - 1 else ""
    if operand in library.NAMESPACES and operand not in local:
        known: Mapping[str, Field] = environment.variables[operand].fields if operand in environment.variables else {}
        return [_field_item(operand, name, field, start) for name, field in known.items()] + [
            _function_item(function, start, function.name.removeprefix(f"{operand}."))
            for function in library.plain_functions()
            if function.name.startswith(f"{operand}.")
        ]
    kind = infer(operand, environment, local) or _path_type(operand, environment)
    if kind is None:
        return []
    inner = kind.parameters[0] if kind.name == "optional" else kind
    if inner.name == "object":
        fields = [_field_item(operand, name, field, start) for name, field in inner.fields.items()]
        return (
            fields if inner is kind else fields + [_function_item(part, start) for part in library.methods("optional")]
        )
    return [_function_item(function, start) for function in library.methods(kind.name)]


def _texts(row: list[Token], before: str, environment: Environment) -> list[Item]:
    """Inside an open quote after `path == `: the values that the schema allows."""
    quote = row[-1]
    if len(row) < 3 or row[-2].text not in ("==", "!="):
        return []
    begin = operand_start(row, len(row) - 2)
    field = _field_of(before[row[begin].start : row[-2].start].strip(), environment) if begin < len(row) - 2 else None
    start, typed = quote.start + 1, quote.text[1:]
    values = field.values if field else ()
    return [
        Item(value, "text", "one of the schema's values", "", value, start)
        for value in values
        if value.startswith(typed)
    ]


def _field_item(owner: str, name: str, field: Field, start: int) -> Item:
    root = owner.partition(".")[0]
    kinds: dict[str, ItemKind] = {"windows": "window", "lists": "list"}
    kind: ItemKind = "signal" if owner == "signals" else kinds.get(root, "field")
    absent = "" if field.required else " (may be absent: ask with has() or .?)"
    detail = "" if field.type.name == "object" or root == "lists" else str(field.type)
    return Item(name, kind, detail, f"{field.description}{absent}".strip(), name, start)


def _function_item(function: library.Function, start: int, name: str = "") -> Item:
    name = name or function.name
    empty = "()" in function.signature
    insert = f"{name}()" if empty else f"{name}("
    kind: ItemKind = "macro" if function.is_macro else "function"
    return Item(
        name, kind, function.signature, f"{function.says}. {function.example} is {function.gives}", insert, start
    )


def _ranked(items: list[Item], word: str) -> list[Item]:
    """Those that begin with what is typed, then those that have it somewhere; each once."""
    low = word.lower()
    first = [item for item in items if item.label.lower().startswith(low)]
    inside = [item for item in items if low and low in item.label.lower() and item not in first]
    return list({(item.label, item.kind): item for item in first + inside}.values())


# -- names of macros ---------------------------------------------------------------------------------------------------


def _locals(row: list[Token], text: str, environment: Environment) -> dict[str, Type]:
    """The names that the macros around the end of `row` have made, with their types."""
    local: dict[str, Type] = {}
    for at in _open_calls(row):
        macro = row[at - 1].text
        commas = _commas(row, at)
        if macro == "bind" and len(commas) == 2 and at + 1 < len(row):
            value = text[row[commas[0]].end : row[commas[1]].start]
            local[row[at + 1].text] = infer(value, environment, local) or types.DYN
        count = _NAMING.get(macro, 0)
        if count == 1 and macro in ("exists", "all") and len(commas) == 2 and _is_name_list(row, at, 2):
            count = 2
        if count and len(commas) >= count and _is_name_list(row, at, count):
            begin = operand_start(row, at - 2)
            over = infer(text[row[begin].start : row[at - 2].start], environment, local) if begin < at - 2 else None
            names = [row[at + 1 + 2 * step].text for step in range(count)]
            local |= dict(zip(names, _round_types(over or types.DYN, count), strict=True))
    return local


def _open_calls(row: list[Token]) -> list[int]:
    """The opening brackets, outermost first, of the calls that are not closed by the end of the row."""
    stack: list[int] = []
    for at, token in enumerate(row):
        if token.text in OPENING:
            stack.append(at)
        elif token.text in OPENING.values() and stack:
            stack.pop()
    return [
        at for at in stack if at > 1 and row[at].text == "(" and row[at - 1].kind == "name" and row[at - 2].text == "."
    ]


def _commas(row: list[Token], opened: int) -> list[int]:
    depth, found = 0, []
    for at in range(opened + 1, len(row)):
        depth += (row[at].text in OPENING) - (row[at].text in OPENING.values())
        if depth == 0 and row[at].text == ",":
            found.append(at)
    return found


def _is_name_list(row: list[Token], opened: int, count: int) -> bool:
    spots = [opened + 1 + 2 * step for step in range(count)]
    return all(spot + 1 < len(row) and row[spot].kind == "name" and row[spot + 1].text == "," for spot in spots)


def _round_types(over: Type, count: int) -> list[Type]:
    """The types of a macro's names: an item; an index and an item; a key and a value."""
    if over.name == "map":
        return list(over.parameters[:count])
    item = over.parameters[0] if over.name in ("list", "optional") else types.DYN
    return [item] if count == 1 else [types.INT, item]


# -- fields by path ----------------------------------------------------------------------------------------------------


def _field_of(path: str, environment: Environment) -> Field | None:
    parts = path.split(".")
    kind, field = environment.variables.get(parts[0]), None
    for part in parts[1:]:
        field = kind.fields.get(part) if kind is not None else None
        kind = field.type if field else None
    return field


def _path_type(path: str, environment: Environment) -> Type | None:
    """The type of a dotted path, also of an object, which the checker would not take as a value."""
    field = _field_of(path, environment)
    return field.type if field else environment.variables.get(path)


def _about(path: str, environment: Environment) -> str:
    field = _field_of(path, environment)
    if field is None:
        return ""
    allowed = f" One of: {', '.join(field.values)}." if field.values else ""
    absent = "" if field.required else " May be absent: ask with has() or .?"
    return f"{field.description}.{allowed}{absent}".removeprefix(".").strip()
