"""What a reviewer sees beside an item: who wrote it and how they stand, what they did before and what came of it, the
thread around it, who reported it. Called by the console; each part is a fixed number of queries, whatever the history.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from safehold.desk.decisions.effects import affected
from safehold.desk.decisions.models import Decision
from safehold.desk.decisions.standing import Standing, standing_of
from safehold.desk.entities.context import PAGE, account, events_of_account, thread_around
from safehold.desk.entities.models import Entity, Event
from safehold.desk.entities.subjects import Thing
from safehold.desk.reports.models import Notice

#: The most queries that `context_of` makes; a test holds it to that.
MOST_QUERIES = 13


@dataclass(frozen=True)
class Context:
    """The surroundings of one decision's item. `history` is newest first, the item's own chain left out."""

    about: Thing
    entity: Entity | None
    author: Entity | None
    author_standing: Standing | None
    standing: Standing
    thread: Sequence[Event]
    events: Sequence[Event]
    history: Sequence[Decision]
    notices: Sequence[Notice]


def context_of(decision: Decision) -> Context:
    """The context of what the decision is about. Lists are first pages; `events_of_account` and `decisions_of_account`
    go on from there."""
    about, service_id = affected(decision), decision.service_id
    entity = Entity.objects.filter(service_id=service_id, kind=about.kind, external_id=about.id).first()
    event = _event_of(decision, about)
    return Context(
        about=about,
        entity=entity,
        author=account(service_id, about.owner) if about.owner else None,
        author_standing=standing_of(service_id, "account", about.owner) if about.owner else None,
        standing=standing_of(service_id, about.kind, about.id),
        thread=thread_around(event),
        events=events_of_account(service_id, about.owner) if about.owner else [],
        history=decisions_of_account(service_id, about.owner, not_root=decision.root) if about.owner else [],
        notices=_notices(entity),
    )


def _event_of(decision: Decision, about: Thing) -> Event:
    """The event that is looked at: for a report, the newest one about what was reported, if there is one."""
    event = decision.event
    if (event.subject_kind, event.subject_id) == (about.kind, about.id):
        return event
    seen = Event.objects.filter(service_id=decision.service_id, subject_kind=about.kind, subject_id=about.id)
    return seen.order_by("-position").first() or event


def decisions_of_account(
    service_id: str,
    account_id: str,
    *,
    before: tuple[datetime, str] | None = None,
    limit: int = PAGE,
    not_root: str = "",
) -> list[Decision]:
    """Decisions in force about the account and what it owns, newest first, `allow` left out. `before` is (decided_at, id)
    of the last one on the page before."""
    decisions = Decision.objects.filter(service_id=service_id, account_id=account_id, overridden_by=None)
    decisions = decisions.exclude(action="allow").exclude(root=not_root)
    if before is not None:
        at, pk = before
        decisions = decisions.filter(decided_at__lte=at).exclude(decided_at=at, pk__gte=pk)
    return list(decisions.select_related("policy", "person").order_by("-decided_at", "-id")[:limit])


def _notices(entity: Entity | None) -> list[Notice]:
    if entity is None:
        return []
    return list(entity.notices.order_by("-received_at", "-id")[:PAGE])
