"""Models learned from moderators: trained, measured on what they have not seen, put in shadow, promoted by somebody else, rolled
back; and the running gateways follow within a second."""

import json
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from safehold.accounts.keys import create_key
from safehold.accounts.people import Refused
from safehold.accounts.roles import Role, Scope
from safehold.cli import app
from safehold.desk.decisions.models import Decision
from safehold.desk.learning import runs
from safehold.desk.learning.models import AuditShare, Label, LearnedModel, ModelFile, Reading, TrainingRun
from safehold.desk.learning.next import picks
from safehold.desk.learning.promoting import promote, reject, roll_back, unwatch, watch
from safehold.desk.learning.readings import read_ahead
from safehold.desk.learning.shadow import compared, follow
from safehold.desk.learning.taking import forget
from safehold.desk.learning.training import examples, lessons_of, loaded, share_of, train_now
from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed
from safehold.gateway.models import ModelKeeper
from safehold.record.models import AuditEvent, Transition
from safehold.signals.community import Community, features
from safehold.signals.community.features import BUCKETS, packed, readings, rows, same_as, unpacked
from safehold.signals.community.learner import Design, fit, inverse_frequency
from safehold.signals.community.model import NotAModel, digest_of, read, write
from safehold.signals.community.seat import Live, Seat
from safehold.signals.community.training import Example, Share, train
from safehold.states import InvalidTransition
from tests import lessons
from tests.desk_rows import person, post, service
from tests.gateway_server import message, policy_folder, serving

CLI = CliRunner()
SPAM = "free casino bonus win money fast click this link 1x1"
HAM = "see you at lunch tomorrow my sister says hello 2x2"


def taught(count: int = 400, **more: object) -> list[Example]:
    return [Example(text, {"spam": (float(spam), 1.0)}) for text, spam in lessons.texts(count, **more)]


class TestTraining:
    """Without a database."""

    def test_the_same_labels_and_seed_give_the_same_bytes_in_any_order(self) -> None:
        share, examples = Share("salt"), taught(300)
        first = write(train(examples, share=share, seed=3)[0])
        assert write(train(examples[::-1], share=share, seed=3)[0]) == first
        assert write(train(examples[:-1], share=share, seed=3)[0]) != first

    def test_it_learns_and_says_how_well_with_intervals(self) -> None:
        packed, report = train(taught(), share=Share("salt"))
        model = read(write(packed))
        spam, ham = model.probabilities(rows([SPAM, HAM]))[:, 0]
        assert spam > 0.8 > 0.3 > ham
        found = report.attributes["spam"].audit
        assert found is not None and found.texts == report.audit_texts
        for figure in (found.precision, found.recall, found.f1, found.auc, found.calibration_error):
            assert figure.low <= figure.value <= figure.high
        assert found.auc.value > 0.8
        points = report.attributes["spam"].curve
        assert [point.labels for point in points] == sorted(point.labels for point in points)
        assert points[-1].auc == found.auc

    def test_the_audit_share_is_never_trained_on(self) -> None:
        """Whatever is said of its texts, the weights are the same."""
        share, examples = Share("salt"), taught()
        lied = [
            Example(each.text, {"spam": (1.0 - each.says["spam"][0], 1.0)}) if share.has(each.text) else each
            for each in examples
        ]
        assert sum(share.has(each.text) for each in examples) > 20
        one, other = (train(each, share=share)[0].heads["spam"] for each in (examples, lied))
        assert (one.buckets, one.dense, one.bias) == (other.buckets, other.dense, other.bias)
        assert one.calibration != other.calibration

    def test_a_fifth_is_audited_and_copies_are_on_one_side(self) -> None:
        share = Share("another salt")
        drawn = [share.has(text) for text, _ in lessons.texts(2_000)]
        assert 0.16 < np.mean(drawn) < 0.24
        for text, _ in lessons.texts(50):
            disguised = text.upper().replace("E", "3").replace(" ", "  ")
            assert same_as(disguised) == same_as(text)
            assert share.has(disguised) == share.has(text)

    def test_copies_count_once(self) -> None:
        examples = taught(200)
        once, many = (train(each, share=Share("s"))[1] for each in (examples, examples + examples[:50] * 20))
        assert (many.texts, many.copies) == (once.texts, once.copies + 1_000)

    def test_an_attribute_with_too_few_labels_is_not_learned_and_the_report_says_what_is_lacking(self) -> None:
        packed, report = train(taught(30), share=Share("s"))
        assert not packed.heads
        assert "more labels that say yes" in report.attributes["spam"].why

    def test_the_weights_are_at_the_minimum_as_another_library_finds_it(self) -> None:
        """Frequent letters and rare words on one scale: what stops early is seen here."""
        found = rows([text for text, _ in lessons.texts(300)])
        truth = np.array([float(spam) for _, spam in lessons.texts(300)])
        inverse = inverse_frequency(found)
        ours = fit(Design(found, inverse), truth, np.ones(300), strength=1.0)
        values = inverse[found.buckets]
        length = np.sqrt(np.add.reduceat(values**2, found.starts[:-1]))
        sparse = csr_matrix(
            (values / np.repeat(length, np.diff(found.starts)), found.buckets, found.starts), shape=(300, BUCKETS)
        )
        theirs = LogisticRegression(C=1.0, tol=1e-6, max_iter=500).fit(hstack([sparse, found.dense]).tocsr(), truth)
        scores = np.add.reduceat(ours.buckets[found.buckets], found.starts[:-1]) / length
        scores = scores + found.dense @ ours.dense + ours.bias
        apart = scores - theirs.decision_function(hstack([sparse, found.dense]).tocsr())
        assert float(np.abs(apart).max()) < 0.2 and float(np.abs(apart).mean()) < 0.02

    def test_what_was_read_before_makes_the_same_bytes_as_what_is_read_now(self) -> None:
        share, examples = Share("s"), taught(150)
        kept = {text: unpacked(packed(reading)) for text, reading in zip(
            [each.text for each in examples], readings([each.text for each in examples]), strict=True)}  # fmt: skip
        before = train(examples, share=share, reader=lambda texts: [kept[text] for text in texts])[0]
        assert write(before) == write(train(examples, share=share)[0])

    def test_several_threads_read_what_one_reads(self) -> None:
        found = [text for text, _ in lessons.texts(23)]
        one, three = features.readings(found), features.readings(found, 3)
        assert [features.packed(each) for each in one] == [features.packed(each) for each in three]

    def test_a_model_that_is_worse_than_the_live_one_is_seen_to_be(self) -> None:
        share = Share("s")
        good = read(write(train(taught(400), share=share)[0]))
        upside_down = [
            Example(each.text, {"spam": (1.0 - each.says["spam"][0], 1.0)}) if not share.has(each.text) else each
            for each in taught(400)
        ]
        _, report = train(upside_down, share=share, live=good)
        assert report.attributes["spam"].better.high < 0

    def test_a_damaged_file_is_refused(self) -> None:
        content = write(train(taught(200), share=Share("s"))[0])
        for wrong in (b"", content[:-9], b"\x80", content.replace(b"ngrams", b"ngrans")):
            with pytest.raises(NotAModel):
                read(wrong)


def event(text: str) -> Event:
    from datetime import UTC, datetime

    return Event(id="e", source="/s", type="message.sent", time=datetime(2026, 3, 1, tzinfo=UTC), text=text)


def test_without_a_live_model_the_signal_fails_and_what_was_not_learned_is_unknown() -> None:
    seat = Seat()
    with pytest.raises(SignalFailed, match="safehold learn train"):
        Community(seat).run(event("hello"))
    seat.live = Live("1-abc", read(write(train(taught(200), share=Share("s"))[0])))
    found = Community(seat).run(event(SPAM))
    assert (found["model"], "spam" in found, "threat" in found) == ("1-abc", True, False)


@pytest.mark.django_db
class TestLife:
    @pytest.fixture(autouse=True)
    def _labels(self) -> None:
        service()
        lessons.teach(250)

    def test_from_training_to_live_and_back_again(self) -> None:
        author, other = person("Ada", Role.ADMIN), person("Ben", Role.ADMIN)
        first = train_now(author, "plaza")
        assert (first.state, first.number) == ("trained", 1)
        with pytest.raises(Refused, match="in shadow"):
            promote(other, first.pk)
        watch(author, first.pk)
        with pytest.raises(Refused, match="somebody else"):
            promote(author, first.pk)
        promote(other, first.pk)
        lessons.teach(100, seed=8)
        second = train_now(author, "plaza")
        assert lessons_of(second).attributes["spam"].live is not None
        watch(author, second.pk)
        promote(other, second.pk, note="better", worse=True)
        first.refresh_from_db()
        assert first.state == "retired"
        gone, now = roll_back(other, note="false alarms")
        assert (gone.number, gone.state, now.number, now.state) == (2, "retired", 1, "live")
        roll_back(other)
        assert not LearnedModel.objects.filter(state="live").exists()
        with pytest.raises(Refused, match="No model is live"):
            roll_back(other)
        steps = Transition.objects.filter(entity_kind="learned_model", entity_id=first.pk).order_by("id")
        assert [step.activity for step in steps] == ["watched", "promoted", "replaced", "restored", "withdrawn"]
        verbs = AuditEvent.objects.filter(object_kind="learned_model").values_list("verb", flat=True)
        assert {"model.trained", "model.watched", "model.promoted", "model.rolled_back"} == set(verbs)

    def test_one_in_shadow_at_a_time_and_a_rejected_one_stays_rejected(self) -> None:
        one = train_now(None, "plaza")
        two = train_now(None, "plaza", seed=1)
        watch(None, one.pk)
        watch(None, two.pk)
        one.refresh_from_db()
        assert one.state == "trained"
        unwatch(None, two.pk)
        reject(None, two.pk, note="a week of raids")
        with pytest.raises(InvalidTransition):
            watch(None, two.pk)

    def test_the_same_labels_make_no_second_model(self) -> None:
        train_now(None, "plaza")
        with pytest.raises(Refused, match="would be the same again"):
            train_now(None, "plaza")

    def test_a_training_after_more_labels_reads_only_those_and_gives_what_one_from_scratch_gives(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read_texts: list[str] = []
        really = features.readings
        monkeypatch.setattr(features, "readings", lambda texts, *more: read_texts.extend(texts) or really(texts, *more))
        assert read_ahead(40) == 40
        train_now(None, "plaza")
        assert len(read_texts) == len(set(read_texts)) == Reading.objects.count() == 250
        lessons.teach(30, seed=8)
        model = train_now(None, "plaza")
        assert len(read_texts) == 280
        fresh, _ = train(examples("plaza", model.until), share=share_of("plaza"), live=None)
        assert digest_of(write(fresh)) == model.digest
        with pytest.raises(Refused, match="would be the same again"):
            train_now(None, "plaza", fresh=True)
        assert len(read_texts) == 560

    def test_what_another_version_read_is_read_again_and_what_was_read_goes_with_the_words(self) -> None:
        read_ahead(1_000)
        Reading.objects.filter(pk__in=list(Reading.objects.values_list("pk", flat=True)[:5])).update(features="old")
        assert (read_ahead(1_000), read_ahead(1_000)) == (5, 0)
        assert forget(timezone.now() + timedelta(days=4_000)) == 250
        assert not Reading.objects.exists()

    def test_the_shell_and_the_console_train_one_at_a_time_and_who_runs_is_said(self) -> None:
        ada = person("Ada", Role.ADMIN)
        with transaction.atomic():  # its thread would begin with the end of this
            run = runs.start(ada, "plaza")
            refused = CLI.invoke(app, ["learn", "train"])
            assert refused.exit_code == 1 and "Ada" in refused.output and "safehold learn cancel" in refused.output
            assert CLI.invoke(app, ["learn", "cancel"]).exit_code == 0
            runs.work(run.pk)
            run.refresh_from_db()
            assert run.state == "cancelled"
            done = CLI.invoke(app, ["learn", "train"])
            assert done.exit_code == 0, done.output
            own = TrainingRun.objects.get(started_by=None)
            assert (own.state, own.model.number, own.model.trained_by) == ("done", 1, None)
            assert "No model is being trained" in CLI.invoke(app, ["learn", "cancel"]).output
            transaction.set_rollback(True)

    def test_a_model_that_is_worse_is_promoted_only_by_who_says_so(self) -> None:
        model = train_now(None, "plaza")
        watch(None, model.pk)
        promote(None, model.pk)
        AuditShare.objects.get()
        share = share_of("plaza")
        packed, report = train(
            [Example(text, {"spam": (float(spam == share.has(text)), 1.0)}) for text, spam in lessons.texts(250)],
            share=share, live=loaded(model),
        )  # fmt: skip
        content = write(packed)
        worse = LearnedModel.objects.create(
            number=2, service_id="plaza", digest=digest_of(content), size=1, features="", seed=0, until=1, taught="",
            report=msgspec.to_builtins(report), seconds=1.0,
        )  # fmt: skip
        ModelFile.objects.create(model=worse, content=content)
        watch(None, worse.pk)
        with pytest.raises(Refused, match="worse than the live model at spam"):
            promote(None, worse.pk)
        assert promote(None, worse.pk, worse=True).state == "live"

    def test_the_database_refuses_two_live_models_ones_own_and_other_bytes(self) -> None:
        author = person("Ada", Role.ADMIN)
        model = train_now(author, "plaza")
        other = train_now(author, "plaza", seed=1)
        watch(None, model.pk)
        promote(None, model.pk)
        for change in (
            lambda: LearnedModel.objects.filter(pk=other.pk).update(state="live"),
            lambda: LearnedModel.objects.filter(pk=model.pk).update(promoted_by=author),
            lambda: LearnedModel.objects.filter(pk=model.pk).update(digest="0" * 64),
            lambda: ModelFile.objects.update(content=b"else"),
            lambda: AuditShare.objects.update(salt="known"),
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                change()

    def test_a_file_that_is_not_what_was_trained_is_not_used(self) -> None:
        class Tampered:
            def live(self) -> tuple[str, str]:
                return "1-abc", "0" * 64

            def content(self, digest: str) -> bytes:
                return bytes(ModelFile.objects.get().content)

            def close(self) -> None:
                return

        train_now(None, "plaza")
        seat = Seat()
        ModelKeeper(Tampered(), seat).look()
        assert seat.live is None

    def test_the_commands(self) -> None:
        shown = CLI.invoke(app, ["learn", "train"])
        assert shown.exit_code == 0, shown.output
        assert "Model 1 is trained" in shown.stdout
        assert "In shadow" in CLI.invoke(app, ["learn", "shadow", "1"]).stdout.replace("is in", "In")
        assert "Model 1 is live" in CLI.invoke(app, ["learn", "promote", "1"]).stdout
        assert "spam" in CLI.invoke(app, ["learn", "show", "1"]).stdout
        assert "live" in CLI.invoke(app, ["learn", "list"]).stdout
        assert "no model is live" in CLI.invoke(app, ["learn", "rollback"]).stdout
        refused = CLI.invoke(app, ["learn", "promote", "9"])
        assert (refused.exit_code, "There is no model 9" in refused.stderr) == (1, True)


POLICY = """
policy: test.learned
title: Learned here
severity: low
guidance: None.
on: [message.sent]
rules:
  - {id: spam, mode: live, when: signals.community.spam > 0.5, then: {action: warn, reason: Spam}}
"""
EVENT = {"Content-Type": "application/cloudevents+json"}


@pytest.mark.parametrize("processes", [1, 3])
def test_running_servers_take_a_promoted_model_within_a_second_and_give_it_back(
    processes: int, fresh_sqlite: SimpleNamespace, tmp_path: Path
) -> None:
    service()
    lessons.teach(250)
    model = train_now(None, "plaza")
    watch(None, model.pk)
    _, secret = create_key(None, "plaza", list(Scope), service="plaza")
    policies = policy_folder(tmp_path / "policies")
    (policies / "learned.yaml").write_text(POLICY)
    with serving(fresh_sqlite.url, policies, tmp_path, processes=processes) as server:
        client = server.client(secret)
        asked = 0

        def signal() -> dict:
            nonlocal asked
            asked += 1
            answer = client.post("/v1/events", json=message(f"{processes}{asked}", SPAM, f"u{asked}"), headers=EVENT)
            assert answer.status_code == 200, answer.text
            verdict = Decision.objects.get(pk=answer.json()["decision"]).verdict
            return next(run for run in verdict["signals"] if run["signal"] == "community")

        def until(wanted: object) -> None:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                if signal().get("values", {}).get("model") == wanted:
                    return
                time.sleep(0.05)
            raise AssertionError(f"no {wanted}: {json.dumps(signal())}")

        assert "no community model is live" in signal()["error"]
        promote(None, model.pk)
        until(model.name)
        assert signal()["values"]["spam"] > 0.5
        assert Decision.objects.order_by("-decided_at").first().action == "warn"
        roll_back(None)
        until(None)
        assert "community_model_unreadable" not in server.log.read_text()


def test_labels_models_and_shadow_are_the_same_on_both_databases(fresh_database: SimpleNamespace) -> None:
    service()
    lessons.teach(120)
    lessons.teach(120)  # brought again
    first = train_now(None, "plaza")
    watch(None, first.pk)
    promote(None, first.pk)
    second = train_now(None, "plaza", seed=1)
    watch(None, second.pk)
    for text, _ in lessons.texts(5, seed=20):
        post(text)
    assert (Label.objects.count(), follow(), follow()) == (120, 5, 0)
    assert compared(second)[0].texts == 5
    promote(None, second.pk)
    assert roll_back(None)[1] == first
    assert len(picks("plaza", "spam", 4)) == 4
