"""One entry of a managed list proposed, approved, disputed, retired. The shell and the console call this.

At the shell (`by` None) an entry is active at once. A person's entry waits for somebody else's approval: this module says so,
and the database refuses it otherwise.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL, Refused
from safehold.desk.lists.declared import managed
from safehold.desk.lists.models import KNOWN, Act, Change, Entry, Head, Revision
from safehold.desk.lists.states import ENTRY, REVISION
from safehold.engine.lists import normal
from safehold.record.recording import Record, recording


class Busy(Exception):
    """Another change of this list is being applied; it takes seconds."""


def add_entry(by: User | None, list_name: str, text: str, known: Mapping[str, Any] | None = None) -> Entry:
    """Put a value onto a list: active at once at the shell, else proposed. `known` is what Provenance has.

    Raises NoSuchList, BadEntry, Busy, and Refused where the value is listed or proposed already.
    """
    held = managed(list_name)
    value = normal(held.kind, text, held.fold)
    with recording() as record:
        head = locked(held.name)
        entry = Entry.objects.select_for_update().filter(list=held.name, value=value).first()
        activity = "proposed"
        if entry is None:
            entry = Entry(
                list=held.name, value=value, state=ENTRY.initial, added_at=timezone.now(), added_by=by, revision=0
            )
            before = ""
        elif entry.state == "retired":
            before, activity = entry.state, "proposed_again"
            entry.state = ENTRY.next(before, activity)
            entry.added_by, entry.approved_by = by, None
        else:
            raise Refused(f"`{value}` is on the list already: it is {entry.state}.")
        was = {name: getattr(entry, name) for name in KNOWN}
        for name, what in (known or {}).items():
            setattr(entry, name, what)
        if by is None:
            entry.state = ENTRY.next(entry.state, "approved")
        _write(record, head, entry, before, activity, was, by)
    return entry


def move_entry(by: User | None, entry_id: int, activity: str, note: str = "") -> Entry:
    """Do an activity of `states.ENTRY` to an entry. Raises Busy, Refused, and what `Machine.next` raises."""
    with recording() as record:
        head = locked(Entry.objects.values_list("list", flat=True).get(pk=entry_id))
        entry = Entry.objects.select_for_update().get(pk=entry_id)
        before = entry.state
        was = {name: getattr(entry, name) for name in KNOWN}
        if activity == "approved":
            if by is not None and entry.added_by_id == by.pk:
                raise Refused("You proposed this entry: somebody else has to approve it.")
            entry.approved_by = by
        entry.state = ENTRY.next(before, activity)
        _write(record, head, entry, before, activity, was, by, note)
    return entry


def locked(list_name: str) -> Head:
    """The head of a list, locked until the transaction ends. Raises Busy."""
    Head.objects.get_or_create(list=list_name)
    head = Head.objects.select_for_update().get(list=list_name)
    if Revision.objects.filter(list=list_name, state="applying").exists():
        raise Busy(f"another change of `{list_name}` is being applied; try again in a moment")
    return head


def chained(before: str, number: int, content: str) -> str:
    """A revision's digest."""
    return hashlib.sha256(f"{before}\n{number}\n{content}".encode()).hexdigest()


def _write(
    record: Record,
    head: Head,
    entry: Entry,
    before: str,
    activity: str,
    was: Mapping[str, Any],
    by: User | None,
    note: str = "",
) -> None:
    """Save the entry as the next revision of its list, in effect with this transaction."""
    head.number += 1
    entry.revision = head.number
    entry.save()
    content = {"value": entry.value, "state": entry.state, **{name: getattr(entry, name) for name in KNOWN}}
    head.digest = chained(head.digest, head.number, msgspec.json.encode(content, order="sorted").decode())
    head.save()
    now = timezone.now()
    revision = Revision.objects.create(
        list=entry.list, number=head.number, act=Act.ENTRY, state="applied", by=by, applied_at=now, note=note,
        digest=head.digest, counts={activity: 1},
    )  # fmt: skip
    record.transition("list_revision", revision.pk, REVISION.initial, revision.state, "made", by=by.pk if by else "")
    Change.objects.create(revision=revision, entry=entry, activity=activity, before=before, after=entry.state, **was)
    detail = {"list": entry.list, "value": entry.value, "from": before, "to": entry.state, "version": head.version}
    if note:
        detail["note"] = note
    actor = by.pk if by is not None else ""
    record.audit(
        f"list.{activity}", "list_entry", str(entry.pk), actor=actor, detail=detail if by else detail | AT_THE_SHELL
    )
