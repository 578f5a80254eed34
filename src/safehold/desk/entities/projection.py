"""Entities and their snapshots, made from events: a fixed number of statements for however many events. Called by the
outbox and when a notice comes in by a form.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.utils import timezone

from safehold.desk.entities.models import Entity, EntityVersion, Event
from safehold.desk.entities.subjects import Thing, at, lifted, paths_of, reported_by, subject_of

#: service, kind, the platform's id.
Name = tuple[str, str, str]


def entity_for(service_id: str, thing: Thing, *, seen_at: datetime | None = None) -> Entity:
    """The entity of a thing, made at the first sight of it, with its owner. An owner that was unknown is filled in."""
    return _entities({(service_id, thing): seen_at or timezone.now()})[service_id, thing.kind, thing.id]


def project(event: Event) -> Entity:
    """The entity that the event is about, with a snapshot of it as the event tells. Doing it twice changes nothing.

    A report is about its target: the entity is what was reported, and its snapshot is what the reporter saw of it.
    """
    return project_all([event])[event.id]


def project_all(events: Iterable[Event]) -> dict[str, Entity]:
    """`project` for many events: event id -> entity."""
    things = {event.id: (event, reported_by(event) or subject_of(event)) for event in events}
    seen: dict[tuple[str, Thing], datetime] = {}
    for event, thing in things.values():
        first = seen.setdefault((event.service_id, thing), event.occurred_at)
        seen[event.service_id, thing] = min(first, event.occurred_at)
    entities = _entities(seen)
    found = {key: entities[event.service_id, thing.kind, thing.id] for key, (event, thing) in things.items()}
    EntityVersion.objects.bulk_create(
        (
            EntityVersion(entity=found[event.id], event=event, snapshot=_snapshot(event), captured_at=event.occurred_at)
            for event, _ in things.values()
        ),
        ignore_conflicts=True,  # it is there already
    )
    return found


def _entities(seen: Mapping[tuple[str, Thing], datetime]) -> dict[Name, Entity]:
    """The entities of these things and of their owners, those that were not there made."""
    owners: dict[Name, Name] = {}
    first: dict[Name, datetime] = {}
    for (service, thing), moment in seen.items():
        name = (service, thing.kind, thing.id)
        owner = (service, "account", thing.owner)
        if thing.owner and owner != name:
            owners[name] = owner
            first[owner] = min(first.get(owner, moment), moment)
        first[name] = min(first.get(name, moment), moment)
    found = _known(first)
    # Accounts before what belongs to them; whoever was quicker, theirs is the row.
    for wanted in (first.keys() - owners.keys(), owners.keys()):
        if missing := sorted(wanted - found.keys()):
            Entity.objects.bulk_create(
                (
                    Entity(
                        service_id=name[0],
                        kind=name[1],
                        external_id=name[2],
                        owner=found[owners[name]] if name in owners else None,
                        first_seen_at=first[name],
                    )
                    for name in missing
                ),
                ignore_conflicts=True,
            )
            found |= _known(missing)
    for name, owner in owners.items():
        if found[name].owner_id is None:
            found[name].owner = found[owner]
            found[name].save(update_fields=["owner"])
    return found


def _known(names: Iterable[Name]) -> dict[Name, Entity]:
    by_kind: dict[tuple[str, str], list[str]] = defaultdict(list)
    for service, kind, external_id in names:
        by_kind[service, kind].append(external_id)
    return {
        (service, kind, entity.external_id): entity
        for (service, kind), ids in by_kind.items()
        for entity in Entity.objects.filter(service_id=service, kind=kind, external_id__in=ids)
    }


def _snapshot(event: Event) -> dict[str, object]:
    cloud = lifted(event)
    if reported_by(event):
        seen = cloud["target"]
        return {"type": event.type, "text": str(seen.get("text") or ""), "data": seen}
    text = at(paths_of(event.type).get("text"), cloud)
    return {"type": event.type, "text": str(text or ""), "data": cloud["data"], "actor": cloud["actor"]}
