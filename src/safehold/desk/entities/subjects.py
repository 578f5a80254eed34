"""What an event is about: the event type's `subject` paths, read on the event. Called when an event is projected and
when a person looks at its content.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml
from django.conf import settings

from safehold.desk.entities.models import Event
from safehold.engine.event import lift


@dataclass(frozen=True)
class Thing:
    """Something on the platform: its kind, the platform's id of it, and of the account it belongs to ('' if none)."""

    kind: str
    id: str
    owner: str = ""


def lifted(event: Event) -> dict[str, Any]:
    """The event as policies see it: `actor`, `target`, `context` and `data` beside one another."""
    return msgspec.structs.asdict(lift(msgspec.json.decode(event.body)))


def paths_of(event_type: str) -> Mapping[str, str]:
    """The `subject` of `policies/events/<type>.yaml`; of a type that is no longer declared, nothing."""
    return _paths(settings.SAFEHOLD_POLICIES / "events").get(event_type, {})


@functools.lru_cache(maxsize=4)
def _paths(folder: Path) -> dict[str, Mapping[str, str]]:
    declared = (yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml")))
    return {each["event"]: each.get("subject", {}) for each in declared}


def at(path: str | None, of: Mapping[str, Any]) -> Any:
    """The value at a dotted path, None where there is nothing."""
    value: Any = of
    for step in path.split(".") if path else ():
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    return value if path else None


def subject_of(event: Event) -> Thing:
    """What the event is a snapshot of. Who did it owns it, unless the event type names another owner."""
    owner = at(paths_of(event.type).get("owner"), lifted(event))
    return Thing(event.subject_kind, event.subject_id, str(owner or event.account_id))


def named_by(event: Event, who: str) -> Thing | None:
    """The `actor`, `target` or `content` of an event, as labels of rules mean it; None where the event does not name it."""
    if who == "content":
        return Thing(event.subject_kind, event.subject_id) if event.subject_id else None
    found = lifted(event)[who]
    if found.get("id") is None:
        return None
    return Thing("account" if who == "actor" else str(found.get("kind") or "account"), str(found["id"]))


def text_of(event: Event) -> str:
    """What the person wrote, '' where the event has no text."""
    return str(at(paths_of(event.type).get("text"), lifted(event)) or "")


def reported_by(event: Event) -> Thing | None:
    """What a report is about: the event's target. None for an event that is no report."""
    if event.subject_kind != "report":
        return None
    target = lifted(event)["target"]
    owner = target.get("owner_id") or (target.get("id") if target.get("kind") == "account" else "")
    return Thing(str(target["kind"]), str(target["id"]), str(owner or ""))
