"""A large import whose process is killed: the same command, run again, finishes what had been written and reads what was half
read anew. Nothing counts twice, nothing is left over.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from safehold.accounts.models import User
from safehold.accounts.people import Refused
from safehold.cli import app
from safehold.desk.lists import feed, importing
from safehold.desk.lists.interrupted import being_read, left_behind
from safehold.desk.lists.models import Change, Entry, Revision, Staged

ROWS = 5_000
#: A process that kills itself with SIGKILL when it comes to this function for the third time.
KILLED = """
import os, signal, sys
import django
django.setup()
from safehold.desk.lists import importing, sql
importing.CHUNK = 500
real, calls = getattr(sql, sys.argv[1]), []
def dying(*arguments):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
setattr(sql, sys.argv[1], dying)
sys.argv[1:] = sys.argv[2:]
from safehold.cli import app
app()
"""


def made(database: SimpleNamespace, tmp_path: Path, settings: object) -> SimpleNamespace:
    (tmp_path / "policies/lists").mkdir(parents=True)
    (tmp_path / "policies/lists/bad.yaml").write_text("list: bad\nkind: domain_suffix\nmanaged: true\n")
    (tmp_path / "feed.txt").write_text("".join(f"h{number}.example\n" for number in range(ROWS)))
    settings.SAFEHOLD_POLICIES = tmp_path / "policies"
    settings.SAFEHOLD_LISTS = tmp_path / "var/lists"
    command = ["lists", "import", "bad", str(tmp_path / "feed.txt"), "--source", "feed", "--replace", "--yes"]
    environment = {
        **os.environ, "SAFEHOLD_DATABASE_URL": database.url, "SAFEHOLD_POLICIES": str(tmp_path / "policies"),
        "SAFEHOLD_VAR": str(tmp_path / "var"), "DJANGO_SETTINGS_MODULE": "safehold.site.settings",
    }  # fmt: skip

    def killed(where: str) -> None:
        done = subprocess.run([sys.executable, "-c", KILLED, where, *command], env=environment, capture_output=True)
        assert done.returncode == -9, done.stderr.decode()

    def run() -> str:
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    return SimpleNamespace(killed=killed, run=run)


def in_effect() -> int:
    return sum(1 for _ in feed.active("bad", feed.versions().get("bad", (0, ""))[0]))


def test_killed_while_it_writes_the_same_command_finishes_it(
    fresh_database: SimpleNamespace, tmp_path: Path, settings: object
) -> None:
    place = made(fresh_database, tmp_path, settings)
    place.killed("apply_chunk")
    half = Revision.objects.get()
    assert (half.state, Entry.objects.count(), in_effect()) == ("applying", 1_000, 0)
    assert half.written == (1_000, ROWS)
    said = place.run()
    assert f"{half.pk} (feed.txt) was interrupted and is finished: bad is at version 1-" in said
    assert (Revision.objects.get().state, in_effect(), Change.objects.count()) == ("applied", ROWS, ROWS)
    assert not Staged.objects.exists()
    assert "0 added" not in (again := place.run()) and f"{ROWS:,} unchanged" in again


def test_killed_while_it_reads_the_same_command_reads_anew(
    fresh_sqlite: SimpleNamespace, tmp_path: Path, settings: object
) -> None:
    place = made(fresh_sqlite, tmp_path, settings)
    place.killed("stage_rows")
    half = Revision.objects.get()
    assert (half.unread, Staged.objects.count()) == (True, 1_000)
    with pytest.raises(Refused, match="still being read"):
        importing.begin(None, half.pk)
    assert f"{ROWS:,} added" in place.run()
    half.refresh_from_db()
    assert (half.state, half.note) == ("discarded", "It was interrupted while it was read.")
    assert (in_effect(), Staged.objects.count(), list((tmp_path / "var/lists").iterdir())) == (ROWS, 0, [])


def test_an_import_that_is_being_read_is_left_alone(
    fresh_sqlite: SimpleNamespace, tmp_path: Path, settings: object
) -> None:
    made(fresh_sqlite, tmp_path, settings)
    with being_read("lrv_1"):
        revision = importing.announce(None, "bad", "plain", "lrv_1", filename="f", source="", licence="", mode="add")
        assert left_behind("bad") == []
        importing.discard(User.objects.create_user(email="ann@example.org", password=None), revision.pk)
        with (tmp_path / "feed.txt").open("rb") as file, pytest.raises(Refused, match="discarded while it was read"):
            importing.read_in(None, revision, file)
    waiting = Revision.objects.create(list="bad", act="import")  # by a process of another machine
    assert left_behind("bad") == []
    Revision.objects.filter(pk=waiting.pk).update(at=waiting.at.replace(year=2020))
    assert left_behind("bad") == [waiting]
