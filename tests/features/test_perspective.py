"""What somebody gets who sends comments to Safehold instead of Google: scores that the record keeps too, a queue for what a
policy holds, nothing kept where they said so, and Google's own errors where something is wrong.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from safehold.desk.decisions.models import Decision
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.entities.models import Event
from safehold.desk.learning.models import Label
from safehold.desk.review.models import Task
from safehold.desk.transparency.models import StatementOfReasons
from safehold.gateway.perspective.attributes import NOT_OFFERED, OFFERED
from tests.perspective_place import ANALYZE, INSULT, KIND, SUGGEST, Place, perspective_place

TOXICITY: dict[str, Any] = {"requestedAttributes": {"TOXICITY": {}}}
GERMAN = "Das ist wirklich ein sehr schöner Garten, und die Blumen blühen jetzt überall."
FRENCH = "Merci beaucoup pour cette belle recette, toute ma famille a adoré le repas hier soir."


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with perspective_place(request, tmp_path_factory.mktemp("perspective")) as made:
        yield made


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"comment": {"text": text}, **TOXICITY, **more}


def refused(answer: httpx.Response, code: int, status: str) -> dict[str, Any]:
    """The error, which is in Google's shape and never repeats the comment."""
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    error: dict[str, Any] = answer.json()["error"]
    assert (error["code"], error["status"]) == (code, status)
    assert set(error) <= {"code", "message", "status", "details"}
    return error


def test_a_comment_that_was_scored_becomes_a_decision_and_a_task(place):
    answer = place.post(
        ask(INSULT, clientToken="c-77", communityId="news.example", sessionId="s-1")
        | {"context": {"entries": [{"text": "Nice article."}]}}
    )
    scores = answer.json()["attributeScores"]
    event = Event.objects.get(type="content.checked")
    body = json.loads(event.body)
    said = body["data"]
    assert said["text"] == INSULT and said["replies_to"] == ["Nice article."]
    assert (said["reference"], said["community"], said["context"]["session"]) == ("c-77", "news.example", "s-1")
    assert said["scores"] == {"TOXICITY": scores["TOXICITY"]["summaryScore"]["value"]}
    decision = Decision.objects.get(event=event)
    [harm] = [run for run in decision.verdict["signals"] if run["signal"] == "harm"]
    assert harm["values"]["toxicity"] == said["scores"]["TOXICITY"]  # what a rule saw is what was answered
    assert {hit["rule"] for hit in decision.verdict["hits"]} == {"toxic", "answered"}
    assert (decision.action, decision.queue, decision.account_id) == ("hold", "abuse", "")
    while carry_on_once():
        pass
    task = Task.objects.get(decision=decision)
    assert (task.queue_id, task.state) == ("abuse", "queued")


def test_a_comment_that_a_rule_removes_gets_a_statement_which_says_that_nobody_is_known_to_be_told(place):
    assert place.post(ask(INSULT, communityId="strict.example")).status_code == 200
    decision = Decision.objects.latest("decided_at")
    while carry_on_once():
        pass
    statement = StatementOfReasons.objects.get(decision=decision)
    assert (decision.action, decision.rule) == (
        "remove",
        "abuse.scored/strict",
    ) and statement.excluded_reason == "no_contact_details"
    assert {action.type for action in decision.actions.all()} == {"remove", "label"}


def events() -> int:
    return Event.objects.count()


def test_do_not_store_keeps_nothing(place):
    before = events()
    secret = "a sentence that must be nowhere, you idiot"
    assert place.scores(ask(secret, doNotStore=True))["TOXICITY"] > 0
    assert events() == before
    assert "must be nowhere" not in place.server.log.read_text()


def test_a_key_that_can_only_score_records_nothing(place):
    before = events()
    assert place.scores(ask(INSULT), place.scoring)["TOXICITY"] > 0.5
    assert events() == before


def test_an_attribute_below_its_threshold_is_left_out(place):
    body = ask(KIND, doNotStore=True)
    body["requestedAttributes"] = {"TOXICITY": {"scoreThreshold": 0.99}, "INSULT": {"scoreThreshold": 0}}
    assert set(place.scores(body)) == {"INSULT"}
    body["requestedAttributes"] = {"TOXICITY": {"scoreThreshold": 0.99}}
    assert place.post(body).json() == {"languages": ["en"], "detectedLanguages": ["en"]}


def test_places_are_counted_in_utf_16_and_in_what_was_sent(place):
    text = "<p>\U0001f600 Thank you &amp; welcome.</p> <b>You stupid idiot.</b>"
    body = ask("", doNotStore=True, spanAnnotations=True, languages=["en"]) | {
        "comment": {"text": text, "type": "HTML"}
    }
    spans = place.post(body).json()["attributeScores"]["TOXICITY"]["spanScores"]
    units = text.encode("utf-16-le")
    parts = [units[2 * each["begin"] : 2 * each["end"]].decode("utf-16-le") for each in spans]
    assert parts == ["\U0001f600 Thank you &amp; welcome.", "You stupid idiot."]


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (ask(""), "COMMENT_EMPTY", "Comment must be non-empty."),
        (ask(" \n"), "COMMENT_EMPTY", "Comment must be non-empty."),
        ({}, "COMMENT_EMPTY", "Comment must be non-empty."),
        (ask("é" * 10_241), "COMMENT_TOO_LONG", "Comment text too long."),
        ({"comment": {"text": KIND}}, "NO_REQUESTED_ATTRIBUTES", "Missing requested_attributes"),
        (
            ask(KIND, requestedAttributes={"FLIRTATION": {}}),
            "INVALID_REQUEST",
            "Unknown requested attribute: FLIRTATION",
        ),
        (
            ask(KIND, requestedAttributes={"TOXICITY": {"scoreType": "RAW"}}),
            "INVALID_REQUEST",
            "Requested score type RAW is not supported by attribute TOXICITY",
        ),
        (ask("👍👍👍"), "LANGUAGE_DETECTION_FAILED", "Unable to detect language."),
    ],
)
def test_what_is_wrong_is_said_as_google_says_it(place, body, kind, message):
    error = refused(place.post(body), 400, "INVALID_ARGUMENT")
    assert error["message"] == message
    assert error["details"] == [
        {"@type": "type.googleapis.com/google.commentanalyzer.v1alpha1.Error", "errorType": kind}
    ]


def test_20480_bytes_are_taken(place):
    assert place.scores(ask("a " * 10_240, doNotStore=True, languages=["en"]))


def test_a_language_that_the_model_does_not_read_is_refused_and_not_guessed(place):
    for body, languages in (
        (ask(GERMAN), ["de"]),
        (ask(GERMAN, languages=["de"]), ["de"]),
        (ask(FRENCH, languages=["fr", "en"]), ["fr"]),
    ):
        error = refused(place.post(body), 400, "INVALID_ARGUMENT")
        assert error["message"] == f"Attribute TOXICITY does not support request languages: {languages[0]}"
        [detail] = error["details"]
        assert detail["errorType"] == "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"
        assert detail["languageNotSupportedByAttributeError"] == {
            "detectedLanguages": languages,
            "attribute": "TOXICITY",
        }
    assert place.scores(ask(KIND, languages=["fr", "en-GB"], doNotStore=True))
    assert place.scores(ask("ok", doNotStore=True))  # too short to tell, in Latin letters
    dropped = place.post(ask(GERMAN, dropUnsupportedAttributes=True))
    assert dropped.status_code == 200 and "attributeScores" not in dropped.json()


def test_a_body_that_does_not_fit_names_each_field_and_repeats_no_value(place):
    wrong = {
        "comment": {"text": 7, "kind": "x"},
        "requestedAttributes": {"TOXICITY": {"scoreThreshold": "high"}},
        "foo": 1,
    }
    error = refused(place.post(wrong), 400, "INVALID_ARGUMENT")
    [detail] = error["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    fields = [each.get("field", "") for each in detail["fieldViolations"]]
    assert fields == ["comment.text", "comment", "requestedAttributes.scoreThreshold", ""]
    assert "high" not in error["message"] and 'Unknown name "foo"' in error["message"]
    url = f"{place.server.url}{ANALYZE}?key={place.whole}"
    refused(httpx.post(url, content=b'{"comment": ', timeout=60), 400, "INVALID_ARGUMENT")
    refused(httpx.post(url, content=b"[1]", timeout=60), 400, "INVALID_ARGUMENT")
    refused(httpx.post(url, content=b"[" * 5000, timeout=60), 400, "INVALID_ARGUMENT")


def test_keys_are_refused_as_google_refuses_them(place):
    url, body = f"{place.server.url}{ANALYZE}", ask(KIND)
    error = refused(httpx.post(url, json=body, timeout=60), 403, "PERMISSION_DENIED")
    assert "unregistered callers" in error["message"]
    error = refused(place.post(body, "AIzaWrong"), 400, "INVALID_ARGUMENT")
    assert error["message"] == "API key not valid. Please pass a valid API key."
    assert error["details"][0]["reason"] == "API_KEY_INVALID"
    error = refused(place.post(body, place.elsewhere), 403, "PERMISSION_DENIED")
    assert "text:score" in error["message"]
    refused(place.post(body, place.scoring, SUGGEST), 403, "PERMISSION_DENIED")


def test_a_suggested_score_becomes_a_label_of_the_text_and_of_its_part(place):
    text = "\U0001f600 Lovely. You idiot."
    body = {
        "comment": {"text": text},
        "clientToken": "x" * 300,
        "attributeScores": {
            "TOXICITY": {"summaryScore": {"value": 0.75}},
            "INSULT": {"spanScores": [{"begin": 11, "end": 21, "score": {"value": 1}}]},
        },
    }
    assert place.post(body, path=SUGGEST).status_code == 200
    found = {(label.attribute, label.value) for label in Label.objects.filter(source="suggestscore")}
    assert {("toxicity", 0.75), ("insult", 1.0)} <= found
    body["attributeScores"]["INSULT"]["spanScores"][0]["end"] = 500
    refused(place.post(body, path=SUGGEST), 400, "INVALID_ARGUMENT")
    body["attributeScores"]["INSULT"]["spanScores"] = [{"begin": 0, "end": 9, "score": {"value": 1}}] * 600
    refused(place.post(body, path=SUGGEST), 400, "INVALID_ARGUMENT")
    body["attributeScores"] = {"TOXICITY": {"summaryScore": {"value": 7}}}
    refused(place.post(body, path=SUGGEST), 400, "INVALID_ARGUMENT")


def test_the_reference_names_each_attribute_and_what_it_is():
    page = Path("docs/reference/perspective-api.md").read_text()
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `") and line.count("|") == 3]
    told = {name: row[2].strip(" `") for row in rows for name in re.findall("`([A-Z_]+)`", row[1])}
    assert told == {name: offered.scores for name, offered in OFFERED.items()}
    assert all(f"`{name}`" in page for name in NOT_OFFERED)


def test_a_nul_in_a_comment_harms_nothing(place):
    assert place.scores(ask(f"{INSULT}\0 and more"))["TOXICITY"] > 0.5


def test_an_answer_in_part_is_asked_for_as_of_google_and_a_wrong_path_records_nothing(place):
    def part(comment: dict[str, Any], **query: str) -> httpx.Response:
        return place.post(comment, params={"key": place.whole, **query})

    answer = part(ask(KIND, clientToken="c-1"), fields="attributeScores/*/summaryScore/value,clientToken").json()
    assert set(answer) == {"attributeScores", "clientToken"}
    assert set(answer["attributeScores"]["TOXICITY"]) == {"summaryScore"}
    assert set(answer["attributeScores"]["TOXICITY"]["summaryScore"]) == {"value"}
    before = Event.objects.count()
    error = refused(part(ask(KIND), fields="scores"), 400, "INVALID_ARGUMENT")
    assert "Cannot find matching fields for path 'scores'" in error["message"]
    assert Event.objects.count() == before
    assert part(ask(KIND), prettyPrint="true", fields="languages").text == '{\n  "languages": [\n    "en"\n  ]\n}\n'
