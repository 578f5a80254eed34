"""Appending to the ledger, as the last step of the transaction that writes the rows. No Django here, so that the
gateway's bulk path can call it on its own cursor; everybody else goes through `recording()`.

Why last: a transaction holds the log's lock from this moment to its commit. It has every row lock it needs by then and
asks for no other, so whoever holds the log's lock never waits for anybody, and no cycle of waiting can go through it.
The lock is short, and indices are given in the order of commits, so a reader never sees a gap that fills later.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

from safehold.ledger.tree import leaf_hash

#: (kind, id of the row, its time, canonical body), as `safehold.ledger.entry.entry_body` makes it.
Entry = tuple[str, str, datetime, bytes]

#: PostgreSQL's advisory lock of the log: the first eight bytes of SHA-256("safehold ledger"), signed.
LOG_LOCK = -6753299574518442282


class Cursor(Protocol):
    """What is used of a DB-API cursor."""

    def execute(self, sql: str, params: Any = ..., /) -> Any: ...
    def executemany(self, sql: str, params: Any, /) -> Any: ...
    def fetchone(self) -> Any: ...


def append_entries(cursor: Cursor, entries: Iterable[Entry], *, vendor: str, placeholder: str = "%s") -> int:
    """Append the entries in their order and return the index of the first. Call it last, then commit.

    `cursor` is inside an open transaction: on SQLite one begun IMMEDIATE, on PostgreSQL one at READ COMMITTED.
    `vendor` is Django's name of the database, `sqlite` or `postgresql`: the settings take no other.
    `placeholder` is `%s` for psycopg and Django's cursors, `?` for the sqlite3 module's own.
    """
    if vendor == "postgresql":
        cursor.execute(f"SELECT pg_advisory_xact_lock({placeholder})", (LOG_LOCK,))
    cursor.execute("SELECT COALESCE(MAX(idx) + 1, 0) FROM ledger_entry")
    first: int = cursor.fetchone()[0]
    stored: dict[datetime, datetime | str] = {}  # all decisions of a commit have one time
    rows = []
    for index, (kind, row_id, at, body) in enumerate(entries, first):
        if (moment := stored.get(at)) is None:
            moment = stored[at] = _stored(at, vendor)
        rows.append((index, kind, row_id, moment, body.decode(), leaf_hash(body)))
    values = ", ".join([placeholder] * 6)
    sql = f"INSERT INTO ledger_entry (idx, kind, subject_id, at, body, leaf_hash) VALUES ({values})"  # noqa: S608
    cursor.executemany(sql, rows)
    return first


def _stored(at: datetime, vendor: str) -> datetime | str:
    """A time as Django's own SQLite and PostgreSQL backends store it."""
    if vendor == "postgresql":
        return at
    return str((at if at.tzinfo is UTC else at.astimezone(UTC)).replace(tzinfo=None))
