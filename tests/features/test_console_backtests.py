"""The page of backtests: start one with a draft, watch it, read its report, send its sample to blind review."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from safehold.accounts.models import User
from safehold.accounts.roles import Role
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Entity
from safehold.desk.history import jobs
from safehold.desk.history.sample import send_to_review
from safehold.desk.review.models import Task
from safehold.desk.rules.folder import open_policies
from safehold.engine import load_bundle
from safehold.replay.report import Sampled
from tests.desk_rows import person
from tests.gateway_server import policy_folder
from tests.history_rows import stream, write


@pytest.fixture
def place(fresh_sqlite: SimpleNamespace, tmp_path: Path, settings: Any) -> SimpleNamespace:
    settings.SAFEHOLD_POLICIES, settings.SAFEHOLD_HISTORY = policy_folder(tmp_path / "policies"), tmp_path / "history"
    open_policies()
    write(settings.SAFEHOLD_POLICIES, stream(150, every=1200, begin=datetime.now(UTC) - timedelta(days=3)), batch=150)
    return SimpleNamespace(
        author=_client(person("Ada", Role.POLICY_AUTHOR)), reader=_client(person("Rea", Role.READ_ONLY))
    )


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def _finished(job_id: str) -> jobs.Job:
    for _ in range(2400):  # two minutes
        found = jobs.job(job_id)
        if found is not None and found.state != "running":
            return found
        time.sleep(0.05)
    raise AssertionError("the backtest did not end")


def test_one_is_started_watched_and_read(place: SimpleNamespace) -> None:
    empty = place.author.get("/backtests/")
    assert "Nothing was tried yet" in empty.content.decode()
    started = place.author.post("/backtests/start/", {"draft": "in-force", "days": "30"})
    assert started.status_code == 302
    job_id = started["Location"].strip("/").rpartition("/")[2]
    assert place.author.get(f"/backtests/{job_id}/progress/").status_code == 200
    done = _finished(job_id)
    assert (done.state, done.events, done.newly_hit) == ("done", 150, 0), done.error
    page = place.author.get(f"/backtests/{job_id}/").content.decode()
    assert "spam.pills/pills" in page and "The costliest rules" in page and "Who would be affected" not in page
    assert "The policies in force" in place.author.get("/backtests/").content.decode()
    file = place.author.get(f"/backtests/{job_id}/file/")
    assert file["Content-Type"].startswith("text/html") and b"By rule" in file.content
    assert place.author.get(f"/backtests/{job_id}/progress/").headers["HX-Refresh"] == "true"


def test_a_finished_report_shows_what_changes_and_where_to_look(
    place: SimpleNamespace, tmp_path: Path, settings: Any
) -> None:
    """Of a trial that changes something: charts by day and rule, accounts and the sample lead on, figures have intervals."""
    wider = policy_folder(tmp_path / "wider")
    text = (wider / "spam.yaml").read_text()
    (wider / "spam.yaml").write_text(text.replace('contains("buy pills")', 'contains("hello")'))
    began = datetime.now(UTC) - timedelta(days=30)
    started = jobs.start(
        "Pills, said otherwise", load_bundle(wider), load_bundle(settings.SAFEHOLD_POLICIES), began, by="Ada"
    )
    done = _finished(started.id)
    assert done.state == "done" and done.newly_hit > 5 and done.no_longer_hit > 5, done.error
    report = jobs.report_of(started.id)
    assert report is not None
    page = place.author.get(f"/backtests/{started.id}/").content.decode()
    assert "Events hit, by day" in page and "Events newly and no longer hit, by rule" in page
    assert f"/decisions/{report.sample[0].decision}/" in page and f"account:{report.accounts[0].account}" in page
    assert sum(day.newly for day in report.days) == report.newly_hit
    assert sum(day.events for day in report.days) == report.events == 150
    file = place.author.get(f"/backtests/{started.id}/file/").content.decode()
    assert "What changes" in file and "Over time" in file and report.sample[0].event in file


def test_who_may_not_read_content_sees_the_list_only(place: SimpleNamespace) -> None:
    assert place.reader.get("/backtests/").status_code == 200
    assert place.reader.post("/backtests/start/", {"draft": "in-force"}).status_code == 403
    assert place.reader.get("/backtests/bkt_x/").status_code == 403
    assert place.author.get("/backtests/bkt_nothing/").status_code == 404


def test_the_sample_is_reviewed_blind(place: SimpleNamespace) -> None:
    hit = Decision.objects.filter(action="remove").first()
    assert hit is not None
    entity = Entity.objects.get_or_create(service_id=hit.service_id, kind=hit.subject_kind, external_id=hit.subject_id)[
        0
    ]
    sampled = Sampled(
        position=1, event=hit.event_id, decision=hit.pk, service=hit.service_id, type="message.sent", account="u1",
        stratum="spam.pills/pills, newly hit", before=(), after=("spam.pills/pills",),
    )  # fmt: skip
    assert send_to_review([sampled]) == 1
    assert send_to_review([sampled]) == 0
    task = Task.objects.get(entity=entity)
    assert task.queue_id == "backtest"
    moderator = _client(person("Mo", Role.MODERATOR))
    page = moderator.get(f"/tasks/{task.pk}/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "What the rules saw" not in text and "Decided so far" not in text
