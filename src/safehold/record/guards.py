"""Triggers for migrations: rows that may not change, and rows that may not lie, on SQLite and PostgreSQL alike.

An operator with the file in hand can drop a trigger; then the ledger tells. `safehold ledger verify` also says which
of these guards are missing. SQLite rebuilds a table when a migration alters it and loses its
triggers on the way: such a migration repeats the operation.
"""

from collections.abc import Sequence

from django.db import connection, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import StateApps

#: Every guard that a migration of this installation has set, for verification: trigger name -> table.
GUARDS: dict[str, str] = {}


def _install(name: str, table: str, event: str, refuse_when: str, message: str) -> migrations.RunPython:
    """A trigger `name` that aborts `event` on `table` with `message` where `refuse_when` is true of OLD and NEW."""
    GUARDS[name] = table
    quoted = message.replace("'", "''")

    def forwards(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "sqlite":
            editor.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {refuse_when} "
                f"BEGIN SELECT RAISE(ABORT, '{quoted}'); END"
            )
            return
        # PL/pgSQL, not a WHEN clause: PostgreSQL allows no sub-queries there.
        result = "OLD" if event.startswith("DELETE") else "NEW"
        editor.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $guard$ BEGIN "
            f"IF {refuse_when} THEN RAISE EXCEPTION '{quoted.replace('%', '%%')}' USING ERRCODE = 'check_violation'; "
            f"END IF; RETURN {result}; END $guard$"
        )
        editor.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")

    def backwards(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "sqlite":
            editor.execute(f"DROP TRIGGER {name}")
        else:
            editor.execute(f"DROP TRIGGER {name} ON {table}")
            editor.execute(f"DROP FUNCTION {name}()")

    return migrations.RunPython(forwards, backwards)


def append_only(table: str) -> list[migrations.RunPython]:
    """Rows of `table` can be added, never changed or deleted."""
    message = f"{table} is append-only"
    return [
        _install(f"{table}_never_changes", table, "UPDATE", "TRUE", message),
        _install(f"{table}_never_goes", table, "DELETE", "TRUE", message),
    ]


def immutable(table: str, columns: Sequence[str]) -> list[migrations.RunPython]:
    """These columns of `table` never change, and rows are never deleted; its other columns (a state) may change."""
    changed = " OR ".join(f"NEW.{column} <> OLD.{column}" for column in columns)
    return [
        _install(
            f"{table}_never_changes", table, f"UPDATE OF {', '.join(columns)}", changed, f"{table} keeps what it says"
        ),
        _install(f"{table}_never_goes", table, "DELETE", "TRUE", f"{table} keeps its rows"),
    ]


def refuse(name: str, table: str, event: str, when: str, message: str) -> migrations.RunPython:
    """Abort `event` (`INSERT`, `UPDATE OF reviewer_id`) on `table` where `when` is true; it may use sub-queries."""
    return _install(name, table, event, when, message)


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
