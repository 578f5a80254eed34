"""A calibration's page: what it changes, who may put it in force or take it back; gateways and the shell see the same."""

import re
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.test import Client
from typer.testing import CliRunner

from safehold.accounts.roles import Role
from safehold.cli import app
from safehold.desk.sidebyside import versions
from safehold.desk.sidebyside.fitting import fit, said
from safehold.gateway.perspective.calibration import Calibrations, version_file
from safehold.record.models import AuditEvent
from tests.desk_rows import person, service

pytestmark = pytest.mark.django_db
PAGE, USE = "/side-by-side/calibrations/1/", "/side-by-side/calibrations/use/"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two calibrations of TOXICITY; the other service gives half of our scores, and some noise."""
    service()
    monkeypatch.setattr(settings, "SAFEHOLD_CALIBRATIONS", tmp_path / "calibrations")
    random = np.random.default_rng(3)
    ours = random.random(300)
    theirs = np.clip(ours / 2 + random.normal(0, 0.03, 300), 0, 1)
    map_ = fit(list(zip(ours.tolist(), theirs.tolist(), strict=True)))
    for _ in range(2):
        versions.write(settings.SAFEHOLD_CALIBRATIONS, {"TOXICITY": map_}, "harm 1")
    return Path(settings.SAFEHOLD_CALIBRATIONS)


def signed_in(role: Role) -> Client:
    client = Client()
    client.force_login(person("Ada", role), backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def told(client: Client, version: int, now: int) -> str:
    answer = client.post(USE, {"version": version, "now": now}, follow=True)
    return " ".join(str(message) for message in answer.context["messages"])


def test_its_page_shows_both_services_scores_without_it_and_with_it(folder: Path) -> None:
    page = signed_in(Role.READ_ONLY).get(PAGE).content.decode()
    assert "Not in force" in page and "It was made for another version of the model" in page
    assert "Put in force" not in page  # who only reads
    without, with_it = (
        re.findall(rf"{how}, ours ([\d.]+) \(\d+ comments\), theirs: ([\d.]+)<", page)
        for how in ("Without it", "With it")
    )
    assert len(without) >= 16 and len(with_it) >= 16  # in the picture, and as a table
    far, near = (np.mean([abs(float(ours) - float(theirs)) for ours, theirs in dots]) for dots in (without, with_it))
    assert far > 0.2 and near < 0.03


def test_it_is_put_in_force_and_taken_back_by_whoever_approves(folder: Path) -> None:
    gateway = Calibrations(folder)
    assert gateway.in_force() is None
    author = signed_in(Role.POLICY_AUTHOR)
    assert 'id="put-in-force"' in author.get(PAGE).content.decode()
    assert told(author, 1, 0) == "Calibration 1 is in force: gateways follow within a second."
    gateway._looked_at = float("-inf")  # a second later
    found = gateway.in_force()
    assert found is not None and found.version == 1
    listed = author.get("/side-by-side/").content.decode()
    assert re.search(r">Calibration 1</a> <[^\n]*?>In force<", listed) and listed.count("In force") == 1
    assert 'id="take-back"' in author.get(PAGE).content.decode()
    assert told(author, 0, 1) == "No calibration is in force: gateways follow within a second."
    gateway._looked_at = float("-inf")
    assert gateway.in_force() is None
    rows = AuditEvent.objects.filter(verb="calibration.used").order_by("pk")
    ada = author.session["_auth_user_id"]
    assert [(row.object_id, row.actor, row.detail) for row in rows] == [
        ("1", ada, {"before": 0}), ("0", ada, {"before": 1})
    ]  # fmt: skip
    assert author.get("/side-by-side/calibrations/0/").status_code == 302  # where the audit trail leads


def test_the_shell_and_the_console_are_one(folder: Path) -> None:
    author = signed_in(Role.POLICY_AUTHOR)
    result = CliRunner().invoke(app, ["perspective", "use", "2"])
    assert result.exit_code == 0, result.output
    assert AuditEvent.objects.get(verb="calibration.used").detail == {"before": 0, "at": "shell"}
    assert told(author, 1, 0) == "Another calibration was put in force since you looked: look again."
    assert versions.in_force(folder) == 2
    assert "in force" in told(author, 1, 2) and versions.in_force(folder) == 1


def test_nobody_else_may_and_nothing_that_is_not_whole_comes_in_force(folder: Path) -> None:
    assert signed_in(Role.SENIOR_MODERATOR).post(USE, {"version": 1, "now": 0}).status_code == 403
    author = signed_in(Role.POLICY_AUTHOR)
    assert "there is no version 9" in told(author, 9, 0)
    broken = version_file(folder, 2)
    broken.write_text(broken.read_text()[:200])
    assert author.get("/side-by-side/calibrations/2/").status_code == 404
    assert told(author, 2, 0) != "" and versions.in_force(folder) == 0
    for wrong in ({}, {"version": "1"}, {"version": "-1", "now": "0"}, {"version": "²", "now": "0"}):
        assert author.post(USE, wrong).status_code == 404
    assert not AuditEvent.objects.filter(verb="calibration.used").exists()


def test_groups_of_scores_hold_every_comment_once_and_equal_scores_together() -> None:
    ours = np.repeat([0.0, 0.5, 0.6, 0.9], [50, 30, 10, 13])
    groups = said(ours, ours / 2)
    assert sum(each.n for each in groups) == len(ours) and 2 < len(groups) <= 4
    assert (groups[0].ours, groups[0].n, groups[1].ours, groups[1].n) == (0.0, 50, 0.5, 30)
    assert all(abs(each.theirs - each.ours / 2) < 1e-12 for each in groups)
