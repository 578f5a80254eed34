"""Who else posted nearly the same: the events around one whose texts share half of their runs of four letters, or more.

The windows of policies count copies by shared bands (`signals.copies`); here people see which ones they are. Every text around is
compared, exactly, as many as `BEFORE` and `AFTER` say, and what was not looked at is told. Who calls: the page of a decision, and
that of a task.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from safehold.desk.entities.models import Event
from safehold.desk.entities.subjects import text_of
from safehold.signals.copies import LEAST, shingles, similarity

#: Events that are looked at on either side, and how far away they may be.
BEFORE, AFTER, REACH = 4_000, 1_000, timedelta(days=1)
#: Copies that are told, and characters of a text that are compared, as in the signal.
TOLD, LONGEST = 50, 20_000
#: Runs of letters below which texts say too little to be compared.
TOO_SHORT = 20


@dataclass(frozen=True)
class Copy:
    """An event with nearly the same text; `similarity` is Jaccard's, 0.5 to 1."""

    event: Event
    similarity: float


@dataclass(frozen=True)
class Copies:
    """The copies around an event, those that are most alike first, `count` in all by `accounts` different accounts.

    Compared were `looked_at` events from `since` to `until`; `whole` says that these are all within a day. `short`: the text says
    too little.
    """

    found: list[Copy]
    count: int
    accounts: int
    looked_at: int
    since: datetime
    until: datetime
    whole: bool
    short: bool = False


def copies_of(event: Event) -> Copies:
    """The copies of an event's text in its service, by whomever. Two queries, and a second or so where there are so many."""
    own = shingles(text_of(event)[:LONGEST])
    if len(own) < TOO_SHORT:
        return Copies([], 0, 0, 0, event.received_at, event.received_at, True, short=True)
    around = Event.objects.filter(
        service_id=event.service_id,
        received_at__gte=event.received_at - REACH,
        received_at__lte=event.received_at + REACH,
    ).only("position", "id", "type", "account_id", "subject_kind", "subject_id", "received_at", "body")
    before = list(around.filter(position__lt=event.position).order_by("-position")[: BEFORE + 1])
    after = list(around.filter(position__gt=event.position).order_by("position")[: AFTER + 1])
    looked_at = [*before[:BEFORE], *after[:AFTER]]
    found = sorted(_alike(own, looked_at), key=lambda copy: (-copy.similarity, -copy.event.position))
    times = [event.received_at, *(each.received_at for each in looked_at)]
    return Copies(
        found[:TOLD], len(found), len({copy.event.account_id for copy in found if copy.event.account_id}), len(looked_at),
        min(times), max(times), len(before) <= BEFORE and len(after) <= AFTER,
    )  # fmt: skip


def _alike(own: set[str], events: Iterable[Event]) -> Iterable[Copy]:
    seen: dict[str, float] = {}  # the same text again is not compared again
    for event in events:
        if not event.body:
            continue  # erased
        text = text_of(event)[:LONGEST]
        if text not in seen:
            seen[text] = similarity(own, shingles(text))
        if seen[text] >= LEAST:
            yield Copy(event, seen[text])
