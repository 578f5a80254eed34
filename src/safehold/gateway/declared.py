"""The event types of the bundle in force, as the gateway uses them: does an event fit its type, and what is it about?

Messages name fields and say what they must be; they never repeat a value, for values are about people.
"""

import itertools
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import jsonschema_rs
import msgspec

from safehold.engine.event import Event, lift_checked, parse_time
from safehold.engine.policies.events import EventType, EventTypes
from safehold.gateway.answers import EventTypeView
from safehold.gateway.cloudevents import CloudEvent
from safehold.gateway.problems import FieldError, Refusal, field_error, refuse_field, summary
from safehold.gateway.store import Incoming

#: The subject kind of events by which somebody tells about something else: their decisions are about the target.
REPORT = "report"
_ID_LENGTH = 256
_KIND_LENGTH = 40
_MOST_ERRORS = 20
_JSON_TYPES = {
    "array": "an array", "boolean": "true or false", "integer": "an integer", "null": "null", "number": "a number",
    "object": "an object", "string": "a string",
}  # fmt: skip


class Declared:
    """Every declared event type with its validator."""

    def __init__(self, event_types: EventTypes) -> None:
        self._types = dict(event_types.types)
        self._validators = {
            name: jsonschema_rs.Draft202012Validator(dict(kind.schema), validate_formats=True, mask="the value")
            for name, kind in self._types.items()
        }

    def views(self) -> list[EventTypeView]:
        """What `GET /v1/event-types` answers."""
        return [
            EventTypeView(
                type=name,
                title=kind.title,
                description=kind.description,
                subject={
                    part: path
                    for part in ("kind", "id", "owner", "thread", "text")
                    if (path := getattr(kind.subject, part)) is not None
                },
                schema=dict(kind.schema),
            )
            for name, kind in sorted(self._types.items())
        ]

    def prepare(self, service: str, cloudevent: CloudEvent, received_at: datetime) -> Incoming:
        """The event, ready to be decided. Raises Refusal 422 with every field that doesn't fit."""
        kind = self._types.get(cloudevent.type)
        if kind is None:
            raise self._unknown(cloudevent.type)
        validator = self._validators[cloudevent.type]
        if not validator.is_valid(cloudevent.data):
            found = itertools.islice(validator.iter_errors(cloudevent.data), _MOST_ERRORS)
            errors = [part for error in found for part in _field_errors(error)]
            raise Refusal("invalid-event", summary(errors), errors)
        time = parse_time(cloudevent.time)
        event = lift_checked(
            cloudevent.id, cloudevent.source, cloudevent.type, time, cloudevent.subject, cloudevent.data
        )
        _check_target(event)
        account = _account(kind, event)
        subject_id = _path_id(kind, kind.subject.id, event, required=True)
        about_kind, about_id, about_account = (
            _reported(event) if kind.subject.kind == REPORT else (kind.subject.kind, subject_id, account)
        )
        return Incoming(
            service=service,
            event=event,
            body=cloudevent.body,
            received_at=received_at,
            subject_kind=kind.subject.kind,
            subject_id=subject_id,
            account_id=account,
            thread_id=_path_id(kind, kind.subject.thread, event),
            about_kind=about_kind,
            about_id=about_id,
            about_account=about_account,
            detected_by_person=kind.subject.kind == REPORT,
        )

    def _unknown(self, name: str) -> Refusal:
        near = get_close_matches(name, self._types, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else "GET /v1/event-types lists those there are"
        error = field_error(("type",), f"is no declared event type; {hint}")
        return Refusal("unknown-event-type", f"type {error.detail}", [error])


def _account(kind: EventType, event: Event) -> str:
    """Whose doing it is: the subject's owner by the event type, else the actor."""
    if kind.subject.owner:
        return _path_id(kind, kind.subject.owner, event)
    found = event.actor.get("id")
    return _bounded(str(found), ("data", "actor", "id")) if found is not None else ""


def _path_id(kind: EventType, path: str | None, event: Event, *, required: bool = False) -> str:
    """The id at a `subject` path, "" where there is none and none is required."""
    found = kind.read(path, event) if path else None
    if type(found) is str and 0 < len(found) <= _ID_LENGTH:  # nearly always
        return found
    where = tuple(part for part in (path or "").split("."))
    where = where if where[0] == "data" else ("data", *where)
    if found is None or found == "":
        if required:
            refuse_field(where, "is missing, and it says what the event is about; add it")
        return ""
    if isinstance(found, dict | list | bool):
        refuse_field(where, "must be an id: a string or an integer")
    return _bounded(str(found), where)


def _check_target(event: Event) -> None:
    """Labels may be set on targets, so their names must fit."""
    target: Mapping[str, Any] = event.target
    for part, most in (("kind", _KIND_LENGTH), ("id", _ID_LENGTH), ("owner_id", _ID_LENGTH)):
        found = target.get(part)
        if found is not None and len(str(found)) > most:
            refuse_field(("data", "target", part), f"has {len(str(found))} characters; {most} is the most")


def _reported(event: Event) -> tuple[str, str, str]:
    """What a report is about: (kind, id, account) of its target."""
    target: Mapping[str, Any] = event.target
    for part in ("kind", "id"):
        if not isinstance(target.get(part), str) or not target[part]:
            refuse_field(("data", "target", part), "is missing, and it says what is reported; add it as a string")
    owner = target.get("owner_id") or (target["id"] if target["kind"] == "account" else "")
    return target["kind"], target["id"], str(owner or "")


def _bounded(value: str, path: tuple[str | int, ...]) -> str:
    if len(value) > _ID_LENGTH:
        refuse_field(path, f"has {len(value)} characters; {_ID_LENGTH} is the most for an id")
    return value


def _field_errors(error: Any) -> list[FieldError]:
    """A schema's complaint in words."""
    path = ("data", *error.instance_path)
    kind = error.kind
    match kind.name:
        case "required":
            return [field_error((*path, kind.property), "is missing; add it")]
        case "additionalProperties":
            return [field_error((*path, name), "is no field of this event type; remove it") for name in kind.unexpected]
        case "type":
            wanted = " or ".join(_JSON_TYPES.get(name, name) for name in kind.types)
            return [field_error(path, f"must be {wanted}")]
        case "format" if kind.format == "date-time":
            return [field_error(path, "must be an RFC 3339 time with an offset, as 2026-02-01T09:30:00Z")]
        case "enum":
            options = ", ".join(msgspec.json.encode(option).decode() for option in kind.options)
            return [field_error(path, f"must be one of {options}")]
        case "maxLength":
            return [field_error(path, f"is longer than {kind.limit} characters; shorten it")]
        case "minLength":
            return [field_error(path, f"must have at least {kind.limit} characters")]
        case _:  # the validator's words, in which every value of the event is masked
            return [field_error(path, str(error.message).removeprefix("the value "))]
