"""Event types: what a platform may send, and what a policy may therefore read.

One YAML file a type in `policies/events`. The gateway asks `EventTypes.check` before it accepts an event; the
expression checker takes its variables from here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import jsonschema_rs

from safehold.engine.event import Event, parse_time
from safehold.engine.language import types
from safehold.engine.language.types import Field, Type
from safehold.engine.policies import vocabulary
from safehold.engine.policies.fields import Fields
from safehold.engine.policies.located import Located
from safehold.engine.policies.problems import Report
from safehold.engine.policies.schema import STANDARD, complete, fields_of

_EVENT = {
    "id": Field(types.STRING), "source": Field(types.STRING), "type": Field(types.STRING),
    "time": Field(types.TIMESTAMP), "subject": Field(types.STRING, False), "text": Field(types.STRING, False),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Violation:
    """Why an event is refused. `pointer` is a JSON Pointer (RFC 6901) into the CloudEvent; `message` names the field."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class SubjectSpec:
    """Which entity an event is a snapshot of: its kind, and paths into the lifted event (`data.message_id`)."""

    kind: str
    id: str
    owner: str | None = None
    thread: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class EventType:
    """One type. `schema` is the JSON Schema of the CloudEvent's `data`, the standard objects included."""

    name: str
    title: str
    description: str
    subject: SubjectSpec
    schema: Mapping[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """What of the type can change a verdict: a part of the bundle's hash."""
        return {"schema": self.schema, "subject": [self.subject.kind, self.subject.id, self.subject.text or ""]}

    @cached_property
    def variables(self) -> dict[str, Type]:
        """The types of `event`, `actor`, `target`, `context` and `data`, as expressions see them."""
        properties = self.schema["properties"]
        own = {**self.schema, "properties": {name: part for name, part in properties.items() if name not in STANDARD}}
        variables = {name: types.object_of(name, fields_of(properties[name], name)) for name in STANDARD}
        for name in ("actor", "target"):
            fields = dict(variables[name].fields)
            created = fields.get("created_at")
            if created is not None and created.type == types.TIMESTAMP:
                fields["age"] = Field(types.DURATION, created.required, "The event's time minus `created_at`")
            variables[name] = types.object_of(name, fields)
        variables["data"] = types.object_of("data", fields_of(own, "data"))
        variables["event"] = types.object_of("event", self._event_fields(variables))
        return variables

    def _event_fields(self, variables: Mapping[str, Type]) -> dict[str, Field]:
        """`event.text` is certain where the subject's text is."""
        root, _, name = (self.subject.text or "").partition(".")
        found = variables[root].fields.get(name) if root in variables else None
        return {**_EVENT, "text": Field(types.STRING, bool(found and found.required))}

    def read(self, path: str | None, event: Event) -> Any:
        """A `subject` path's value in an event, or None."""
        value: Any = event
        for part in (path or "").split("."):
            value = getattr(value, part, None) if isinstance(value, Event) else (value or {}).get(part)
        return value

    def entity(self, event: Event) -> tuple[str, str] | None:
        """(kind, id) of the subject, or None where the event does not name it."""
        found = self.read(self.subject.id, event)
        return (self.subject.kind, str(found)) if found is not None else None

    def text(self, event: Event) -> str | None:
        """The subject's text, or None."""
        found = self.read(self.subject.text, event) if self.subject.text else None
        return found if isinstance(found, str) else None

    @cached_property
    def _validator(self) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator(
            dict(self.schema),
            validate_formats=True,
            mask="the value",
            offline=True,  # a `$ref` never makes this server fetch an address or read a file
            pattern_options=jsonschema_rs.RegexOptions(),  # linear time, whatever is sent
        )

    def violations(self, data: Any) -> list[Violation]:
        """What does not fit the schema; values are not repeated. One valid event costs a few microseconds."""
        if self._validator.is_valid(data):
            return []
        return [_violation(error) for error in self._validator.iter_errors(data)]


def _violation(error: Any) -> Violation:
    parts = [str(part) for part in error.instance_path]
    name = ".".join(["data", *parts])
    kind = error.kind.name
    if kind == "required":
        parts, name = [*parts, error.kind.property], f"{name}.{error.kind.property}"
        message = f"`{name}` is missing; add it"
    elif kind == "format" and error.kind.format == "date-time":
        message = f"`{name}` must be an RFC 3339 time such as 2026-03-01T12:00:00Z"
    elif kind == "type":
        message = f"`{name}` must be {' or '.join(error.kind.types)}, not {_json_type(error.instance)}"
    elif kind == "enum":
        message = f"`{name}` must be one of: {', '.join(map(str, error.kind.options))}"
    else:
        text = str(error.message)
        message = f"`{name}`: {text if len(text) < 200 else text[-120:]}"
    return Violation("/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in ["data", *parts]), message)


def _json_type(value: Any) -> str:
    names = {
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), "null")


@dataclass(frozen=True)
class EventTypes:
    """All event types of a bundle, by name."""

    types: Mapping[str, EventType] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        return name in self.types

    def __getitem__(self, name: str) -> EventType:
        return self.types[name]

    def check(self, cloudevent: Any) -> list[Violation]:
        """Everything that keeps a CloudEvent (JSON, decoded) from being accepted; empty when it fits its type."""
        if not isinstance(cloudevent, Mapping):
            return [Violation("", "an event must be a JSON object")]
        found = [violation for test in _ATTRIBUTES if (violation := test(cloudevent))]
        name = cloudevent.get("type")
        if not isinstance(name, str) or not name:
            return [*found, Violation("/type", "`type` is missing; say which event type it is")]
        if name not in self.types:
            return [*found, Violation("/type", f"`{name}` is not an event type; {self._nearest(name)}")]
        data = cloudevent.get("data")
        if not isinstance(data, Mapping):
            return [*found, Violation("/data", "`data` must be a JSON object")]
        return found + self.types[name].violations(data)

    def _nearest(self, name: str) -> str:
        near = get_close_matches(name, self.types, n=1, cutoff=0.5)
        return f"did you mean `{near[0]}`?" if near else f"this deployment has: {', '.join(self.types)}"


def _text(name: str) -> Callable[[Mapping[str, Any]], Violation | None]:
    def test(event: Mapping[str, Any]) -> Violation | None:
        value = event.get(name)
        if isinstance(value, str) and value:
            return None
        return Violation(f"/{name}", f"the CloudEvent attribute `{name}` must be a non-empty string")

    return test


def _version(event: Mapping[str, Any]) -> Violation | None:
    if event.get("specversion", "1.0") == "1.0":
        return None
    return Violation("/specversion", "`specversion` must be 1.0")


def _time(event: Mapping[str, Any]) -> Violation | None:
    try:
        parse_time(event.get("time"))
    except ValueError as error:
        return Violation("/time", str(error))
    return None


_ATTRIBUTES = (_text("id"), _text("source"), _version, _time)


def read_event_type(node: Located, report: Report) -> EventType | None:
    """An event type's file; None after a problem was reported."""
    fields = Fields(node, report, "an event type", vocabulary.EVENT_TYPE)
    name = fields.text("event", required=True)
    schema_node, subject_node = fields.need("schema"), fields.need("subject")
    if not name or schema_node is None or subject_node is None:
        return None
    schema = schema_node.plain()
    if not isinstance(schema, dict):
        report.add(schema_node, "`schema` must be a JSON Schema object")
        return None
    subject_fields = Fields(subject_node, report, "`subject`", vocabulary.SUBJECT)
    paths = {part: subject_fields.text(part) or None for part in ("owner", "thread", "text")}
    kind, identity = subject_fields.text("kind", required=True), subject_fields.text("id", required=True)
    event_type = EventType(
        name,
        fields.text("title") or name,
        fields.text("description"),
        SubjectSpec(kind, identity, **paths),
        complete(schema, actor_known=fields.choice("actor", vocabulary.ACTORS, "required") == "required"),
    )
    try:
        jsonschema_rs.meta.validate(dict(event_type.schema))
        event_type.violations({})
    except (jsonschema_rs.ValidationError, ValueError) as error:
        report.add(schema_node, f"not a JSON Schema: {error.message if hasattr(error, 'message') else error}")
        return None
    for part, path in {"id": identity, **paths}.items():
        if path and not _exists(path, event_type):
            report.add(
                subject_fields.values[part],
                f"the event has no field `{path}`",
                "paths begin with data., actor. or target.",
            )
    return event_type


def _exists(path: str, event_type: EventType) -> bool:
    kind: Type | None = None
    for part in path.split("."):
        field_type = event_type.variables.get(part) if kind is None else None
        found = kind.fields.get(part) if kind is not None else None
        kind = found.type if found else field_type
        if kind is None:
            return False
    return kind is not None and kind.name != "object"
