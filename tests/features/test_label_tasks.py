"""Texts to label as tasks of the review queue: filled by who trains, worked blind, some by two people, each answer a label."""

import re

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from typer.testing import CliRunner

from safehold.accounts.models import User
from safehold.accounts.roles import Role
from safehold.cli import app
from safehold.desk.history.sample import send_to_review
from safehold.desk.learning import asking
from safehold.desk.learning.agreeing import agreed
from safehold.desk.learning.models import Asked, AuditShare, Label
from safehold.desk.learning.next import picks
from safehold.desk.learning.training import share_of
from safehold.desk.review import claims
from safehold.desk.review.claims import MayNot, NotHeld
from safehold.desk.review.deciding import decide_task
from safehold.desk.review.models import Task
from safehold.record.models import AuditEvent, Transition
from safehold.signals.community.agreement import agreement
from tests import desk_rows, lessons
from tests.desk_rows import person, post, service

pytestmark = pytest.mark.django_db
CLI = CliRunner()


def seen(count: int, seed: int = 20) -> None:
    """Posts that rules let through."""
    for text, _ in lessons.texts(count, seed=seed):
        desk_rows.carried(desk_rows.decision(post(text)[0], "allow", queue=""))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def labelled_by(who: User, said: str = "yes") -> Asked | None:
    """`who` takes the next text and answers."""
    claim = claims.claim_next(who, asking.queue())
    return asking.answer(who, claim.task_id, said) if claim else None


@pytest.fixture(autouse=True)
def _there() -> None:
    service()
    AuditShare.objects.create(service_id="plaza", salt="fixed", share=0.15)
    seen(20)


class TestQueue:
    def test_texts_are_asked_for_once_a_share_by_lot_and_some_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asking, "TWICE", 2)
        assert asking.ask(None, "plaza", "spam", 10) == 10
        rows = Asked.objects.all()
        assert rows.filter(turn=1).count() == 10
        assert 0 < rows.filter(turn=2).count() < 10
        share = share_of("plaza")
        assert all(share.has(desk_rows_text(row)) == (row.why == "audit") for row in rows)
        assert {row.task.queue_id for row in rows} == {"labelling"}
        assert not {row.digest for row in rows} & {asking.digest_of(pick.words) for pick in picks("plaza", "spam", 100)}
        assert AuditEvent.objects.get(verb="labels.asked").detail["texts"] == 10

    def test_an_answer_is_a_label_and_ends_the_task_by_the_table(self) -> None:
        asking.ask(None, "plaza", "spam", 3)
        ada = person("Ada")
        asked = labelled_by(ada)
        label = Label.objects.get()
        assert (label.attribute, label.value, label.source, label.person, label.reference) == (
            "spam", 1.0, "manual", ada, asked.pk,
        )  # fmt: skip
        steps = Transition.objects.filter(entity_kind="task", entity_id=asked.pk).order_by("id")
        assert [step.activity for step in steps] == ["claimed", "decided", "closed"]
        assert labelled_by(ada, "unclear").answer == "unclear"
        assert Label.objects.count() == 1

    def test_two_people_are_asked_of_the_same_text_and_a_third_where_they_contradict(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(asking, "TWICE", 1)
        asking.ask(None, "plaza", "spam", 1)
        ada, ben, eve = person("Ada"), person("Ben"), person("Eve")
        labelled_by(ada, "yes")
        assert claims.claim_next(ada, asking.queue()) is None
        labelled_by(ben, "no")
        assert claims.claim_next(ben, asking.queue()) is None
        third = labelled_by(eve, "no")
        assert (third.turn, Asked.objects.count(), Label.objects.count()) == (3, 3, 3)
        found, people = agreed("plaza")
        assert (found["spam"].pairs, found["spam"].same.value) == (1, 0.0)
        assert [each.person for each in people] == [ada, ben]

    def test_nobody_labels_a_text_twice_whatever_they_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asking, "TWICE", 1)
        asking.ask(None, "plaza", "spam", 1)
        ada = person("Ada")
        one, other = Task.objects.all()
        claims.claim(ada, one.pk)
        claims.claim(ada, other.pk)
        asking.answer(ada, one.pk, "yes")
        with pytest.raises(MayNot, match="before"):
            asking.answer(ada, other.pk, "no")
        with pytest.raises(NotHeld):
            asking.answer(person("Ben"), other.pk, "no")
        row = Asked.objects.get(pk=other.pk)
        row.answer, row.person, row.answered_at = "no", ada, row.task.created_at
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()

    def test_what_waits_is_taken_back_and_can_be_asked_again(self) -> None:
        asking.ask(None, "plaza", "spam", 4)
        held = claims.claim_next(person("Ada"), asking.queue())
        before = Task.objects.filter(state="queued").count()
        assert asking.withdraw(None, "plaza", "spam") == before
        assert Task.objects.get(closed_at=None).pk == held.task_id
        assert asking.ask(None, "plaza", "spam", 15) > 4

    def test_a_label_task_is_nobodys_decision_and_no_report_gets_lost_in_it(self) -> None:
        asking.ask(None, "plaza", "spam", 12)
        ada = person("Ada")
        task = claims.claim_next(ada, asking.queue()).task
        with pytest.raises(MayNot, match="decided"):
            decide_task(ada, task.pk, version=task.version, over=task.decision, action="allow")
        with pytest.raises(MayNot):
            claims.move_to(ada, task.pk, desk_rows_queue("spam"))
        desk_rows.report(task.entity)
        assert Task.objects.filter(entity=task.entity, kind="report", queue="reports").exists()
        assert send_to_review([]) == 0

    def test_the_command_asks_and_takes_back(self) -> None:
        done = CLI.invoke(app, ["learn", "ask", "--attribute", "spam", "--count", "5"])
        assert "5 texts wait in the queue Labelling" in done.output, done.output
        done = CLI.invoke(app, ["learn", "ask", "--attribute", "spam", "--withdraw"])
        assert "tasks taken back" in done.output


class TestPages:
    def test_by_keyboard_from_the_queue_through_texts_and_blind(self) -> None:
        admin, ada = person("Boss", Role.ADMIN), person("Ada")
        signed_in(admin).post("/models/labels/ask/", {"attribute": "spam", "count": "12"})
        row = Asked.objects.filter(turn=1).first()
        Asked.objects.filter(pk=row.pk).update(probability=0.123)
        client = signed_in(ada)
        page = client.post("/queues/labelling/start/", follow=True)
        body = page.content.decode()
        assert page.status_code == 200 and "Is it spam?" in body
        assert {"y", "n", "u", "k"} <= set(re.findall(r'data-key="(\w)"', body))
        for told in ("0.123", "unsure", "audit", "listed-link", row.task.decision.pk):
            assert told not in body
        assert AuditEvent.objects.filter(verb="task.read").exists()
        (address,) = set(re.findall(r'action="(/tasks/\w+/label/say/)"', body))
        (version,) = set(re.findall(r'name="version" value="(\d+)"', body))
        page = client.post(address, {"answer": "no", "version": version}, follow=True)
        assert "Is it spam?" in page.content.decode() and address not in page.content.decode()
        assert Label.objects.get().value == 0.0
        assert "You said no" in client.get(address.removesuffix("say/")).content.decode()
        assert client.get(f"/tasks/{row.pk}/")["Location"].endswith("/label/")

    def test_the_page_of_labels_says_how_many_wait_and_how_far_people_agree(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(asking, "TWICE", 1)
        client = signed_in(person("Boss", Role.ADMIN))
        client.post("/models/labels/ask/", {"attribute": "spam", "count": "2"})
        for who in (person("Ada"), person("Ben")):
            labelled_by(who)
        page = client.get("/models/labels/").content.decode()
        assert "How far people agree" in page and "Take back" in page and "1.00" in page
        client.post("/models/labels/ask/", {"attribute": "spam", "withdraw": "1"})
        assert "Take back" not in client.get("/models/labels/").content.decode()
        assert (
            "a number from 1"
            in client.post("/models/labels/ask/", {"attribute": "spam", "count": "many"}, follow=True).content.decode()
        )

    def test_who_may_not_read_content_labels_nothing(self) -> None:
        asking.ask(None, "plaza", "spam", 1)
        task = Task.objects.first()
        client = signed_in(person("Rob", Role.READ_ONLY))
        assert client.get(f"/tasks/{task.pk}/label/").status_code == 403
        assert client.post(f"/tasks/{task.pk}/label/say/", {"answer": "yes"}).status_code == 403


def test_kappa_is_that_of_the_books() -> None:
    """Scott's pi of 45 + 25 texts of which two agree and 30 of which not: yes is said of 60 %, so chance is 0.52."""
    pairs = [(True, True)] * 45 + [(False, False)] * 25 + [(True, False)] * 15 + [(False, True)] * 15
    found = agreement(pairs)
    assert (found.pairs, found.same.value) == (100, 0.7)
    assert found.kappa.value == pytest.approx((0.7 - 0.52) / 0.48, abs=1e-4)
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert agreement([(True, True)] * 9).kappa.value is None


def desk_rows_text(row: Asked) -> str:
    return asking.text_of(row.event).strip()


def desk_rows_queue(slug: str):
    from safehold.desk.review.models import Queue

    return Queue.objects.get(pk=slug)
