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
    for name in ("id", "source", "type"):
        if not isinstance(cloudevent.get(name), str) or not cloudevent[name]:
            raise ValueError(f"the CloudEvent attribute `{name}` must be a non-empty string")
    data = cloudevent.get("data") or {}
    if not isinstance(data, dict):
        raise ValueError("the CloudEvent's `data` must be a JSON object")
    lifted: dict[str, Any] = {name: data.get(name) or {} for name in ("actor", "target", "context")}
    for name, value in lifted.items():
        if not isinstance(value, dict):
            raise ValueError(f"`data.{name}` must be a JSON object")
    rest = {name: value for name, value in data.items() if name not in lifted}
    return Event(
        id=cloudevent["id"],
        source=cloudevent["source"],
        type=cloudevent["type"],
        time=parse_time(cloudevent.get("time")),
        subject=cloudevent.get("subject"),
        data=rest,
        **lifted,
    )


def parse_time(value: object) -> datetime:
    """Read an RFC 3339 time with an offset. Raises ValueError that says what is expected."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    try:
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(UTC)
    except OverflowError:  # the first day of year 1 or the last of 9999, moved out of them by the offset
        pass
    raise ValueError("the CloudEvent attribute `time` must be an RFC 3339 time such as 2026-03-01T12:00:00Z")
