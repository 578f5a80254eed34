"""The API's description (OpenAPI 3.1), made from the same table and structs that answer; drop-in APIs are described by their own
tables, each under a tag. Who calls: `application`, once.
"""

import inspect
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from safehold.gateway.akismet.described import SCHEMAS as AKISMET
from safehold.gateway.cloudevents import LENGTHS, MAX_DEPTH
from safehold.gateway.described import Content, Described
from safehold.gateway.hma.described import SCHEMAS as HMA
from safehold.gateway.limits import Limits
from safehold.gateway.moderations.described import SCHEMAS as OPENAI
from safehold.gateway.perspective.described import SCHEMAS as PERSPECTIVE
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
    own = [route for route in routes if not route.drop_in]
    structs = {answer for route in own for answer in route.answers.values() if isinstance(answer, type)} - {dict}
    structs |= {route.body for route in own if route.body is not None}
    _, components = msgspec.json.schema_components(
        [*sorted(structs, key=lambda struct: struct.__name__), Problem],
        ref_template="#/components/schemas/{name}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = _operation(route, limits) if route.described is None else _drop_in(route, route.described)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
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
        "tags": [{"name": name, "description": says} for name, says in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {
                **components,
                "CloudEvent": _cloudevent(),
                **PERSPECTIVE,
                **OPENAI,
                **AKISMET,
                **HMA,
            },
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key: `Authorization: Bearer sh_...`",
                },
                "googKey": {"type": "apiKey", "in": "header", "name": "X-Goog-Api-Key", "description": "The same key"},
                "queryKey": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "key",
                    "description": "The same key; proxies may log it",
                },
            },
        },
    }
    return msgspec.json.encode(document)


_TAGS = {
    "Safehold": "Events in, verdicts out, and what belongs to it.",
    "Perspective": "Google's Perspective API (Comment Analyzer v1alpha1): clients change the address and the key.",
    "OpenAI moderation": "OpenAI's moderation API.",
    "Akismet": "Akismet's API. The key is a field of the form, or the first label of the host's name.",
    "Hasher-Matcher-Actioner": "Meta's HMA 1.0: hashing, matching, banks.",
}


def _drop_in(route: "Route", described: Described) -> dict[str, Any]:
    """An address of somebody else's API."""
    operation = _headed(route, described.tag, f"{route.drop_in}_{route.handle.__name__}_{_place(route)}")
    parameters = [*described.parameters, *(_path_parameter(name) for name in re.findall(r"{(\w+)}", route.path))]
    if parameters:
        operation["parameters"] = parameters
    if described.body:
        operation["requestBody"] = {"required": True, "content": _contents(*described.body)}
    if described.security:
        operation["security"] = [dict(way) for way in described.security]
    operation["responses"] = {
        **{
            str(status): {"description": _MEANING.get(status, "Done.")}
            | ({"content": _contents(answer)} if answer.media_type else {})
            for status, answer in described.answers.items()
        },
        **{
            str(status): {"description": why, "content": _contents(described.error)}
            for status, why in described.errors.items()
        },
    }
    return operation


def _contents(*contents: Content) -> dict[str, Any]:
    return {content.media_type: {"schema": content.schema} for content in contents}


def _place(route: "Route") -> str:
    return "_".join([route.method.lower(), *re.findall(r"\w+", route.path)])


def _headed(route: "Route", tag: str, name: str) -> dict[str, Any]:
    """What is said of an address first: its name, and what the docstring of its handler says."""
    summary, _, rest = (inspect.getdoc(route.handle) or "").partition("\n\n")
    said = {"operationId": name, "tags": [tag], "summary": " ".join(summary.split()).removesuffix(".")}
    return said | ({"description": rest} if rest else {})


def _operation(route: "Route", limits: Limits) -> dict[str, Any]:
    operation: dict[str, Any] = {
        **_headed(route, "Safehold", route.handle.__name__),
        "responses": _responses(route),
    }
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
        content = {media_type: _request_body(media_type, route, limits) for media_type in route.takes}
        operation["requestBody"] = {"required": True, "content": content}
        if route.path == "/v1/events":
            operation["parameters"] = _binary_mode()
    if route.query:
        operation.setdefault("parameters", []).extend(
            {"name": name, "in": "query", "required": False, "schema": {"type": "string", "enum": list(values)}}
            for name, values in route.query.items()
        )
    if route.texts:
        operation.setdefault("parameters", []).extend(
            {"name": name, "in": "query", "required": False, "description": says, "schema": {"type": "string"}}
            for name, says in route.texts.items()
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


def _request_body(media_type: str, route: "Route", limits: Limits) -> dict[str, Any]:
    if route.body is not None:
        return {"schema": {"$ref": f"#/components/schemas/{route.body.__name__}"}}
    batch = "batch" in route.path
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
