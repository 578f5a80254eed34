"""A moderator sees what signals measured, and which words a score comes from, on the pages of a task and of a decision."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from safehold.accounts.roles import Role
from safehold.desk.decisions.measured import Place, places_in, signal_of
from safehold.desk.decisions.models import Decision
from safehold.desk.review.models import BLIND, Queue, Task
from safehold.engine.event import Event
from safehold.record.models import AuditEvent
from safehold.web.code import marked
from tests.desk_rows import flagged, person

pytestmark = pytest.mark.django_db

TEXT = "Thanks for nothing, you stupid idiot"


def _measured(*others: dict[str, Any], **more: Any) -> tuple[Decision, Task]:
    """A post that was held, with what the installed signal measured in the record."""
    harm = signal_of("harm")
    event = Event(id="e", source="/s", type="content.created", time=timezone.now(), text=TEXT)
    run = {"signal": "harm", "version": harm.version, "micros": 3000, "values": dict(harm.run(event))} | more
    made, entity = flagged(text=TEXT, signals=[run, *others])
    return made, Task.objects.get(entity=entity)


@pytest.fixture
def mira(client: Client) -> Iterator[Client]:
    client.force_login(person("Mira Moderator"))
    yield client


def _marks(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<mark title="([^"]*)">([^<]*)</mark>', page)


def test_a_task_shows_its_scores_and_marks_the_words_that_they_come_from(mira: Client) -> None:
    _, task = _measured()
    page = mira.get(reverse("task", args=[task.pk])).content.decode()
    assert "What signals measured" in page and "Insult" in page and reverse("task-words", args=[task.pk]) in page
    before = AuditEvent.objects.count()
    fragment = mira.get(reverse("task-words", args=[task.pk])).content.decode()
    assert any("insult" in title and "idiot" in words for title, words in _marks(fragment)), fragment
    assert re.sub("<[^>]+>", "", fragment.split("</div>")[0]) == TEXT
    assert AuditEvent.objects.count() == before + 1, "that somebody read it is recorded"


def test_a_decision_marks_them_for_whoever_may_read_what_was_written(mira: Client, client: Client) -> None:
    made, _ = _measured()
    where = reverse("decision-words", args=[made.pk])
    assert where not in mira.get(reverse("decision", args=[made.pk])).content.decode()
    assert where in mira.get(reverse("decision", args=[made.pk]) + "?reveal=1").content.decode()
    assert _marks(mira.get(where).content.decode())
    client.force_login(person("Ana Analyst", Role.READ_ONLY))
    assert client.get(where).status_code == 403


def test_words_of_another_version_of_the_signal_are_not_guessed(mira: Client) -> None:
    _, task = _measured(version="0.9.0")
    fragment = mira.get(reverse("task-words", args=[task.pk])).content.decode()
    assert not _marks(fragment) and "the signal has changed since" in fragment


def test_a_signal_that_cannot_say_where_leaves_the_others_places(mira: Client, monkeypatch: Any) -> None:
    def broken(event: Event) -> list[dict[str, object]]:
        raise RuntimeError("a plug-in's bug")

    found = {
        "signal": "personal",
        "version": "0",
        "micros": 9,
        "values": {"found": [{"start": 0, "end": 6, "kind": "word"}]},
    }
    _, task = _measured(found)
    monkeypatch.setattr(signal_of("harm"), "places", broken)
    assert _marks(mira.get(reverse("task-words", args=[task.pk])).content.decode()) == [("word", "Thanks")]


def test_where_review_is_blind_there_is_neither(mira: Client) -> None:
    _, task = _measured()
    Task.objects.filter(pk=task.pk).update(queue=Queue.objects.create(slug=BLIND, title="Blind"))
    assert "What signals measured" not in mira.get(reverse("task", args=[task.pk])).content.decode()
    assert mira.get(reverse("task-words", args=[task.pk])).status_code == 404


def test_places_are_read_at_any_depth_and_only_within_the_text() -> None:
    values = {
        "a": [{"start": 0, "end": 2, "term": "x"}, {"start": 3, "end": 99}],
        "b": {"start": 1, "end": 1},
        "c": 0.4,
    }
    assert list(places_in(values, 5)) == [Place(0, 2, "x")]


def test_overlapping_marks_keep_the_text_whole_and_escaped() -> None:
    html = marked("<b>ad words", [(0, 5, "one"), (0, 5, "two"), (3, 8, "three"), (9, 9, "none")])
    assert html == ('<mark title="one, two">&lt;b&gt;ad</mark><mark title="three"> wo</mark>rds')
