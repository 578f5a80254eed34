"""Google's own Python client, and the requests that other clients of Perspective's API send, against a running server: each
works when only its address and its key are changed.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from googleapiclient import discovery
from googleapiclient.errors import HttpError

from tests.perspective_place import ANALYZE, INSULT, KIND, SUGGEST, Place, perspective_place

ALL = ["TOXICITY", "SEVERE_TOXICITY", "IDENTITY_ATTACK", "INSULT", "PROFANITY", "THREAT", "SEXUALLY_EXPLICIT"]


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with perspective_place(request, tmp_path_factory.mktemp("perspective")) as made:
        yield made


def client(place: Place, key: str | None = None) -> Any:
    return discovery.build(
        "commentanalyzer",
        "v1alpha1",
        developerKey=key or place.scoring,
        discoveryServiceUrl=f"{place.server.url}/$discovery/rest?version=v1alpha1",
        static_discovery=False,
    )


def test_googles_client_builds_itself_and_has_a_comment_scored(place):
    body = {"comment": {"text": INSULT}, "requestedAttributes": {name: {} for name in ALL}, "clientToken": "c-1"}
    with client(place) as api:
        answer = api.comments().analyze(body=body).execute()
        part = api.comments().analyze(body=body, fields="attributeScores/TOXICITY/summaryScore").execute()
    assert set(answer["attributeScores"]) == set(ALL)
    toxicity = answer["attributeScores"]["TOXICITY"]
    assert toxicity["summaryScore"]["type"] == "PROBABILITY" and 0.5 < toxicity["summaryScore"]["value"] <= 1
    assert toxicity["spanScores"] == [{"begin": 0, "end": len(INSULT), "score": toxicity["summaryScore"]}]
    assert answer["languages"] == ["en"] and answer["clientToken"] == "c-1"
    assert part == {"attributeScores": {"TOXICITY": {"summaryScore": toxicity["summaryScore"]}}}


@pytest.mark.parametrize("path", ["/$discovery/rest", "/discovery/v1/apis/commentanalyzer/v1alpha1/rest"])
def test_googles_client_builds_itself_from_a_document_that_was_kept(place, path):
    document = httpx.get(f"{place.server.url}{path}", timeout=60).json()
    with discovery.build_from_document(document, developerKey=place.whole) as api:
        body = {"comment": {"text": KIND}, "requestedAttributes": {"TOXICITY": {}}}
        kind = api.comments().analyze(body=body).execute()
        assert kind["attributeScores"]["TOXICITY"]["summaryScore"]["value"] < 0.5
        suggested = {"comment": {"text": KIND}, "attributeScores": {"TOXICITY": {"summaryScore": {"value": 0}}}}
        told = api.comments().suggestscore(body={**suggested, "clientToken": "t", "languages": ["en"]}).execute()
        assert told["clientToken"] == "t" and told["requestedLanguages"] == ["en"]


def test_googles_client_refuses_what_is_no_method_and_reads_our_errors(place):
    with client(place) as api, pytest.raises(HttpError) as caught:
        api.comments().analyze(body={"comment": {"text": ""}, "requestedAttributes": {"TOXICITY": {}}}).execute()
    assert caught.value.status_code == 400 and caught.value.reason == "Comment must be non-empty."
    assert caught.value.error_details[0]["errorType"] == "COMMENT_EMPTY"
    with client(place, "AIzaNotAKeyOfOurs") as api, pytest.raises(HttpError) as caught:
        api.comments().analyze(body={"comment": {"text": KIND}, "requestedAttributes": {"TOXICITY": {}}}).execute()
    assert caught.value.status_code == 400 and caught.value.error_details[0]["reason"] == "API_KEY_INVALID"


def score(answer: httpx.Response, name: str) -> float:
    assert answer.status_code == 200, answer.text
    value: float = answer.json()["attributeScores"][name]["summaryScore"]["value"]
    return value


def test_node_perspective_api_client(place):
    """Axios with the key as a parameter; HTML stripped by the client; `languages` and `doNotStore` as options."""
    body = {
        "comment": {"text": INSULT},
        "requestedAttributes": {"TOXICITY": {}},
        "languages": ["en"],
        "doNotStore": True,
    }
    headers = {
        "Content-Type": "application/json;charset=utf-8",
        "User-Agent": "axios/0.21.1",
        "Accept": "application/json",
    }
    assert score(place.post(body, headers=headers), "TOXICITY") > 0.5


def test_discord_bots_in_python_that_send_json_without_its_media_type(place):
    """`requests.post(url, data=json.dumps(...))`, with an experimental attribute among those asked for."""
    names = ["SEVERE_TOXICITY", "PROFANITY", "IDENTITY_ATTACK", "THREAT", "TOXICITY", "THREAT_EXPERIMENTAL"]
    body = {
        "comment": {"text": INSULT},
        "languages": ["en"],
        "requestedAttributes": {name: {} for name in names},
        "doNotStore": True,
    }
    url = f"{place.server.url}{ANALYZE}?key={place.whole}"
    answer = httpx.post(url, content=json.dumps(body).encode(), timeout=60)
    assert set(answer.json()["attributeScores"]) == set(names) and answer.headers["content-type"].startswith(
        "application/json"
    )


def test_php_and_wordpress_plugins_that_say_it_is_a_form(place):
    """file_get_contents and some uses of wp_remote_post send JSON as application/x-www-form-urlencoded."""
    body = json.dumps({"comment": {"text": INSULT}, "languages": ["en"], "requestedAttributes": {"TOXICITY": {}}})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = f"{place.server.url}{ANALYZE}?key={place.whole}"
    assert score(httpx.post(url, content=body, headers=headers, timeout=60), "TOXICITY") > 0.5


def test_coral_which_scores_by_its_own_endpoint_and_tells_what_became_of_a_comment(place):
    """An endpoint setting ending in /v1alpha1, one model, and feedback with the fate of a comment as an attribute."""
    asked = {"comment": {"text": INSULT}, "doNotStore": True, "requestedAttributes": {"SEVERE_TOXICITY": {}}}
    endpoint = f"{place.server.url}/v1alpha1"
    answer = httpx.post(
        f"{endpoint}/comments:analyze", params={"key": place.whole}, json={**asked, "languages": ["en"]}, timeout=60
    )
    assert 0 <= score(answer, "SEVERE_TOXICITY") <= 1
    feedback = {
        "comment": {"text": INSULT},
        "context": {"entries": [{"text": '{"url":"https://news.example/story","Coral_comment_id":"7"}'}]},
        "attributeScores": {"DELETED": {"summaryScore": {"value": 1}}},
        "languages": ["en"],
        "communityId": "Coral:https://news.example",
        "clientToken": "comment:7",
    }
    told = httpx.post(f"{endpoint}/comments:suggestscore", params={"key": place.whole}, json=feedback, timeout=60)
    assert told.status_code == 200 and told.json()["clientToken"] == "comment:7"


def test_ruby_and_discourse_which_name_a_session_and_a_token(place):
    body = {
        "comment": {"text": INSULT, "type": "PLAIN_TEXT"},
        "context": {"entries": [{"text": "What do you think?", "type": "PLAIN_TEXT"}]},
        "requestedAttributes": {"TOXICITY": {"scoreType": "PROBABILITY", "scoreThreshold": 0.1}},
        "doNotStore": True,
        "sessionId": "post_123",
        "clientToken": "topic_9",
    }
    answer = place.post(body, headers={"Content-Type": "application/json"})
    assert score(answer, "TOXICITY") > 0.5 and answer.json()["clientToken"] == "topic_9"


def test_r_perspective_which_asks_for_sentences(place):
    body = {
        "comment": {"text": f"{KIND} {INSULT}"},
        "requestedAttributes": {"TOXICITY": {}},
        "spanAnnotations": True,
        "languages": ["en"],
    }
    spans = place.post(body).json()["attributeScores"]["TOXICITY"]["spanScores"]
    assert [(each["begin"], each["end"]) for each in spans] == [
        (0, len(KIND)),
        (len(KIND) + 1, len(KIND) + 1 + len(INSULT)),
    ]
    assert spans[0]["score"]["value"] < spans[1]["score"]["value"]


def test_go_and_java_clients_of_google_that_send_the_key_as_a_header(place):
    body = {"comment": {"text": INSULT}, "requestedAttributes": {"TOXICITY": {}}}
    for headers in ({"X-Goog-Api-Key": place.scoring}, {"Authorization": f"Bearer {place.scoring}"}):
        answer = httpx.post(f"{place.server.url}{ANALYZE}?alt=json", json=body, headers=headers, timeout=60)
        assert score(answer, "TOXICITY") > 0.5


def test_clients_generated_from_protocol_buffers_that_write_snake_case_and_nulls(place):
    body = {
        "comment": {"text": INSULT, "type": None},
        "requested_attributes": {"TOXICITY": {"score_threshold": "0.01"}},
        "do_not_store": "true",
        "client_token": None,
    }
    assert score(place.post(body), "TOXICITY") > 0.5


def test_a_page_in_a_browser_with_a_key_that_can_only_score(place):
    origin = {"Origin": "https://news.example"}
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = httpx.options(f"{place.server.url}{ANALYZE}", headers=asked, timeout=60)
    assert preflight.status_code == 204 and preflight.headers["access-control-allow-origin"] == "*"
    assert "content-type" in preflight.headers["access-control-allow-headers"]
    body = {"comment": {"text": INSULT}, "requestedAttributes": {"TOXICITY": {}}}
    answer = place.post(body, place.scoring, headers=origin)
    assert score(answer, "TOXICITY") > 0.5 and answer.headers["access-control-allow-origin"] == "*"
    refused = place.post(body, place.whole, headers=origin)
    assert refused.status_code == 403 and "text:score alone" in refused.json()["error"]["message"]


def test_bots_that_suggest_a_score(place):
    body = {
        "comment": {"text": INSULT, "type": "PLAIN_TEXT"},
        "attributeScores": {"INSULT": {"summaryScore": {"value": 1}}},
        "languages": ["en"],
        "communityId": "guild/channel",
    }
    assert place.post(body, path=SUGGEST).json() == {"detectedLanguages": ["en"], "requestedLanguages": ["en"]}
