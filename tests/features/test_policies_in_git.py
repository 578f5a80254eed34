"""Policies kept the same with a branch of a Git repository, and as files: what is committed there is approved here or, by
setting, there; what is approved here is committed there; what both changed is shown, and neither is written over.
"""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from typer.testing import CliRunner

from safehold.accounts.roles import Role
from safehold.cli.policy import app
from safehold.desk.rules import rounds
from safehold.desk.rules.changes import File, OwnChange, approve, draft, propose
from safehold.desk.rules.folder import open_policies
from safehold.desk.rules.git import Clone, GitFailed
from safehold.desk.rules.in_force import bundle_of, newest, sha, texts_of
from safehold.desk.rules.models import Edition, GitSync, PolicyChange
from safehold.desk.rules.syncing import sync
from safehold.engine import load_bundle
from safehold.record.models import AuditEvent
from tests.gateway_server import POLICY, policy_folder
from tests.world import person

HARDER = POLICY.replace("windows.sent_1h > 5", "windows.sent_1h > 3")
OTHER = POLICY.replace("windows.sent_1h > 5", "windows.sent_1h > 4")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Gil", "-c", "user.email=gil@code.example")
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def place(fresh_sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """An installation, a bare repository, and somebody's clone of it."""
    bundle_of.cache_clear()
    bare, clone = tmp_path / "policies.git", tmp_path / "clone"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    for name, value in {
        "SAFEHOLD_POLICIES": policy_folder(tmp_path / "policies"), "VAR": tmp_path / "var",
        "SAFEHOLD_GIT_REMOTE": str(bare), "SAFEHOLD_GIT_BRANCH": "main", "SAFEHOLD_GIT_FOLDER": "rules",
        "SAFEHOLD_GIT_REVIEWED": False,
    }.items():  # fmt: skip
        monkeypatch.setattr(settings, name, value)
    open_policies()
    assert sync().pushed == 1  # the first sync brings an empty repository what holds
    git(tmp_path, "clone", "--quiet", str(bare), str(clone))

    def commit(
        text: str | None, subject: str, path: str = "rules/spam.yaml", author: str = "Gil <gil@code.example>"
    ) -> None:
        git(clone, "pull", "--quiet")
        file = clone / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink() if text is None else file.write_text(text)
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", f"--author={author}", "-m", subject)
        git(clone, "push", "--quiet")

    def there(path: str = "rules/spam.yaml") -> str:
        return (git(clone, "pull", "--quiet") and (clone / path).read_text()) or (clone / path).read_text()

    return SimpleNamespace(clone=clone, commit=commit, there=there)


def test_what_is_approved_here_is_committed_there_with_who_wrote_and_who_approved_it(place):
    author, other = person(Role.POLICY_AUTHOR, name="Ada"), person(Role.POLICY_AUTHOR, name="Bo")
    assert place.there() == POLICY
    change = draft(author, [File("spam.yaml", HARDER, sha(POLICY))], title="Flood earlier", note="Four hurt too")
    approve(other, propose(author, change.pk).pk)
    assert sync().pushed == 1 and place.there() == HARDER
    said = git(place.clone, "log", "-1", "--format=%an <%ae>%n%cn%n%B").splitlines()
    assert said[:3] == [f"Ada <{author.email}>", "Safehold", "Flood earlier"]
    assert {f"Safehold-Change: {change.pk}", "Safehold-Edition: 2", f"Approved-by: Bo <{other.email}>"} <= set(said)
    done = sync()
    assert (done.pushed, done.change) == (0, "")


def test_what_was_changed_several_times_goes_there_step_by_step(place):
    author, other = person(Role.POLICY_AUTHOR, name="Ada"), person(Role.POLICY_AUTHOR, name="Bo")
    before = POLICY
    for text in (HARDER, OTHER, POLICY, HARDER):
        change = draft(author, [File("spam.yaml", text, sha(before))], title=f"Flood {sha(text)[:6]}")
        approve(other, propose(author, change.pk).pk)
        before = text
    done = sync()
    assert (done.pushed, done.conflicts) == (4, []) and place.there() == HARDER
    titles = git(place.clone, "log", "-4", "--reverse", "--format=%s").split("\n")[:4]
    assert titles == [f"Flood {sha(text)[:6]}" for text in (HARDER, OTHER, POLICY, HARDER)]


def test_what_is_committed_there_waits_for_approval_here(place):
    place.commit(HARDER, "Flood earlier")
    done = sync()
    change = PolicyChange.objects.get(pk=done.change)
    assert (change.state, change.source, change.title) == ("proposed", "git", "Flood earlier")
    assert change.author is None and change.author_name == "Gil <gil@code.example>"
    assert change.provenance["commit"] == git(place.clone, "rev-parse", "HEAD").strip()
    assert texts_of(newest())["spam.yaml"] == POLICY and not sync().change  # it comes once
    approve(person(Role.POLICY_AUTHOR), change.pk)
    assert texts_of(newest())["spam.yaml"] == HARDER and sync().pushed == 0


def test_who_wrote_it_there_cannot_approve_it_here(place):
    gil = person(Role.ADMIN)
    place.commit(HARDER, "Flood earlier", author=f"Gil <{gil.email}>")
    with pytest.raises(OwnChange):
        approve(gil, sync().change)


def test_by_setting_what_was_reviewed_there_is_in_force(place, monkeypatch):
    monkeypatch.setattr(settings, "SAFEHOLD_GIT_REVIEWED", True)
    place.commit(HARDER, "Flood earlier")
    place.commit(POLICY.replace("spam.pills", "spam.more"), "Another", path="rules/deep/more.yaml")
    place.commit("event: x", "An event type stays in the folder", path="rules/events/x.yaml")
    done = sync()
    change = PolicyChange.objects.get(pk=done.change)
    assert done.in_force and change.reviewed_elsewhere and change.approver is None
    assert set(texts_of(newest())) == {"spam.yaml", "deep/more.yaml"}
    assert Edition.objects.get(number=newest()).source == "git"
    place.commit(None, "And away", path="rules/deep/more.yaml")
    assert sync().in_force and set(texts_of(newest())) == {"spam.yaml"}


def test_what_both_changed_is_shown_and_neither_is_written_over(place, monkeypatch):
    monkeypatch.setattr(settings, "SAFEHOLD_GIT_REVIEWED", True)
    author, other = person(Role.POLICY_AUTHOR), person(Role.POLICY_AUTHOR)
    change = draft(author, [File("spam.yaml", HARDER, sha(POLICY))], title="Here")
    approve(other, propose(author, change.pk).pk)
    place.commit(OTHER, "There")
    done = sync()
    assert done.conflicts == ["spam.yaml"] and not done.in_force and done.pushed == 0
    waiting = PolicyChange.objects.get(pk=done.change)
    assert waiting.state == "proposed" and "Changed here too" in waiting.note
    assert place.there() == OTHER and texts_of(newest())["spam.yaml"] == HARDER
    approve(other, waiting.pk)  # a person has chosen
    assert texts_of(newest())["spam.yaml"] == OTHER and sync().conflicts == []


def test_what_is_wrong_there_is_said_and_holds_nowhere(place, monkeypatch):
    monkeypatch.setattr(settings, "SAFEHOLD_GIT_REVIEWED", True)
    place.commit(POLICY.replace("sent_1h > 5", "sent_2h > 5"), "Oops")
    done = sync()
    assert "sent_1h" in done.problems and not done.in_force
    assert PolicyChange.objects.get(pk=done.change).state == "draft" and newest() == 1
    monkeypatch.setattr(settings, "SAFEHOLD_GIT_REMOTE", "/nowhere/secret.git")
    with pytest.raises(GitFailed) as failed:
        sync()
    assert "secret" not in str(failed.value)
    with pytest.raises(GitFailed, match="leads out"):
        Clone(settings.VAR / "git" / "policies", "/nowhere", "main").commit(
            ".", {"../../x.yaml": "x"}, "a <b>", "c", []
        )


def test_policies_are_written_to_a_folder_and_taken_from_one(place, tmp_path):
    run, where = CliRunner(), tmp_path / "out"
    assert run.invoke(app, ["export", str(where)]).exit_code == 0
    assert load_bundle(where).hash == bundle_of(newest()).hash
    (where / "spam.yaml").write_text(HARDER)
    refused = run.invoke(app, ["export", str(where)])
    assert refused.exit_code == 1 and (where / "spam.yaml").read_text() == HARDER
    author = person(Role.POLICY_AUTHOR)
    taken = run.invoke(app, ["import", str(where), "--by", author.email, "--note", "From a file"])
    assert taken.exit_code == 0 and "waits for somebody else's approval" in taken.output
    assert PolicyChange.objects.get().files[0]["text"] == HARDER
    assert run.invoke(app, ["import", str(where), "--by", "nobody@plaza.example"]).exit_code == 1
    assert run.invoke(app, ["export", str(where), "--replace"]).exit_code == 0
    assert "nothing to do" in run.invoke(app, ["import", str(where), "--by", author.email]).output
    assert "nothing to do" in run.invoke(app, ["sync"]).output


def test_somebody_asks_for_a_round_and_sees_what_came_of_it(place, client):
    author = person(Role.POLICY_AUTHOR, name="Ada")
    client.force_login(author)
    assert rounds.take() is None
    place.commit(HARDER, "Flood earlier")
    assert client.post("/policies/git/sync/").status_code == 302
    client.post("/policies/git/sync/")  # pressed twice: one round
    asked = rounds.take()
    assert asked is not None and asked.asked_by == author and rounds.take() is None
    assert "Syncing" in client.get("/policies/git/").content.decode()
    rounds.round_now(asked)
    kept = GitSync.objects.get()
    assert (kept.change.title, kept.pushed, kept.error) == ("Flood earlier", 0, "")
    assert kept.commit == git(place.clone, "rev-parse", "HEAD").strip()
    approve(person(Role.POLICY_AUTHOR), kept.change_id)
    page = client.get("/policies/git/").content.decode()
    assert "Flood earlier" in page and kept.commit[:10] in page and "1 edition" in page and "Syncing" not in page
    for _ in range(3):  # nothing is new: what nobody asked for leaves no line
        rounds.round_now()
    assert GitSync.objects.count() == 1 and AuditEvent.objects.filter(verb="policies.sync_asked").count() == 1
    assert "Waits to go there</dt><dd>nothing" in client.get("/policies/git/").content.decode()


def test_only_those_who_write_policies_ask(place, client):
    client.force_login(person(Role.MODERATOR))
    assert client.post("/policies/git/sync/").status_code == 403
    assert "Sync now" not in client.get("/policies/git/").content.decode()
    assert not GitSync.objects.exists()


def test_without_git_on_the_machine_it_says_what_to_do(place, client, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for _ in range(3):
        rounds.round_now()  # the same failure each minute is one line
    kept = GitSync.objects.get()
    assert "install it" in kept.error and kept.started_at < kept.finished_at
    client.force_login(person(Role.POLICY_AUTHOR))
    for page in ("/policies/", "/policies/git/"):
        assert "there is no `git` on this machine" in client.get(page).content.decode().replace("There", "there")
    result = CliRunner().invoke(app, ["sync"])
    assert result.exit_code == 1 and "apt install git" in result.output
    monkeypatch.undo()


def test_a_round_whose_process_ended_is_not_waited_for(place):
    rounds.ask(person(Role.POLICY_AUTHOR))
    asked = rounds.take()
    GitSync.objects.filter(pk=asked.pk).update(started_at=asked.started_at - rounds.LONGEST * 2)
    assert rounds.take() is None
    asked.refresh_from_db()
    assert asked.finished_at is not None and "interrupted" in asked.error
