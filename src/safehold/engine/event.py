"""An event, as the engine sees it: one CloudEvent with its actor, target and context lifted out of `data`.

CloudEvents 1.0 allows no objects beside `data`, so on the wire `actor`, `target` and `context` are members of
`data`; inside the engine, and so in every policy, they stand beside it. `lift` does that; the gateway, the CLI and
plain scripts call it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened on the platform. `time` is when it happened there, always with a UTC offset.

    `text` is the text of the event's subject (the event type's `subject.text` path); the engine fills it in.
    """

    id: str
    source: str
    type: str
    time: datetime
    subject: str | None = None
    actor: dict[str, Any] = {}
    target: dict[str, Any] = {}
    context: dict[str, Any] = {}
    data: dict[str, Any] = {}
    text: str | None = None


def lift(cloudevent: Mapping[str, Any]) -> Event:
    """Turn a CloudEvent (its JSON form, decoded) into an Event.

    Raises ValueError naming the attribute when `id`, `source`, `type` or `time` is missing or malformed.
    """
    event_id, source, kind = cloudevent.get("id"), cloudevent.get("source"), cloudevent.get("type")
    if not (isinstance(event_id, str) and event_id and isinstance(source, str) and source):
        raise _not_a_text("source" if isinstance(event_id, str) and event_id else "id")
    if not (isinstance(kind, str) and kind):
        raise _not_a_text("type")
    data = cloudevent.get("data") or {}
    if not isinstance(data, dict):
        raise ValueError("the CloudEvent's `data` must be a JSON object")
    return lift_checked(event_id, source, kind, parse_time(cloudevent.get("time")), cloudevent.get("subject"), data)


def lift_checked(
    event_id: str, source: str, kind: str, time: datetime, subject: str | None, data: dict[str, Any]
) -> Event:
    """`lift` for whoever has checked the attributes. `data` stays as it is; `time` is in UTC.

    Raises ValueError where `actor`, `target` or `context` is no object.
    """
    rest = data.copy()
    actor, target, context = (
        rest.pop("actor", None) or {},
        rest.pop("target", None) or {},
        rest.pop("context", None) or {},
    )
    if not (isinstance(actor, dict) and isinstance(target, dict) and isinstance(context, dict)):
        wrong = next(name for name in ("actor", "target", "context") if not isinstance(data.get(name) or {}, dict))
        raise ValueError(f"`data.{wrong}` must be a JSON object")
    return Event(
        id=event_id,
        source=source,
        type=kind,
        time=time,
        subject=subject,
        actor=actor,
        target=target,
        context=context,
        data=rest,
    )


def _not_a_text(name: str) -> ValueError:
    return ValueError(f"the CloudEvent attribute `{name}` must be a non-empty string")


def parse_time(value: object) -> datetime:
    """Read an RFC 3339 time with an offset. Raises ValueError that says what is expected."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    try:
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value if value.tzinfo is UTC else value.astimezone(UTC)
    except OverflowError:  # the first day of year 1 or the last of 9999, moved out of them by the offset
        pass
    raise ValueError("the CloudEvent attribute `time` must be an RFC 3339 time such as 2026-03-01T12:00:00Z")
