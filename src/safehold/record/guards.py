"""Triggers for migrations: rows that may not change, and rows that may not lie, on SQLite and PostgreSQL alike.

An operator with the file in hand can drop a trigger; then the ledger tells. `safehold ledger verify` also says which
of these guards are missing. SQLite rebuilds a table when a migration alters it and loses its
triggers on the way: the next migration repeats the operation, which does no harm where they are still there.
"""

from collections.abc import Sequence

from django.db import connection
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

#: Every guard that a migration of this installation has set, for verification: trigger name -> table.
GUARDS: dict[str, str] = {}


class Guard(Operation):
    """A trigger `name` that aborts `event` on `table` with `message` where `refuse_when` is true of OLD and NEW.

    An operation of its own, not RunPython: that has all models of the project made for it, each time anew.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, name: str, table: str, event: str, refuse_when: str, message: str) -> None:
        self.name, self.table, self.event, self.refuse_when, self.message = name, table, event, refuse_when, message
        GUARDS[name] = table

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Models know nothing of triggers."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        name, table, event, when = self.name, self.table, self.event, self.refuse_when
        quoted = self.message.replace("'", "''")
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(
                f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {event} ON {table} WHEN {when} "
                f"BEGIN SELECT RAISE(ABORT, '{quoted}'); END"
            )
            return
        # PL/pgSQL, not a WHEN clause: PostgreSQL allows no sub-queries there.
        result = "OLD" if event.startswith("DELETE") else "NEW"
        schema_editor.execute(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $guard$ BEGIN "
            f"IF {when} THEN RAISE EXCEPTION '{quoted.replace('%', '%%')}' USING ERRCODE = 'check_violation'; "
            f"END IF; RETURN {result}; END $guard$"
        )
        schema_editor.execute(
            f"CREATE OR REPLACE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
        )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {self.name}")
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}")
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {self.name}()")

    def describe(self) -> str:
        return f"Guard {self.table}: {self.message}"


def append_only(table: str) -> list[Guard]:
    """Rows of `table` can be added, never changed or deleted."""
    message = f"{table} is append-only"
    return [
        Guard(f"{table}_never_changes", table, "UPDATE", "TRUE", message),
        Guard(f"{table}_never_goes", table, "DELETE", "TRUE", message),
    ]


def immutable(table: str, columns: Sequence[str]) -> list[Guard]:
    """These columns of `table` never change, and rows are never deleted; its other columns (a state) may change."""
    changed = " OR ".join(f"NEW.{column} <> OLD.{column}" for column in columns)
    return [
        Guard(
            f"{table}_never_changes", table, f"UPDATE OF {', '.join(columns)}", changed, f"{table} keeps what it says"
        ),
        Guard(f"{table}_never_goes", table, "DELETE", "TRUE", f"{table} keeps its rows"),
    ]


def refuse(name: str, table: str, event: str, when: str, message: str) -> Guard:
    """Abort `event` (`INSERT`, `UPDATE OF reviewer_id`) on `table` where `when` is true; it may use sub-queries."""
    return Guard(name, table, event, when, message)


def missing_guards() -> list[str]:
    """`guard (table)` for each trigger that the applied migrations set and that is not in the database any more."""
    MigrationLoader(connection)  # importing the migrations fills GUARDS
    catalogue = "pg_trigger" if connection.vendor == "postgresql" else "sqlite_master"
    column = "tgname" if connection.vendor == "postgresql" else "name"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {catalogue}")  # noqa: S608
        there = {name for (name,) in cursor.fetchall()}
        tables = set(connection.introspection.table_names(cursor))
    return [f"{name} ({table})" for name, table in GUARDS.items() if name not in there and table in tables]
