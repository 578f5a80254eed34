"""A list's entries on their way out: what is in effect, from the files and the database."""

from collections.abc import Iterator

from django.utils import timezone

from safehold.desk.lists.models import Entry, Head
from safehold.engine.lists import PolicyList
from safehold.engine.lists.formats import About, Row


def about(held: PolicyList) -> About:
    return About(
        name=held.name, kind=held.kind, title=held.title, source=held.source, licence=held.licence, at=timezone.now()
    )


def rows(held: PolicyList) -> Iterator[Row]:
    """The entries in effect, those of the files first. What has expired is left out."""
    now = timezone.now()
    for number, listed in enumerate(held.seeds, 1):
        if listed.expires_at is None or listed.expires_at > now:
            yield Row(
                line=number, value=listed.value, allow=listed.allow, expires_at=listed.expires_at,
                source=listed.source or held.source,
            )  # fmt: skip
    if not held.managed:
        return
    head = Head.objects.filter(list=held.name).first()
    found = Entry.objects.filter(list=held.name, state="active", revision__lte=head.number if head else 0).order_by(
        "id"
    )
    for entry in found.iterator(5_000):
        if entry.expires_at is None or entry.expires_at > now:
            yield Row(
                line=entry.pk, value=entry.value, allow=entry.allow, expires_at=entry.expires_at, source=entry.source,
                reference=entry.reference, confidence=entry.confidence, note=entry.note,
            )  # fmt: skip
