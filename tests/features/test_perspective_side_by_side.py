"""What somebody gets who moves from the old service while it still lives: both services' scores as numbers, a calibration that
keeps the meaning of their thresholds, a way back, and answers that don't wait for the old service.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from typer.testing import CliRunner

from safehold.cli import app
from safehold.desk.entities.models import Event
from safehold.desk.sidebyside.asking import asker
from safehold.desk.sidebyside.models import ComparedText, Comparison
from safehold.gateway.perspective.attributes import model_name
from safehold.gateway.perspective.calibration import read_calibration, version_file
from safehold.gateway.perspective.upstream import FAILURES, Failed
from safehold.record.models import AuditEvent
from tests.perspective_place import INSULT, KIND, Place, perspective_place
from tests.perspective_stub import KEY, Stub, old_service

GERMAN = "Das ist wirklich ein sehr schöner Garten, und die Blumen blühen jetzt überall."


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"comment": {"text": text}, "requestedAttributes": {"TOXICITY": {}, "INSULT": {}}, **more}


def until(question: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


@contextmanager
def moving(request: pytest.FixtureRequest, folder: Path, **more: object) -> Iterator[tuple[Place, Stub]]:
    with old_service() as stub:
        known: dict[str, object] = {
            "perspective_upstream": stub.url,
            "perspective_upstream_key": KEY,
            "perspective_upstream_seconds": 4,
            "webhook_private_hosts": "127.0.0.1",
        }
        with perspective_place(request, folder, **(known | more)) as place:
            yield place, stub


@pytest.fixture(scope="module")
def beside(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Stub]]:
    with moving(request, tmp_path_factory.mktemp("beside")) as made:
        yield made


def test_both_scores_are_kept_and_the_comment_is_not(beside):
    place, stub = beside
    answered = place.scores(ask(INSULT))
    until(lambda: Comparison.objects.filter(failed="").count() == 2)
    found = {row.attribute: row for row in Comparison.objects.all()}
    assert {name: row.ours for name, row in found.items()} == answered
    assert {row.theirs for row in found.values()} == {0.125}
    assert (
        found["INSULT"].size == len(INSULT)
        and found["INSULT"].language == "en"
        and found["INSULT"].model == model_name()
    )
    assert stub.asked[-1]["comment"]["text"] == INSULT
    fields = {field.name for field in Comparison._meta.get_fields()}
    assert fields == {
        "position", "service", "at", "attribute", "ours", "theirs", "failed", "language", "size", "model", "text",
    }  # fmt: skip
    assert {row.text for row in found.values()} == {None} and not ComparedText.objects.exists()


def test_what_must_not_be_stored_is_neither_sent_nor_kept(beside):
    place, stub = beside
    before, rows = len(stub.asked), Comparison.objects.count()
    place.scores(ask("never to be seen elsewhere", doNotStore=True, languages=["en"]))
    place.scores(ask(KIND))
    until(lambda: Comparison.objects.count() == rows + 2)
    assert len(stub.asked) == before + 1 and "never" not in str(stub.asked)


def test_a_service_that_fails_holds_up_nothing_is_recorded_as_failed_and_left_alone(beside):
    place, stub = beside
    said = {
        "slow": "too slow", 500: "status 500", 429: "status 429", "garbage": "not an answer of this API",
        "shape": "not an answer of this API", "huge": "answer too large", "redirect": "status 302",
        "hangs up": "unreachable",
    }  # fmt: skip
    for fault, why in said.items():
        Comparison.objects.all().delete()
        stub.fault = fault
        stub.held.clear()
        assert place.scores(ask(KIND))
        assert fault != "slow" or not stub.held.is_set()  # it was answered while the other service still thought
        until(lambda why=why: Comparison.objects.filter(failed=why, theirs=None).exists())
        stub.held.set()
        stub.fault = ""  # it comes back, and the failures in a row begin anew
        place.scores(ask(KIND))
        until(lambda: Comparison.objects.filter(failed="").exists())
    stub.fault = 500
    asked = len(stub.asked)
    for _ in range(FAILURES + 4):
        place.scores(ask(KIND))
    until(lambda: "upstream_left_alone" in place.server.log.read_text())
    time.sleep(0.3)
    assert FAILURES <= len(stub.asked) - asked <= FAILURES + 1
    assert KEY not in place.server.log.read_text() and KIND not in place.server.log.read_text()


def test_an_address_of_this_network_is_not_asked_unless_it_is_named(monkeypatch):
    with old_service() as stub:
        monkeypatch.setattr(settings, "SAFEHOLD_PERSPECTIVE_UPSTREAM", stub.url)
        monkeypatch.setattr(settings, "SAFEHOLD_WEBHOOK_PRIVATE_HOSTS", [])
        with pytest.raises(Failed, match="unreachable"):
            asker()(b"{}")
        assert stub.asked == []
    for wrong in (
        "commentanalyzer.googleapis.com",
        "ftp://x.example",
        "https://user@x.example",
        "https://x.example?key=1",
    ):
        monkeypatch.setattr(settings, "SAFEHOLD_PERSPECTIVE_UPSTREAM", wrong)
        with pytest.raises(ImproperlyConfigured, match="must be an address such as"):
            asker()


def test_the_old_services_scores_are_answered_where_that_is_wanted_and_ours_where_it_fails(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("theirs")
    with moving(request, folder, perspective_upstream_answers=1, perspective_upstream_seconds=60, rate=1, burst=20) as (
        place,
        stub,
    ):
        assert place.scores(ask(INSULT)) == {"TOXICITY": 0.125, "INSULT": 0.125}
        body = Event.objects.latest("position").body
        assert '"scores":{"TOXICITY":0.125,"INSULT":0.125}' in body and '"model":"upstream"' in body
        assert place.scores(ask(GERMAN)) == {"TOXICITY": 0.125, "INSULT": 0.125}  # which our model doesn't read
        stub.fault = 503
        assert place.scores(ask(INSULT))["TOXICITY"] > 0.5
        assert place.post(ask(GERMAN)).status_code == 400
        assert place.post(ask("")).json()["error"]["details"][0]["errorType"] == "COMMENT_EMPTY"
        until(lambda: Comparison.objects.filter(failed="status 503").exists())
        too_many_requests_get_429_and_when_to_come_again(place)


def too_many_requests_get_429_and_when_to_come_again(place: Place) -> None:
    late = next(answer for _ in range(60) if (answer := place.post({})).status_code == 429)
    error = late.json()["error"]
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert error["details"][0]["reason"] == "RATE_LIMIT_EXCEEDED" and error["details"][1]["retryDelay"].endswith("s")
    assert int(late.headers["retry-after"]) >= 1 and late.headers["ratelimit"].startswith('"events";r=0')


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["perspective", *words])
    assert result.exit_code == code, result.output
    return result.output


def test_a_calibration_is_fitted_put_in_force_and_taken_back(beside, monkeypatch):
    place, stub = beside
    stub.fault = ""
    Comparison.objects.all().delete()
    folder = place.server.log.parent / "calibrations" / "perspective"
    monkeypatch.setattr(settings, "SAFEHOLD_CALIBRATIONS", folder)
    own = place.scores(ask(INSULT, doNotStore=True))
    assert "too few" in run("calibrate", code=1)
    random = np.random.default_rng(1)
    ours = random.random(500)
    theirs = np.clip(ours * 0.5 + random.normal(0, 0.02, 500), 0, 1)
    Comparison.objects.bulk_create(
        Comparison(service_id="plaza", attribute="TOXICITY", ours=one, theirs=other, model=model_name())
        for one, other in zip(ours.tolist(), theirs.tolist(), strict=True)
    )
    Comparison.objects.create(service_id="plaza", attribute="INSULT", ours=0.5, theirs=0.5, model=model_name())
    Comparison.objects.create(service_id="plaza", attribute="TOXICITY", ours=0.5, failed="too slow", model=model_name())
    said = run("calibrate", "--use")
    assert "TOXICITY" in said and "500" in said and "Version 1 is in force" in said
    assert "INSULT is left out: 1 comparisons are too few" in said
    made = read_calibration(version_file(settings.SAFEHOLD_CALIBRATIONS, 1)).maps["TOXICITY"]
    assert made.before is not None and made.after is not None and made.after.difference < made.before.difference / 3

    until(lambda: place.scores(ask(INSULT, doNotStore=True)) != own, 5)
    calibrated = place.scores(ask(INSULT))
    assert calibrated["TOXICITY"] == pytest.approx(made.apply(own["TOXICITY"]))
    assert calibrated["TOXICITY"] == pytest.approx(own["TOXICITY"] / 2, abs=0.04)
    assert calibrated["INSULT"] == own["INSULT"]
    body = Event.objects.latest("position").body
    assert f'"TOXICITY":{calibrated["TOXICITY"]}' in body and "calibration 1" in body

    told = run("status")
    assert re.search(r"TOXICITY +harm \S+ +50\d +1 ", told) and "1 × too slow" in told and "in force: 1" in told
    run("calibrate")  # another version, not in force
    assert "in force" in next(line for line in run("versions").splitlines() if line.startswith("1"))
    assert "there is no version 9" in run("use", "9", code=1)
    run("use", "none")
    until(lambda: place.scores(ask(INSULT, doNotStore=True)) == own, 5)
    verbs = list(AuditEvent.objects.filter(object_kind="calibration").order_by("pk").values_list("verb", flat=True))
    assert sorted(verbs) == ["calibration.made", "calibration.made", "calibration.used", "calibration.used"]


@pytest.mark.usefixtures("beside")  # for its database
def test_a_file_of_comments_is_compared(monkeypatch, tmp_path):
    Comparison.objects.all().delete()
    with old_service() as stub:
        monkeypatch.setattr(settings, "SAFEHOLD_PERSPECTIVE_UPSTREAM", stub.url)
        monkeypatch.setattr(settings, "SAFEHOLD_PERSPECTIVE_UPSTREAM_KEY", KEY)
        monkeypatch.setattr(settings, "SAFEHOLD_WEBHOOK_PRIVATE_HOSTS", ["127.0.0.1"])
        (tmp_path / "texts.txt").write_text(f'{INSULT}\n\n{{"text": "{KIND}"}}\n{"x" * 30_000}\n')
        said = run("compare", str(tmp_path / "texts.txt"), "--attributes", "TOXICITY,THREAT")
        assert "2 compared, 0 failed" in said and "line 4 is left out: Comment text too long." in said
        assert Comparison.objects.count() == 4 and len(stub.asked) == 2
        stub.fault = 500
        (tmp_path / "more.txt").write_text(f"{KIND}\n" * 9)
        assert "failed 5 times in a row (status 500)" in run("compare", str(tmp_path / "more.txt"), code=1)
    before = Comparison.objects.count()
    assert "0 comparisons are forgotten" in run("forget", "--days", "1") and Comparison.objects.count() == before
    assert f"{before} comparisons are forgotten" in run("forget") and not Comparison.objects.exists()
