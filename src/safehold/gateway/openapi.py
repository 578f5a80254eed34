"""The API's description (OpenAPI 3.1), made from the same table and structs that answer. Who calls: `application`, once."""

import inspect
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from safehold.gateway.cloudevents import LENGTHS, MAX_DEPTH
from safehold.gateway.limits import Limits
from safehold.gateway.problems import KINDS, Problem

if TYPE_CHECKING:
    from safehold.gateway.routes import Route

_EXAMPLE = {
    "specversion": "1.0",
    "id": "m-4711",
    "source": "https://plaza.example/forum",
    "type": "message.sent",
    "time": "2026-02-01T09:30:00Z",
    "data": {
        "actor": {"id": "u-1", "created_at": "2026-01-30T08:00:00Z"},
        "message_id": "m-4711",
        "recipient_id": "u-2",
        "text": "See you at eight?",
    },
}


def description(routes: "Sequence[Route]", *, base_url: str, version: str, limits: Limits) -> bytes:
    """The whole document as JSON."""
    structs = {answer for route in routes for answer in route.answers.values() if isinstance(answer, type)} - {dict}
    _, components = msgspec.json.schema_components(
        [*sorted(structs, key=lambda struct: struct.__name__), Problem],
        ref_template="#/components/schemas/{name}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, limits)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Safehold",
            "version": version,
            "summary": "Events in, verdicts out.",
            "description": (
                "Send what happens on your platform as CloudEvents 1.0; the answer is the verdict, written down before "
                "it is answered. Sending an event again is always safe: source and id name it, and it gets the "
                "decision it got. Problems are RFC 9457 documents whose `type` leads to an explanation."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url}],
        "security": [],
        "paths": paths,
        "components": {
            "schemas": {**components, "CloudEvent": _cloudevent()},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer sh_...`"}
            },
        },
    }
    return msgspec.json.encode(document)


def _operation(route: "Route", limits: Limits) -> dict[str, Any]:
    said = inspect.getdoc(route.handle) or ""
    summary, _, rest = said.partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": route.handle.__name__,
        "summary": " ".join(summary.split()).removesuffix("."),
        "responses": _responses(route),
    }
    if rest:
        operation["description"] = rest
    if route.scope and route.key:
        operation["security"] = [{"key": []}]
        operation["description"] = f"{operation.get('description', '')}\n\nScope: `{route.scope}`.".strip()
    elif route.scope:
        operation["security"] = [{}, {"key": []}]
    elif route.key:
        operation["security"] = [{"key": []}]
    if names := re.findall(r"{(\w+)}", route.path):
        operation["parameters"] = [_path_parameter(name) for name in names]
    if route.takes:
        content = {media_type: _request_body(media_type, "batch" in route.path, limits) for media_type in route.takes}
        operation["requestBody"] = {"required": True, "content": content}
        if route.path == "/v1/events":
            operation["parameters"] = _binary_mode()
    if route.query:
        operation.setdefault("parameters", []).extend(
            {"name": name, "in": "query", "required": False, "schema": {"type": "string", "enum": list(values)}}
            for name, values in route.query.items()
        )
    return operation


def _responses(route: "Route") -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, answer in route.answers.items():
        responses[str(status)] = {"description": _MEANING[status], "content": _content(answer)}
        if route.key:
            responses[str(status)]["headers"] = _RATE_HEADERS
    by_status: dict[int, list[str]] = {}
    for kind in route.problems:
        by_status.setdefault(KINDS[kind].status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "\n\n".join(f"`{kind}`: {KINDS[kind].title}. {KINDS[kind].about}" for kind in kinds),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        if status in {429, 503}:
            responses[str(status)]["headers"] = {
                "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
            }
    return responses


_MEANING = {
    200: "Done.",
    207: "Some of the events were refused: see each result's status.",
    503: "Not ready: see checks.",
}
_RATE_HEADERS = {
    "RateLimit": {
        "description": 'What is left: `"events";r=9999;t=1`, r events now and all of them again in t seconds. '
        "Missing where there is no limit.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": 'What there is: `"events";q=10000;w=5`, q events in w seconds.',
        "schema": {"type": "string"},
    },
}


def _content(answer: type | str) -> dict[str, Any]:
    if isinstance(answer, str):
        return {answer: {"schema": {"type": "string"}}}
    schema = {"type": "object"} if answer is dict else {"$ref": f"#/components/schemas/{answer.__name__}"}
    return {"application/json": {"schema": schema}}


def _path_parameter(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if name == "kind":
        schema["enum"] = sorted(KINDS)
    elif name == "id":
        schema |= {"pattern": "^dec_[0-9a-z]{26}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _request_body(media_type: str, batch: bool, limits: Limits) -> dict[str, Any]:
    event = {"$ref": "#/components/schemas/CloudEvent"}
    if media_type == "application/octet-stream":
        return {
            "schema": {"type": "string", "format": "binary", "minLength": 1, "description": "The file, of any type."}
        }
    if media_type == "application/x-ndjson":
        return {"schema": {"type": "string", "description": "One CloudEvent a line."}}
    if batch:
        return {"schema": {"type": "array", "maxItems": limits.batch, "items": event}, "example": [_EXAMPLE]}
    return {"schema": event, "example": _EXAMPLE}


def _binary_mode() -> list[dict[str, Any]]:
    """The headers of binary mode; none of them is required, because structured mode has none."""
    return [
        {
            "name": f"ce-{name}",
            "in": "header",
            "required": False,
            "description": "Binary mode: the CloudEvents attribute, percent-encoded; the body is then `data` alone.",
            "schema": {"type": "string"} | ({"maxLength": LENGTHS[name]} if name in LENGTHS else {}),
        }
        for name in ("specversion", "id", "source", "type", "time", "subject")
    ]


def _cloudevent() -> dict[str, Any]:
    def text(name: str) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": LENGTHS[name]}

    return {
        "title": "CloudEvent",
        "description": (
            "A CloudEvent 1.0 in the JSON event format. `source` and `id` together name it. Extension attributes are "
            f"taken and kept. JSON nested to {MAX_DEPTH} levels, integers within 2**53, no U+0000."
        ),
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text("id"),
            "source": text("source") | {"format": "uri-reference"},
            "type": text("type") | {"description": "A declared event type: see /v1/event-types."},
            "time": {
                "type": "string",
                "format": "date-time",
                "description": "When it happened, RFC 3339 with an offset. Without it the time of receipt counts.",
            },
            "subject": text("subject"),
            "datacontenttype": {"type": "string", "description": "application/json, or left out."},
            "dataschema": {"type": "string", "format": "uri"},
            "data": {
                "type": "object",
                "description": "As the event type's schema says; actor, target, context are in it.",
            },
        },
        "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
    }
