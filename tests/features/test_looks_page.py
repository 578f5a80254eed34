"""Where second looks stand, in the console: what waits and since when, what each budget has left, why some have no answer."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from safehold.accounts.roles import Role
from safehold.console import looks as pages
from safehold.desk.looks.models import Look
from safehold.desk.looks.setup import current
from safehold.desk.looks.taking import kept_of
from tests import desk_rows
from tests.world import happens, person, service


@pytest.fixture
def console(fresh_sqlite: Any, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(settings, "VAR", tmp_path / "var")
    monkeypatch.setattr(pages, "remembered", lambda key, seconds, read: read())
    service()
    client.force_login(person(Role.READ_ONLY))
    yield client
    current.cache_clear()


def named(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """A file with one service of two requests a day."""
    document = {
        "gateway": {"key": "env:KEY"},
        "services": {"qwen": {"kind": "judge", "url": "https://judge.example/v1", "model": "m", "limits": {"requests_a_day": 2}}},
        "looks": [{"policy": "hate.goblins", "ask": ["qwen"], "on": ["message.sent"]}],
    }  # fmt: skip
    file.write_text(json.dumps(document))
    monkeypatch.setattr(settings, "SAFEHOLD_LOOKS", str(file))
    current.cache_clear()


def test_without_a_file_the_page_says_how_to_begin(console: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SAFEHOLD_LOOKS", "")
    current.cache_clear()
    said = console.get("/looks/").content.decode()
    assert "Nobody is asked" in said and "safehold looks check" in said


def test_what_waits_what_was_spent_and_why_there_is_no_answer(
    console: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named(monkeypatch, tmp_path / "looks.yaml")
    decisions = [happens() for _ in range(3)]
    now = timezone.now()
    Look.objects.create(decision=decisions[0], policy="hate.goblins", created_at=now - timedelta(hours=3))
    Look.objects.create(
        decision=decisions[1], policy="hate.goblins", finished_at=now, outcome="failed", why="qwen answered 503 <b>"
    )
    Look.objects.create(decision=decisions[2], policy="hate.goblins", finished_at=now, outcome="answered")
    kept = kept_of(current())
    for _ in range(2):
        kept.spend("qwen", 340, None, None)
    kept.close()
    page = console.get("/looks/")
    assert (page.context["waiting"], dict(page.context["ended"])["Not answered"]) == (1, 1)
    said = page.content.decode()
    assert "qwen answered 503 &lt;b&gt;" in said and f"/decisions/{decisions[1].pk}/" in said
    assert f"/decisions/{decisions[2].pk}/" not in said  # it has its answer
    assert "Used up" in said and "680" in said
    assert Client().get("/looks/").status_code == 302


def test_a_budget_that_cant_be_read_is_unknown_and_not_nothing(
    console: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named(monkeypatch, tmp_path / "looks.yaml")
    (tmp_path / "var" / "looks").mkdir(parents=True)
    (tmp_path / "var" / "looks" / "answers.sqlite3").write_bytes(b"not a database, but long enough to be read" * 100)
    said = console.get("/looks/").content.decode()
    assert "unknown" in said and "Used up" not in said


def test_the_database_lets_a_look_end_once_and_ask_one_thing(fresh_database: Any) -> None:
    decision = desk_rows.decision(desk_rows.post()[0])
    look = Look.objects.create(decision=decision, policy="hate.goblins")
    with pytest.raises(DatabaseError, match="one decision, by one policy"), transaction.atomic():
        Look.objects.filter(pk=look.pk).update(policy="hate.trolls")
    Look.objects.filter(pk=look.pk).update(finished_at=timezone.now(), outcome="answered")
    for change in ({"finished_at": None, "outcome": ""}, {"outcome": "failed"}, {"next_at": timezone.now()}):
        with pytest.raises(DatabaseError, match="stays as it ended"), transaction.atomic():
            Look.objects.filter(pk=look.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        Look.objects.create(decision=decision, policy="hate.goblins")
    assert Look.objects.get().outcome == "answered"
