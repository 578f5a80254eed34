"""`recording()`: the one way by which Django code writes rows that the ledger covers.

    with recording() as record:
        decision.save()
        record.add(decision)
        record.transition("task", task.id, "claimed", "decided", "decide", by=user.id)
        record.audit("decide", "task", task.id, actor=user.id)

Rows and entries commit together or not at all. A `recording()` inside another joins it: its entries are appended when
the outer one ends, or dropped when the inner one fails and the outer one goes on.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from safehold.ledger.entry import Recorded, entry_body
from safehold.record.append import Entry, append_entries
from safehold.record.models import AuditEvent, Tombstone, Transition
from safehold.record.registry import RECORDED, spec_of

M = TypeVar("M", bound=models.Model)


class Record:
    """What one transaction adds to the ledger, queued until its end."""

    def __init__(self) -> None:
        self._rows: list[models.Model] = []
        self._entries: list[Entry] = []

    def add(self, *rows: models.Model) -> None:
        """Record rows that were saved in this transaction; each one's model is `@recorded`."""
        for row in rows:
            spec, columns = spec_of(row), {field.attname: field for field in row._meta.concrete_fields}
            covered = {name: columns[name].to_python(getattr(row, name)) for name in spec.fields}
            self._queue(spec, covered, row.salt)  # type: ignore[attr-defined]

    def add_values(self, kind: str, values: Iterable[Mapping[str, Any]]) -> None:
        """Record rows inserted by raw SQL: mappings from column names to Python values, `salt` among them."""
        for row in values:
            self._queue(RECORDED[kind].spec, row, row["salt"])

    def transition(
        self,
        kind: str,
        row_id: str,
        from_state: str,
        to_state: str,
        activity: str,
        *,
        by: str = "",
        at: datetime | None = None,
    ) -> Transition:
        """Record that a row of a `stateful` kind moves. The caller writes the new state into the row itself."""
        step = Transition(
            at=at or timezone.now(),
            entity_kind=kind,
            entity_id=row_id,
            from_state=from_state,
            to_state=to_state,
            activity=activity,
            by=by,
        )
        self._own(step)
        return step

    def audit(
        self,
        verb: str,
        object_kind: str,
        object_id: str,
        *,
        actor: str = "",
        detail: Mapping[str, Any] | None = None,
        request_id: str = "",
    ) -> AuditEvent:
        """Record that somebody did or read something. `actor` is the id of a person or a key, empty for the system."""
        event = AuditEvent(
            at=timezone.now(),
            actor=actor,
            verb=verb,
            object_kind=object_kind,
            object_id=object_id,
            detail=dict(detail or {}),
            request_id=request_id,
        )
        self._own(event)
        return event

    def erased(self, kind: str, row_id: str, basis: str, *, by: str = "") -> Tombstone:
        """Record that the content of a recorded row was erased; the caller blanks it and its `salt`."""
        stone = Tombstone(at=timezone.now(), of_kind=kind, of_id=row_id, basis=basis, by=by)
        self._own(stone)
        return stone

    def _own(self, row: models.Model) -> None:
        self._rows.append(row)
        self.add(row)

    def _queue(self, spec: Recorded, row: Mapping[str, Any], salt: str) -> None:
        self._entries.append((spec.kind, row[spec.id], row[spec.at], entry_body(spec, row, salt)))

    def _mark(self) -> tuple[int, int]:
        return len(self._rows), len(self._entries)

    def _drop_after(self, mark: tuple[int, int]) -> None:
        del self._rows[mark[0] :]
        del self._entries[mark[1] :]

    def _write(self, connection: BaseDatabaseWrapper) -> None:
        _insert(AuditEvent, self._rows, connection.alias)
        _insert(Transition, self._rows, connection.alias)
        _insert(Tombstone, self._rows, connection.alias)
        if self._entries:
            with connection.cursor() as cursor:
                append_entries(cursor, self._entries, vendor=connection.vendor)


def _insert(model: type[M], rows: Iterable[models.Model], using: str) -> None:
    model._default_manager.using(using).bulk_create([row for row in rows if isinstance(row, model)])


_open: WeakKeyDictionary[BaseDatabaseWrapper, Record] = WeakKeyDictionary()


@contextmanager
def recording(using: str = DEFAULT_DB_ALIAS) -> Iterator[Record]:
    """A transaction whose last step appends what was recorded in it to the ledger.

    Take it outermost: inside somebody else's `transaction.atomic()` the log stays locked until that one ends.
    """
    connection = connections[using]  # one a thread, so this is the thread's own record
    if (outer := _open.get(connection)) is not None:
        mark = outer._mark()
        try:
            with transaction.atomic(using=using):
                yield outer
        except BaseException:
            outer._drop_after(mark)
            raise
        return
    record = _open[connection] = Record()
    try:
        with transaction.atomic(using=using):
            yield record
            record._write(connection)
    finally:
        del _open[connection]
