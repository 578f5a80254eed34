"""How an address of a drop-in API is described in `/v1/openapi.json`: what it takes, answers and refuses, as JSON Schema. Each
API has its own in `described.py`; `openapi` puts them into the document.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
FLAG: Schema = {"type": "boolean"}


class Content(NamedTuple):
    """What is in a body."""

    schema: Schema
    media_type: str = "application/json"


class Described(NamedTuple):
    """One address. `errors` maps each status of a refusal to when it comes; all have the content `error`. `security` is
    OpenAPI's; empty where the key is in the form, or none is asked."""

    tag: str
    answers: Mapping[int, Content]
    error: Content
    errors: Mapping[int, str]
    body: tuple[Content, ...] = ()
    parameters: tuple[Schema, ...] = ()
    security: tuple[Mapping[str, list[str]], ...] = ()


def record(required: tuple[str, ...] = (), /, **fields: Schema) -> Schema:
    """The schema of an object; others may add to it."""
    return {"type": "object", "properties": fields} | ({"required": list(required)} if required else {})


def many(of: Schema, **more: int) -> Schema:
    """The schema of an array."""
    return {"type": "array", "items": of, **more}


def table(of: Schema) -> Schema:
    """The schema of an object whose names are anybody's."""
    return {"type": "object", "additionalProperties": of}


def ref(name: str) -> Schema:
    """One of the document's schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def parameter(name: str, says: str, schema: Schema = TEXT, *, where: str = "query", required: bool = False) -> Schema:
    """One parameter."""
    return {"name": name, "in": where, "required": required, "description": says, "schema": schema}
