"""`safehold lists` as typed: a feed comes in, is looked up, leaves in another format, and is taken back."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from safehold.cli import app
from safehold.desk.lists.models import Entry, Revision

CSV = "domain,expires,source\nevil.example,2030-01-01,feed\nbücher.example,,\n"


@pytest.fixture
def shell(fresh_sqlite: SimpleNamespace, tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch) -> object:
    (tmp_path / "policies/lists").mkdir(parents=True)
    declared = "list: bad\nkind: domain_suffix\nmanaged: true\nentries: [seed.example]\n"
    (tmp_path / "policies/lists/bad.yaml").write_text(declared)
    settings.SAFEHOLD_POLICIES = tmp_path / "policies"
    monkeypatch.chdir(tmp_path)

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["lists", *words])
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    return run


def test_a_feed_comes_in_is_looked_up_and_taken_back(shell, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text(CSV)
    said = shell("import", "bad", "feed.csv", "--source", "feed", "--yes")
    assert "2 rows: 2 added" in said
    assert "bad is at version 1-" in said
    assert "evil.example, from feed, added" in shell("lookup", "bad", "www.evil.example")
    assert "xn--bcher-kva.example" in shell("lookup", "bad", "bücher.example")
    assert "seed.example" in shell("lookup", "bad", "a.seed.example")
    assert "is not in bad" in shell("lookup", "bad", "fine.example", code=1)
    assert "3" in shell("list")
    assert "feed" in shell("show", "bad")
    stix = shell("export", "bad", "--format", "stix")
    assert "[domain-name:value = 'evil.example']" in stix and "valid_until" in stix
    (tmp_path / "next.txt").write_text("evil.example\nmore.example\n")
    said = shell("diff", "bad", "next.txt", code=1)
    assert "- seed.example" in said and "+ more.example" in said and "~ evil.example  (expires_at, source)" in said
    revision = Revision.objects.get()
    assert revision.pk in shell("history", "bad")
    assert "Taken back, as version 2-" in shell("revert", revision.pk)
    assert "is not in bad" in shell("lookup", "bad", "www.evil.example", code=1)
    assert "Nothing was interrupted" in shell("resume")


def test_an_entry_is_added_disputed_and_removed(shell) -> None:
    shell("add", "bad", "evil.example", "--note", "ticket", "--expires", "2030-01-01", "--confidence", "80")
    shell("review", "bad", "evil.example", "dispute", "--note", "sold")
    shell("review", "bad", "evil.example", "reinstate")
    assert "retired" in shell("remove", "bad", "EVIL.example.")
    assert "can't be" in shell("review", "bad", "evil.example", "approve", code=1)
    assert Entry.objects.get().state == "retired"


def test_what_cannot_be_done_says_why(shell, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("value,expires\na.example,soon\nhttp://b.example,\n")
    said = shell("import", "bad", "bad.csv", "--yes", code=1)
    assert "line 2, column `expires`" in said and "line 3, column `value`" in said and "nothing was imported" in said
    assert not Revision.objects.exists()
    assert "there is no list `worse`" in shell("lookup", "worse", "a", code=1)
    assert "is not an entry of bad" in shell("remove", "bad", "nobody.example", code=1)
    assert "There is no revision" in shell("revert", "lrv_x", code=1)


@pytest.mark.parametrize(
    "command",
    ["list", "show", "lookup", "add", "remove", "review", "import", "export", "diff", "revert", "history", "resume"],
)
def test_every_command_has_an_example(command: str) -> None:
    done = CliRunner().invoke(app, ["lists", command, "--help"])
    assert f"Example: safehold lists {command}" in done.output
