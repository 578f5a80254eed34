"""Perspective, Hive, Google and Azure, each against a server on this machine that speaks its protocol as documented, faults
included: what it is asked, what its answer means, and that what does not fit is no answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safehold.engine.event import Event
from safehold.engine.signal import Signal, SignalFailed
from safehold.signals.contract import SignalContract
from safehold.signals.judge import JudgeSignal
from safehold.signals.remote import Remote
from safehold.signals.remote.asking import RemoteService
from safehold.signals.remote.door import Door, Limits, NotAnswered
from safehold.signals.remote.kept import Kept
from safehold.signals.remote.providers import PERSPECTIVE, PROVIDERS
from tests.judge_server import send
from tests.receiver import Receiver

#: provider -> (path, header with the key, what a request has, an answer as documented, its scores)
SPOKEN: dict[str, tuple[str, tuple[str, str], dict[str, Any], dict[str, Any], dict[str, float]]] = {
    "perspective": (
        "/v1alpha1/comments:analyze", ("x-goog-api-key", "k3y"),
        {"comment": {"text": "hello", "type": "PLAIN_TEXT"}, "requestedAttributes": {name: {} for name in PERSPECTIVE},
         "doNotStore": True},
        {"attributeScores": {
            "TOXICITY": {"spanScores": [{"begin": 0, "end": 5, "score": {"value": 0.2, "type": "PROBABILITY"}}],
                         "summaryScore": {"value": 0.25, "type": "PROBABILITY"}},
            "INSULT": {"summaryScore": {"value": 1, "type": "PROBABILITY"}}},
         "languages": ["en"], "detectedLanguages": ["en"]},
        {"TOXICITY": 0.25, "INSULT": 1.0},
    ),
    "google": (
        "/v1/documents:moderateText", ("x-goog-api-key", "k3y"), {"document": {"type": "PLAIN_TEXT", "content": "hello"}},
        {"moderationCategories": [{"name": "Toxic", "confidence": 0.75}, {"name": "Religion & Belief", "confidence": 0.0}]},
        {"Toxic": 0.75, "Religion & Belief": 0.0},
    ),
    "azure": (
        "/contentsafety/text:analyze?api-version=2024-09-01", ("ocp-apim-subscription-key", "k3y"),
        {"text": "hello", "categories": ["Hate", "SelfHarm", "Sexual", "Violence"], "outputType": "EightSeverityLevels"},
        {"blocklistsMatch": [],
         "categoriesAnalysis": [{"category": "Hate", "severity": 7}, {"category": "Sexual", "severity": 0}]},
        {"Hate": 1.0, "Sexual": 0.0},
    ),
    "hive": (
        "/api/v2/task/sync", ("authorization", "Token k3y"), {"text_data": "hello"},
        {"id": "1", "code": 200, "status": [{"status": {"code": 0, "message": "SUCCESS"}, "response": {
            "language": "EN", "output": [
                {"time": 0, "start_char_index": 0, "end_char_index": 5, "classes": [
                    {"class": "hate", "score": 3}, {"class": "spam", "score": 0}, {"class": "drugs", "score": -1}]},
                {"classes": [{"class": "spam", "score": 3}]}]}}]},
        {"hate": 1.0, "spam": 1.0},
    ),
}  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path / "answers.sqlite3")
    yield kept
    kept.close()


def answering(answer: Any, paths: list[str]) -> Receiver:
    def reply(handler: Any, body: bytes) -> None:
        paths.append(handler.path)
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        send(handler, status, document if isinstance(document, bytes) else json.dumps(document).encode())

    return Receiver(answer=reply)


def service(provider: str, server: Receiver, kept: Kept, **limits: Any) -> RemoteService:
    door = Door(
        provider, Limits(**{"tries": 1, "timeout": 2.0, **limits}), kept, private=True, sleep=lambda seconds: None
    )
    return RemoteService(provider, lambda: "k3y", door, kept, server.url.removesuffix("/hooks"))


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_it_is_asked_in_its_own_words_and_its_answer_is_read_once(provider: str, kept: Kept) -> None:
    path, (header, key), document, answer, scores = SPOKEN[provider]
    paths: list[str] = []
    with answering(answer, paths) as server:
        asking = service(provider, server, kept)
        first, again = asking.ask("hello"), asking.ask("hello")
        assert asking.ask("x" * 30_000).truncated
    assert first.scores == again.scores == scores and again.cached and not first.cached
    assert paths == [path, path] and "k3y" not in path
    headers, body = server.received[0]
    assert headers[header] == key and json.loads(body) == document
    assert len(json.dumps(json.loads(server.received[1][1]))) < 21_000


def mangled(answer: Any) -> Iterator[Any]:
    """The answer with each scalar replaced by another type, and with each key left out."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            yield {key: each for key, each in answer.items() if key != name}
            for other in mangled(value):
                yield answer | {name: other}
    elif isinstance(answer, list):
        for place, value in enumerate(answer):
            for other in mangled(value):
                yield [*answer[:place], other, *answer[place + 1 :]]
    else:
        yield None
        yield {"surprise": True}
        if isinstance(answer, int | float):
            yield 1e9


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_an_answer_that_is_not_as_documented_is_none_or_still_true(provider: str) -> None:
    answer, scores = SPOKEN[provider][3:]
    refused = 0
    for other in [*mangled(answer), [], None, 7, "ok", {}]:
        try:
            found = PROVIDERS[provider].read(other)
        except ValueError:  # msgspec.ValidationError is one
            refused += 1
            continue
        # What was left out or changed is nothing that is read, or a class less: never another score.
        assert all(scores.get(name) == value or name is None for name, value in found.items()), other
    assert refused > 8


@pytest.mark.parametrize("provider", list(PROVIDERS))
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (
            (429, {"error": {"status": "RESOURCE_EXHAUSTED", "message": "hello"}}),
            r"answered 429 \(RESOURCE_EXHAUSTED\)",
        ),
        ((500, b"oops"), "answered 500"),
        ((403, {"error": {"code": "Forbidden", "message": "hello"}}), r"answered 403 \(Forbidden\)"),
        ((302, b""), "answered 302"),
        ((200, b'{"attributeScores": {"TOX'), "no whole JSON"),
        ((200, {"attributeScores": "high", "status": 1}), "not as its documentation says"),
        ((200, b"\xff\xfe"), "no whole JSON"),
    ],
)
def test_faults_are_no_answer_and_say_why_without_repeating_anything(
    provider: str, fault: Any, why: str, kept: Kept
) -> None:
    with answering(fault, paths := []) as server, pytest.raises(NotAnswered, match=why) as failed:
        service(provider, server, kept, tries=2).ask("hello")
    assert "hello" not in str(failed.value) and "k3y" not in str(failed.value)
    tried_again = fault[0] in (429, 500) or "no whole" in why
    assert len(paths) == (2 if tried_again else 1)


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_a_slow_one_is_given_up(provider: str, kept: Kept) -> None:
    import time

    with (
        Receiver(answer=lambda handler, body: time.sleep(0.4)) as server,
        pytest.raises(NotAnswered, match="no answer within"),
    ):
        service(provider, server, kept, timeout=0.1).ask("hello")


class TestRemote(SignalContract):
    examples = 20

    def signal(self) -> Signal:
        return Remote()

    def event(self, text: object) -> Event:
        asked = {
            "google": {"scores": {str(text)[:100] or "x": 0.5, "Toxic": 1}},
            "hive": {"reason": "hive answered 500"},
        }
        event = super().event(text)
        return Event(id="1", source="/c", type="content.judged", time=event.time, data={"remote": asked})


class TestJudge(SignalContract):
    examples = 20

    def signal(self) -> Signal:
        return JudgeSignal()

    def event(self, text: object) -> Event:
        said = {"status": "answered", "violation": True, "category": str(text)[:50], "confidence": 1, "disagrees": True}
        return Event(id="1", source="/c", type="content.judged", time=super().event(text).time, data={"judge": said})


def test_a_service_that_did_not_answer_is_left_out_never_nought() -> None:
    event = TestRemote().event("Insult")
    said = Remote().run(event)
    assert said["google"] == {"Insult": 0.5, "Toxic": 1.0} and said["google_highest"] == 1.0
    assert said["answered"] == ["google"] and said["failures"] == {"hive": "hive answered 500"}
    assert "hive" not in said and "hive_highest" not in said and "azure" not in said
    with pytest.raises(SignalFailed):
        Remote().run(Event(id="1", source="/c", type="content.created", time=event.time, data={}))
