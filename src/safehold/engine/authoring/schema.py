"""JSON Schemas of the files of a folder, for editors: made of the tables that the readers use, so that they cannot differ.

`schema(kind)` gives one of three; `safehold policy schema` prints it, and an editor's YAML server (VS Code, Neovim) completes
and checks with it without knowing anything of Safehold. Expressions are texts to it: the language server knows more.
"""

from typing import Any, Literal

from safehold.engine.authoring.context import list_table
from safehold.engine.policies.vocabulary import TABLES, Entry, Table

Kind = Literal["policy", "event type", "list"]
KINDS: tuple[Kind, ...] = ("policy", "event type", "list")
_PERIOD = {"type": "string", "pattern": r"^(\d+d)?((\d+(\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns))*$", "minLength": 2}
_SCALAR = {"type": ["string", "number", "boolean"]}
#: An expression that is `true` or a number is no text in YAML.
_EXPRESSION = {"type": ["string", "number", "boolean"]}


def schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a policy's, an event type's or a list's file."""
    table = list_table() if kind == "list" else TABLES[kind]
    needed = {_anchor(name): _table(table) for name, table in TABLES.items() if kind != "list"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:safehold:schema:{kind.replace(' ', '-')}",
        "title": f"Safehold: {'an event type' if kind == 'event type' else f'a {kind}'}",
        **_table(table, loose=kind == "list"),
        "$defs": needed,
    }


def _table(table: Table, *, loose: bool = False) -> dict[str, Any]:
    """An object with the table's fields and no others. `loose` is for fields of which only the names are known."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, entry in table.items() if entry.required],
        "properties": {
            name: _described(entry, {} if loose and not entry.choices else _shape(entry))
            for name, entry in table.items()
        },
    }


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _described(entry: Entry, shape: dict[str, Any]) -> dict[str, Any]:
    return {"description": entry.says, **shape} if entry.says else shape


def _shape(entry: Entry) -> dict[str, Any]:
    inner = {"$ref": f"#/$defs/{_anchor(entry.table)}"} if entry.table else {}
    match entry.shape:
        case "choice":
            return {"enum": list(entry.choices)}
        case "choices":
            return _one_or_many({"enum": list(entry.choices)})
        case "texts" | "event types":
            return _one_or_many({"type": "string"})
        case "expressions":
            return _one_or_many(_EXPRESSION)
        case "condition" | "expression":
            return dict(_EXPRESSION)
        case "number":
            return {"type": "integer", "minimum": 0}
        case "flag":
            return {"const": True}
        case "period":
            return dict(_PERIOD)
        case "table":
            return {"anyOf": [inner, {"type": "string"}]} if entry.table in ("then", "label") else inner
        case "tables":
            return {"type": "array", "items": inner}
        case "named":
            return {"type": "object", "additionalProperties": inner}
        case "translations":
            return {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}
        case "mode":
            modes = [mode for mode in entry.choices if mode != "canary"]
            canary = {
                "type": "object",
                "required": ["canary"],
                "additionalProperties": False,
                "properties": {"canary": {"$ref": "#/$defs/canary"}},
            }
            return {"anyOf": [{"enum": modes}, canary]}
        case "expectation":
            return {
                "anyOf": [{"enum": ["none", "nothing"]}, {"type": "object", "additionalProperties": {"type": "string"}}]
            }
        case "open" | "schema":
            return {"type": "object"}
    return dict(_SCALAR)


def _one_or_many(item: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "array", "items": item}]}
