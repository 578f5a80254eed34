"""From JSON Schema to types: what a policy may read of an event, and which of it is always there."""

from collections.abc import Mapping
from typing import Any

from safehold.engine.language import types
from safehold.engine.language.types import Field, Type

_TEXT: dict[str, Any] = {"type": "string", "maxLength": 1024}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_ID: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 256}

#: What every event type has without saying so (policies/events/README.md). A type that mentions one adds to it.
STANDARD: dict[str, dict[str, Any]] = {
    "actor": {
        "type": "object",
        "description": "Who did it",
        "required": ["id", "created_at"],
        "properties": {
            "id": _ID, "created_at": _TIME, "name": _TEXT, "email": _TEXT, "phone": _TEXT, "locale": _TEXT,
            "verified": {"type": "boolean"}, "followers": _COUNT, "posts": _COUNT, "kind": _TEXT,
        },
    },
    "target": {
        "type": "object",
        "description": "Whom or what it was done to",
        "properties": {"kind": _TEXT, "id": _ID, "owner_id": _ID, "created_at": _TIME},
    },
    "context": {
        "type": "object",
        "description": "From where",
        "properties": {
            "ip": _TEXT, "device": _TEXT, "user_agent": _TEXT, "locale": _TEXT, "country": _TEXT, "session": _TEXT,
        },
    },
}  # fmt: skip
_NAMES = {"boolean": types.BOOL, "integer": types.INT, "number": types.DOUBLE, "null": types.NULL}


def complete(schema: Mapping[str, Any], *, actor_known: bool = True) -> dict[str, Any]:
    """The type's schema with the standard objects merged in; `actor` with its id and age is required where it is known."""
    own = dict(schema.get("properties") or {})
    properties = {name: value for name, value in own.items() if name not in STANDARD}
    for name, standard in STANDARD.items():
        added = own.get(name) or {}
        merged = {**standard, **{key: value for key, value in added.items() if key not in ("required", "properties")}}
        merged["properties"] = {**standard["properties"], **(added.get("properties") or {})}
        always = standard.get("required", ()) if actor_known else ()
        merged["required"] = list(dict.fromkeys([*always, *(added.get("required") or ())]))
        properties[name] = merged
    required = list(dict.fromkeys([*(["actor"] if actor_known else ()), *(schema.get("required") or ())]))
    return {**schema, "type": "object", "properties": properties, "required": required}


def type_of(schema: Any, path: str) -> Type:
    """The CEL type of what a schema describes. What it leaves open is `dyn`."""
    if not isinstance(schema, Mapping):
        return types.DYN
    kind = schema.get("type")
    if isinstance(kind, list):
        kinds = [name for name in kind if name != "null"]
        kind = kinds[0] if len(kinds) == 1 else None
    if kind == "string":
        return types.TIMESTAMP if schema.get("format") == "date-time" else types.STRING
    if kind == "array":
        return types.list_of(type_of(schema.get("items"), f"{path}[]"))
    if kind == "object" and schema.get("properties"):
        return types.object_of(path, fields_of(schema, path))
    if kind == "object":
        item = type_of(schema.get("additionalProperties"), f"{path}[]")
        return types.map_of(types.STRING, item if item.name in ("bool", "int", "double", "string") else types.DYN)
    return _NAMES.get(str(kind), types.DYN)


def fields_of(schema: Mapping[str, Any], path: str) -> dict[str, Field]:
    """The fields of an object; one that may be null counts as one that may be absent."""
    required = set(schema.get("required") or ())
    return {
        name: Field(
            type_of(part, f"{path}.{name}"),
            name in required and not _nullable(part),
            _description(part),
            _values(part),
            _limit(part, "minimum"),
            _limit(part, "maximum"),
        )
        for name, part in (schema.get("properties") or {}).items()
    }


def _values(schema: Any) -> tuple[str, ...]:
    """The texts that `enum` or `const` allow, for an array its items; none where they allow anything else."""
    if not isinstance(schema, Mapping):
        return ()
    if schema.get("type") == "array":
        return _values(schema.get("items"))
    allowed = schema["enum"] if isinstance(schema.get("enum"), list) else [schema["const"]] if "const" in schema else []
    texts = [value for value in allowed if value is not None]
    return tuple(texts) if all(isinstance(value, str) for value in texts) else ()


def _limit(schema: Any, name: str) -> float | None:
    limit = schema.get(name) if isinstance(schema, Mapping) else None
    return limit if type(limit) in (int, float) else None


def _nullable(schema: Any) -> bool:
    return isinstance(schema, Mapping) and isinstance(schema.get("type"), list) and "null" in schema["type"]


def _description(schema: Any) -> str:
    return str(schema.get("description", "")) if isinstance(schema, Mapping) else ""
