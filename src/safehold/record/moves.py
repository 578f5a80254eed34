"""Do the recorded transitions lead to where the rows are now? Folded in the database, in the ledger's order."""

from collections.abc import Iterator
from typing import Any

from django.db import connection

from safehold.ledger.verify import Finding
from safehold.record.registry import STATEFUL, StatefulModel

# In the order of the ledger: `at` is the clock of whoever moved the row, and clocks disagree.
_STEPS = """
SELECT t.id, t.entity_kind, t.entity_id, t.from_state, t.to_state,
       LAG(t.to_state) OVER (PARTITION BY t.entity_kind, t.entity_id ORDER BY e.idx) AS before_it,
       ROW_NUMBER() OVER (PARTITION BY t.entity_kind, t.entity_id ORDER BY e.idx DESC) AS from_last
FROM transition t JOIN ledger_entry e ON e.kind = 'transition' AND e.subject_id = t.id
"""


def check_moves() -> Iterator[Finding]:
    """Transitions that do not follow one another, and rows that are not where their transitions led them."""
    yield from _broken_chains()
    for kind, known in STATEFUL.items():
        yield from _false_starts(kind, known)
        yield from _misplaced(kind, known)
        yield from _vanished(kind, known)


def _broken_chains() -> Iterator[Finding]:
    for step, kind, row_id, leaves, was in _rows(
        f"SELECT id, entity_kind, entity_id, from_state, before_it FROM ({_STEPS}) steps "  # noqa: S608
        "WHERE before_it IS NOT NULL AND before_it <> from_state"
    ):
        yield Finding(f"transition {step}", f"takes {kind} {row_id} from {leaves!r}, but it was {was!r} then")


def _false_starts(kind: str, known: StatefulModel) -> Iterator[Finding]:
    for step, row_id, leaves in _rows(
        f"SELECT id, entity_id, from_state FROM ({_STEPS}) steps "  # noqa: S608
        "WHERE before_it IS NULL AND entity_kind = %s AND from_state <> %s",
        kind,
        known.initial,
    ):
        yield Finding(f"transition {step}", f"takes {kind} {row_id} from {leaves!r}, but rows begin {known.initial!r}")


def _misplaced(kind: str, known: StatefulModel) -> Iterator[Finding]:
    table, row_key, state = _names(known)
    for row_id, is_now, led_to in _rows(
        f"SELECT m.{row_key}, m.{state}, COALESCE(s.to_state, %s) FROM {table} m "  # noqa: S608
        f"LEFT JOIN (SELECT * FROM ({_STEPS}) steps WHERE from_last = 1 AND entity_kind = %s) s "
        f"ON s.entity_id = m.{row_key} WHERE m.{state} <> COALESCE(s.to_state, %s)",
        known.initial,
        kind,
        known.initial,
    ):
        yield Finding(
            f"{kind} {row_id}", f"is {is_now!r} in {known.model._meta.db_table}, but the record led to {led_to!r}"
        )


def _vanished(kind: str, known: StatefulModel) -> Iterator[Finding]:
    table, row_key, _ = _names(known)
    for (row_id,) in _rows(
        "SELECT DISTINCT t.entity_id FROM transition t WHERE t.entity_kind = %s "  # noqa: S608
        f"AND NOT EXISTS (SELECT 1 FROM {table} m WHERE m.{row_key} = t.entity_id)",
        kind,
    ):
        yield Finding(f"{kind} {row_id}", f"is gone from {known.model._meta.db_table}, though transitions tell of it")


def _names(known: StatefulModel) -> tuple[str, str, str]:
    """The table, its primary key and its state column, quoted."""
    meta, quote = known.model._meta, connection.ops.quote_name
    columns = {field.attname: field.column for field in meta.concrete_fields if field.column}
    return quote(meta.db_table), quote(columns[meta.pk.attname]), quote(columns[known.field])


def _rows(sql: str, *params: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        while rows := cursor.fetchmany(500):
            yield from rows
