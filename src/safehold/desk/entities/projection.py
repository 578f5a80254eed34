"""Entities and their snapshots, made from events. Called by the outbox and when a notice comes in by a form."""

from django.db import IntegrityError, transaction

from safehold.desk.entities.models import Entity, EntityVersion, Event
from safehold.desk.entities.subjects import Thing, lifted, reported_by, subject_of, text_of


def entity_for(service_id: str, thing: Thing, *, seen_at: object = None) -> Entity:
    """The entity of a thing, made at the first sight of it, with its owner. An owner that was unknown is filled in."""
    owner = None
    if thing.owner and (thing.kind, thing.id) != ("account", thing.owner):
        owner = entity_for(service_id, Thing("account", thing.owner), seen_at=seen_at)
    names = {"service_id": service_id, "kind": thing.kind, "external_id": thing.id}
    entity = Entity.objects.filter(**names).first()
    if entity is None:
        more = {"first_seen_at": seen_at} if seen_at else {}
        try:
            with transaction.atomic():
                return Entity.objects.create(**names, owner=owner, **more)
        except IntegrityError:  # another worker was quicker
            entity = Entity.objects.get(**names)
    if owner is not None and entity.owner_id is None:
        entity.owner = owner
        entity.save(update_fields=["owner"])
    return entity


def project(event: Event) -> Entity:
    """The entity that the event is about, with a snapshot of it as the event tells. Doing it twice changes nothing.

    A report is about its target: the entity is what was reported, and its snapshot is what the reporter saw of it.
    """
    reported = reported_by(event)
    entity = entity_for(event.service_id, reported or subject_of(event), seen_at=event.occurred_at)
    EntityVersion.objects.get_or_create(
        entity=entity, event=event, defaults={"snapshot": _snapshot(event), "captured_at": event.occurred_at}
    )
    return entity


def _snapshot(event: Event) -> dict[str, object]:
    cloud = lifted(event)
    if reported_by(event):
        seen = cloud["target"]
        return {"type": event.type, "text": str(seen.get("text") or ""), "data": seen}
    return {"type": event.type, "text": text_of(event), "data": cloud["data"], "actor": cloud["actor"]}
