"""The one way a row of a state machine moves: its table says what follows, and the ledger says that it did."""

from datetime import datetime

from django.db import models

from safehold.record.recording import Record
from safehold.states import Machine


class MovedMeanwhile(Exception):
    """Somebody else moved the row after it was read. Read it again."""


def move(
    record: Record, row: models.Model, machine: Machine, activity: str, *, by: str = "", at: datetime | None = None
) -> str:
    """Do `activity` to `row`, save its state and record the transition. Returns the new state.

    Raises what `Machine.next` raises, and `MovedMeanwhile` if the row is no longer in the state it was read in: two
    people, or a person and a loop, never both move from the same state.
    """
    before: str = row.state  # type: ignore[attr-defined]
    after = machine.next(before, activity)
    if not type(row)._default_manager.filter(pk=row.pk, state=before).update(state=after):
        raise MovedMeanwhile(f"{machine.name} {row.pk} is no longer {before}")
    row.state = after  # type: ignore[attr-defined]
    record.transition(machine.name, str(row.pk), before, after, activity, by=by, at=at)
    return after
