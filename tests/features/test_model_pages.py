"""The console's pages of models and labels; the model in shadow beside the live one; what to label next."""

import csv
import re
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from typer.testing import CliRunner

from safehold.accounts.roles import Role
from safehold.cli import app
from safehold.desk.entities.models import Event
from safehold.desk.learning import runs
from safehold.desk.learning.feed import Seated
from safehold.desk.learning.models import Label, LearnedModel, ShadowRun, ShadowScore, TrainingRun
from safehold.desk.learning.next import picks
from safehold.desk.learning.promoting import promote, watch
from safehold.desk.learning.shadow import compared, disagreements, follow
from safehold.desk.learning.training import lessons_of, share_of, train_now
from safehold.gateway.models import ModelKeeper
from safehold.record.models import AuditEvent
from safehold.signals.community import features
from safehold.signals.community.seat import Seat
from tests import lessons
from tests.desk_rows import person, policy, post, service

pytestmark = pytest.mark.django_db
CLI = CliRunner()


@pytest.fixture
def shadowed() -> LearnedModel:
    """Model 1 is live, model 2, which was taught more, in shadow."""
    service()
    lessons.teach(200)
    first = train_now(None, "plaza")
    watch(None, first.pk)
    promote(None, first.pk)
    lessons.teach(60, seed=8)
    second = train_now(None, "plaza")
    watch(None, second.pk)
    return LearnedModel.objects.get(pk=second.pk)


def signed_in(*roles: Role) -> Client:
    client = Client()
    client.force_login(person("Ada", *roles), backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def posts(count: int, seed: int = 20) -> None:
    for text, _ in lessons.texts(count, seed=seed):
        post(text)


class TestShadow:
    def test_it_scores_the_same_events_apart_from_verdicts_each_once(self, shadowed: LearnedModel) -> None:
        posts(12)
        assert follow() == 12
        assert follow() == 0
        posts(3, seed=21)
        assert follow() == 3
        scores = ShadowScore.objects.filter(model=shadowed)
        assert scores.count() == 15
        assert all(0 <= score.said["spam"] <= 1 and 0 <= score.live_said["spam"] <= 1 for score in scores)
        assert scores[0].live.number == 1

    def test_would_be_differences_are_counted_at_the_rules_thresholds(self, shadowed: LearnedModel) -> None:
        policy("spam.learned", rules=[{"id": "sure", "when": "signals.community.spam >= 0.9"}])
        posts(4)
        follow()
        events = list(Event.objects.order_by("position"))
        ShadowScore.objects.all().delete()
        for event, own, live in zip(events, (0.95, 0.95, 0.1, 0.2), (0.95, 0.5, 0.92, 0.1), strict=True):
            ShadowScore.objects.create(model=shadowed, event=event, said={"spam": own}, live_said={"spam": live})
        (found,) = compared(shadowed)
        assert (found.rule, found.threshold) == ("spam.learned/sure", 0.9)
        assert (found.texts, found.same, found.newly, found.no_longer) == (4, 2, 1, 1)
        assert [round(own - live, 2) for _, _, own, live in disagreements(shadowed, 2)] == [-0.82, 0.45]

    def test_what_comes_too_fast_is_passed_over_and_said(self, shadowed: LearnedModel, monkeypatch) -> None:
        monkeypatch.setattr("safehold.desk.learning.shadow.BEHIND", 5)
        follow()
        posts(1)
        follow()
        posts(9, seed=22)
        follow()
        assert ShadowRun.objects.get().passed_over == 4
        assert ShadowScore.objects.count() == 6


class TestNext:
    def test_the_least_sure_come_first_a_share_is_by_lot_and_what_was_labelled_goes(
        self, shadowed: LearnedModel
    ) -> None:
        posts(120)
        found = picks("plaza", "spam", 20)
        share = share_of("plaza")
        assert len(found) == 20
        assert sum(pick.why == "audit" for pick in found) == 4
        assert all(share.has(pick.words) == (pick.why == "audit") for pick in found)
        unsure = [abs(pick.probability - 0.5) for pick in found if pick.why == "unsure"]
        everything = picks("plaza", "spam", 1_000)
        others = [abs(pick.probability - 0.5) for pick in everything if pick.why == "unsure"]
        assert sum(unsure) / len(unsure) < sum(others) / len(others)
        assert {pick.words for pick in picks("plaza", "spam", 20)} == {pick.words for pick in found}

    def test_a_file_goes_out_and_comes_back_as_labels(self, shadowed: LearnedModel, tmp_path: Path) -> None:
        posts(30)
        path = tmp_path / "next.csv"
        done = CLI.invoke(app, ["learn", "next", "--attribute", "spam", "--count", "10", "-o", str(path)])
        assert done.exit_code == 0, done.output
        with path.open(newline="") as opened:
            rows = list(csv.DictReader(opened))
        assert len(rows) == 10
        with path.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, list(rows[0]))
            writer.writeheader()
            writer.writerows(row | {"value": "1"} for row in rows)
        assert "10 of them new" in CLI.invoke(app, ["labels", "import", str(path)]).stdout
        assert not {row["text"] for row in rows} & {pick.words for pick in picks("plaza", "spam", 100)}


class TestPages:
    def test_from_the_list_to_promoted_and_back_with_one_click(self, shadowed: LearnedModel) -> None:
        client = signed_in(Role.ADMIN)
        page = client.get("/models/").content.decode()
        assert "Model 1" in page and "Model 2" in page and "Roll back" in page
        page = client.get("/models/2/").content.decode()
        assert re.search(r"AUC by number of labels.*Calibration", page, re.DOTALL)
        client.post("/models/2/promote/", {"note": "better", "worse": "yes"})
        assert LearnedModel.objects.get(state="live").number == 2
        client.post("/models/rollback/", {"note": "false alarms"})
        assert LearnedModel.objects.get(state="live").number == 1
        assert AuditEvent.objects.get(verb="model.rolled_back").detail["note"] == "false alarms"

    def test_a_model_for_another_reading_of_texts_is_said_to_be_unusable_never_asked_and_never_restored(
        self, shadowed: LearnedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As when a release brings another shipped model."""
        client = signed_in(Role.ADMIN)
        monkeypatch.setattr(features, "version", lambda: "ngrams-1+harm-another")
        page = client.get("/models/").content.decode()
        assert "The live model can't be used" in page and "ngrams-1+harm-another" in page
        assert "this version reads ngrams-1+harm-another" in client.get("/models/2/").content.decode()
        assert (
            "It can&#x27;t be used" in client.post("/models/2/promote/", {"worse": "yes"}, follow=True).content.decode()
        )
        source, seat = Seated(), Seat()
        ModelKeeper(source, seat).look()
        assert seat.live is None
        third = train_now(None, "plaza", seed=3)
        watch(None, third.pk)
        promote(None, third.pk)
        ModelKeeper(source, seat).look()
        assert seat.live.name == third.name
        assert lessons_of(third).attributes["spam"].live is None
        client.post("/models/rollback/")
        assert not LearnedModel.objects.filter(state="live").exists()

    def test_who_may_not_is_refused_and_sees_no_button(self, shadowed: LearnedModel) -> None:
        client = signed_in(Role.MODERATOR)
        assert "Promote" not in client.get("/models/2/").content.decode()
        client.post("/models/2/promote/", {})
        assert LearnedModel.objects.get(state="live").number == 1
        assert client.post("/models/rollback/").status_code == 403
        assert client.get("/models/9/").status_code == 404

    def test_texts_of_disagreement_are_shown_when_asked_for_and_that_is_noted(self, shadowed: LearnedModel) -> None:
        event, _ = post("a text that only I wrote")
        ShadowRun.objects.create(model=shadowed, position=event.position)
        ShadowScore.objects.create(model=shadowed, event=event, said={"spam": 0.9}, live_said={"spam": 0.1})
        client = signed_in(Role.POLICY_AUTHOR)
        assert "only I wrote" not in client.get("/models/2/").content.decode()
        assert not AuditEvent.objects.filter(verb="learned_model.read").exists()
        assert "only I wrote" in client.get("/models/2/?reveal=1").content.decode()
        assert AuditEvent.objects.get(verb="learned_model.read").object_id == shadowed.pk
        assert "only I wrote" not in signed_in(Role.READ_ONLY).get("/models/2/?reveal=1").content.decode()

    def test_labels_are_counted_by_source_and_what_to_label_next_is_answered(self, shadowed: LearnedModel) -> None:
        posts(15)
        client = signed_in(Role.MODERATOR)
        assert "260" in client.get("/models/labels/").content.decode()
        page = client.get("/models/next/?attribute=spam").content.decode()
        event = re.search(r'name="event" value="(evt_\w+)"', page)[1]
        assert AuditEvent.objects.filter(verb="labels_next.read").exists()
        before = Label.objects.count()
        for _ in range(2):
            client.post("/models/next/say/", {"event": event, "attribute": "spam", "answer": "yes"})
        label = Label.objects.order_by("-position").first()
        assert Label.objects.count() == before + 1
        assert (label.reference, label.value, label.source, label.person.name) == (event, 1.0, "manual", "Ada")
        assert event not in client.get("/models/next/?attribute=spam").content.decode()

    def test_without_models_and_labels_the_pages_say_where_they_come_from(self) -> None:
        service()
        client = signed_in(Role.ADMIN)
        page = client.get("/models/").content.decode()
        assert "submit-spam" in page and "suggestscore" in page and "disabled" in page
        client.post("/models/train/")
        assert not TrainingRun.objects.exists()
        lessons.teach(30)
        texts = lessons.texts(30)
        yes = sum(spam for _, spam in texts)
        page = client.get("/models/").content.decode()
        assert f'<progress value="{min(yes, 20) + min(30 - yes, 20)}" max="40" aria-label="Spam">' in page
        assert "Nothing to label" in client.get("/models/next/").content.decode()

    def test_without_labels_their_page_says_where_they_come_from(self) -> None:
        service()
        assert "safehold labels import" in signed_in(Role.ADMIN).get("/models/labels/").content.decode()

    def test_texts_are_labelled_one_at_a_time_and_the_next_comes_at_once(self, shadowed: LearnedModel) -> None:
        posts(15)
        client = signed_in(Role.MODERATOR)
        page = client.get("/models/next/?attribute=spam").content.decode()
        met = []
        for turn, answer in enumerate(("yes", "skip", "no")):
            (event,) = re.findall(r'name="event" value="(evt_\w+)"', page)
            met.append(event)
            assert f"{turn + 1} of 12" in page
            page = client.post(
                "/models/next/say/", {"event": event, "attribute": "spam", "answer": answer},
                headers={"HX-Request": "true"},
            ).content.decode()  # fmt: skip
        assert len(set(met)) == 3 and "Kept: no" in page
        assert set(Label.objects.filter(reference__in=met).values_list("reference", "value")) == {
            (met[0], 1.0), (met[2], 0.0),
        }  # fmt: skip
        reads = AuditEvent.objects.filter(verb="labels_next.read")
        assert [read.detail["events"] for read in reads.order_by("pk")][:3] == [[event] for event in met]
        while (found := re.search(r'name="event" value="(evt_\w+)"', page)) is not None:
            assert found[1] not in met
            met.append(found[1])
            page = client.post(
                "/models/next/say/", {"event": found[1], "attribute": "spam", "answer": "yes"},
                headers={"HX-Request": "true"},
            ).content.decode()  # fmt: skip
        assert len(met) == 15 and "Nothing to label" in page

    def test_what_somebody_else_labelled_meanwhile_is_not_asked_again(self, shadowed: LearnedModel) -> None:
        posts(6)
        pages = [signed_in(Role.MODERATOR) for _ in range(2)]
        event = [
            re.search(r'name="event" value="(evt_\w+)"', client.get("/models/next/?attribute=spam").content.decode())[1]
            for client in pages
        ]
        assert event[0] == event[1]
        pages[0].post("/models/next/say/", {"event": event[0], "attribute": "spam", "answer": "yes"})
        assert event[0] not in pages[1].get("/models/next/?attribute=spam").content.decode()


class TestTraining:
    """From the console. The thread begins when the transaction ends, so that these call what it does."""

    def test_a_finished_training_opens_its_model(self) -> None:
        service()
        lessons.teach(200)
        client = signed_in(Role.POLICY_AUTHOR)
        answer = client.post("/models/train/")
        run = TrainingRun.objects.get()
        assert answer["Location"] == f"/models/training/{run.pk}/"
        assert "HX-Refresh" not in client.get(f"/models/training/{run.pk}/progress/")
        assert "is being trained" in client.get("/models/").content.decode()
        runs.work(run.pk)
        run.refresh_from_db()
        assert (run.state, run.model.number, run.model.trained_by) == ("done", 1, run.started_by)
        assert run.step.startswith("Learning")
        assert client.get(f"/models/training/{run.pk}/progress/")["HX-Refresh"] == "true"
        assert client.get(f"/models/training/{run.pk}/")["Location"] == "/models/1/"
        assert AuditEvent.objects.get(verb="training.started").actor == run.started_by_id

    def test_there_are_never_two_at_once(self) -> None:
        service()
        lessons.teach(60)
        client = signed_in(Role.ADMIN)
        client.post("/models/train/")
        client.post("/models/train/")
        run = TrainingRun.objects.get()
        with pytest.raises(IntegrityError), transaction.atomic():
            TrainingRun.objects.create(service_id="plaza", started_by=run.started_by)
        TrainingRun.objects.update(said_at=timezone.now() - runs.SILENT * 2)
        assert "It stopped" in client.get(f"/models/training/{run.pk}/").content.decode()
        client.post("/models/train/")
        assert sorted(TrainingRun.objects.values_list("state", flat=True)) == ["lost", "running"]

    def test_a_cancelled_one_leaves_no_model(self) -> None:
        service()
        lessons.teach(60)
        client = signed_in(Role.ADMIN)
        client.post("/models/train/")
        run = TrainingRun.objects.get()
        client.post(f"/models/training/{run.pk}/cancel/")
        runs.work(run.pk)
        run.refresh_from_db()
        assert run.state == "cancelled" and not LearnedModel.objects.exists()
        assert "It was cancelled" in client.get(f"/models/training/{run.pk}/").content.decode()
        assert AuditEvent.objects.filter(verb="training.cancelled").exists()

    def test_one_that_fails_says_why(self, shadowed: LearnedModel, monkeypatch: pytest.MonkeyPatch) -> None:
        client = signed_in(Role.ADMIN)
        client.post("/models/train/")

        def broken(*_: object, **__: object) -> None:
            raise OSError("no space left on device")

        monkeypatch.setattr(runs, "train_now", broken)
        run = TrainingRun.objects.get()
        runs.work(run.pk)
        assert "no space left on device" in client.get(f"/models/training/{run.pk}/").content.decode()
        assert "The last training failed" in client.get("/models/").content.decode()

    def test_who_may_not_train_sees_no_button(self, shadowed: LearnedModel) -> None:
        client = signed_in(Role.MODERATOR)
        assert "/models/train/" not in client.get("/models/").content.decode()
        assert client.post("/models/train/").status_code == 403


def test_a_models_page_says_what_it_learned_in_each_language(shadowed: LearnedModel) -> None:
    page = signed_in(Role.POLICY_AUTHOR).get(f"/models/{shadowed.number}/").content.decode()
    card = page[page.index("By language") :]
    spoken = lessons_of(shadowed).attributes["spam"].languages["en"]
    row = re.sub(r"<[^>]+>", " ", card[card.index("English") :].partition("</tr>")[0]).split()
    assert row[:3] == ["English", str(spoken.labels), str(spoken.positives)]
    assert "SAFEHOLD_ANSWERS_BY=community" in card
    shown = CLI.invoke(app, ["learn", "show", str(shadowed.number)])
    assert f"spam in en: {spoken.labels} labels" in shown.output
