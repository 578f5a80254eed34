"""Many rows in few statements, on the driver's own cursor: what makes a group commit cheap. Called by `intake` only.

A statement a row would give up and take back Python's lock for each (the event loop may run beside it). On SQLite rows go in
by the 64, and what is left at once: its driver keeps all 64 texts prepared (`cached_statements`, in the settings). On
PostgreSQL they go in by COPY, which has no parameters to be parsed and bound.
"""

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

_MOST = 64


class BulkCursor:
    """A cursor whose `executemany` takes `INSERT ... VALUES (...)` and writes several rows at once."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        connection.ensure_connection()
        self._question_marks = connection.vendor == "sqlite"
        self._cursor: Any = connection.connection.cursor()
        self._texts: dict[tuple[str, int], str] = {}

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """One statement with `%s` for each parameter."""
        self._cursor.execute(self._text(sql, 1), params)

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()  # type: ignore[no-any-return]

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """The same as an INSERT a row; `sql` is `INSERT INTO table (columns) VALUES` and one row of placeholders."""
        if not self._question_marks:
            self._copy(sql, rows)
            return
        for first in range(0, len(rows), _MOST):
            part = rows[first : first + _MOST]
            self._cursor.execute(self._text(sql, len(part)), [value for row in part for value in row])

    def _copy(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        table = sql.removeprefix("INSERT INTO ")[: sql.index(" VALUES ") - len("INSERT INTO ")]
        with self._cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows of `columns` into `table`."""
        if rows:
            values = ", ".join(["%s"] * len(columns))
            self.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})", rows)  # noqa: S608

    def _text(self, sql: str, size: int) -> str:
        """`sql` with its last row of placeholders `size` times, as this driver writes placeholders."""
        text = self._texts.get((sql, size))
        if text is None:
            if size > 1:
                start = sql.rindex("(")
                text = sql[:start] + ", ".join([sql[start:]] * size)
            else:
                text = sql
            if self._question_marks:
                text = text.replace("%s", "?")
            self._texts[sql, size] = text
        return text
