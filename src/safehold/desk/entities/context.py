"""What was going on around an event: who did it, what else they did, what stood before and after it in the thread.
Each list is one query, newest first, and goes on from the position where the last one ended.
"""

from django.db.models import QuerySet

from safehold.desk.entities.models import Entity, EntityVersion, Event

PAGE = 20


def account(service_id: str, external_id: str) -> Entity | None:
    """The account's entity, None if it was never seen."""
    return Entity.objects.filter(service_id=service_id, kind="account", external_id=external_id).first()


def events_of_account(service_id: str, account_id: str, *, before: int | None = None, limit: int = PAGE) -> list[Event]:
    """What the account did, newest first; `before` is the position of the last event on the page before."""
    return _page(Event.objects.filter(service_id=service_id, account_id=account_id), before, limit)


def events_of_thread(service_id: str, thread_id: str, *, before: int | None = None, limit: int = PAGE) -> list[Event]:
    """What was said in the thread, newest first."""
    return _page(Event.objects.filter(service_id=service_id, thread_id=thread_id), before, limit)


def thread_around(event: Event, *, each_side: int = 5) -> list[Event]:
    """The event with up to `each_side` events before it and after it in its thread, oldest first: two queries."""
    if not event.thread_id:
        return [event]
    thread = Event.objects.filter(service_id=event.service_id, thread_id=event.thread_id)
    earlier = thread.filter(position__lt=event.position).order_by("-position")[:each_side]
    later = thread.filter(position__gt=event.position).order_by("position")[:each_side]
    return [*reversed(earlier), event, *later]


def versions_of(entity: Entity, *, limit: int = PAGE) -> list[EntityVersion]:
    """The snapshots of an entity, newest first."""
    return list(entity.versions.select_related("event").order_by("-captured_at", "-id")[:limit])


def _page(events: QuerySet[Event], before: int | None, limit: int) -> list[Event]:
    if before is not None:
        events = events.filter(position__lt=before)
    return list(events.order_by("-position")[:limit])
