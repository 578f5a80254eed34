"""A text that comes through a drop-in API is read by the text model once, for the answer and for the policies together."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.decisions.models import Decision
from safehold.engine.event import Event
from safehold.gateway.shipped import Shipped
from safehold.record.verification import verify_record
from safehold.signals.harm import Harm, score_texts
from tests.gateway_server import policy_folder, serving
from tests.world import service

POLICY = """
policy: abuse.model
title: A model's word
on: [content.checked]
rules:
  - id: coarse
    mode: live
    when: signals.harm.insult >= 0.5
    then: {action: hold, queue: abuse, reason: "{signals.harm.insult}"}
"""
#: Read by every process of a server of two, which start from nothing: each run of a network is a line in a file.
COUNTING = """
import os
from safehold.signals.harm import model, student

class Counted:
    def __init__(self, session):
        self.session = session
    def __getattr__(self, name):
        return getattr(self.session, name)
    def run(self, *asked):
        with open(os.environ["RUNS_OF_THE_MODEL"], "a") as file:
            file.write(".\\n")
        return self.session.run(*asked)

load = model.load
def counted(*asked):
    found = load(*asked)
    return found._replace(session=Counted(found.session))
model.load = counted
student._read_first = student._read  # what a process has read lately doesn't count
"""


def event(text: str) -> Event:
    return Event(id="e", source="s", type="content.checked", time=datetime.now(UTC), text=text)


def comment(text: str, **more: Any) -> dict[str, Any]:
    return {"comment": {"text": text}, "requestedAttributes": {"INSULT": {}}, "languages": ["en"], **more}


@pytest.mark.parametrize("ahead", ["2", "0"])
def test_a_comment_that_is_scored_and_decided_on_is_read_by_the_model_once(
    fresh_sqlite: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: str
) -> None:
    service()
    _, secret = create_key(None, "plaza", list(Scope), service="plaza")
    policies = policy_folder(tmp_path / "policies")
    (policies / "model.yaml").write_text(POLICY)
    (tmp_path / "counting").mkdir()
    (tmp_path / "counting" / "sitecustomize.py").write_text(COUNTING)
    runs = tmp_path / "runs"
    runs.touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "counting"))
    monkeypatch.setenv("RUNS_OF_THE_MODEL", str(runs))

    def counted() -> int:
        return len(runs.read_text().split())

    with serving(fresh_sqlite.url, policies, tmp_path, processes=2, ahead=ahead, rate=0) as server:
        client = server.client(secret)

        def perspective(text: str, **more: Any) -> float:
            answer = client.post("/v1alpha1/comments:analyze", json=comment(text, **more))
            assert answer.status_code == 200, answer.text
            return float(answer.json()["attributeScores"]["INSULT"]["summaryScore"]["value"])

        texts = ["You are such an idiot, go away", "See you at eight, then", "What a foolish thing to say, clown"]
        scores = [perspective(texts[0])]
        assert counted() == 1, "scored, decided on and recorded"
        moderated = client.post("/v1/moderations", json={"input": texts[1:]})
        assert moderated.status_code == 200, moderated.text
        assert counted() == 3
        scores.append(perspective(texts[0], doNotStore=True))
        client.post("/v1/moderations", json={"input": texts[0]})
        assert counted() == 3, "the same text again"
        form = {
            "api_key": secret,
            "blog": "https://b.example",
            "user_ip": "203.0.113.7",
            "comment_content": "Buy pills",
        }
        client.post("/1.1/comment-check", data=form)
        assert counted() == 4
        taken = server.metric('safehold_events_total{outcome="decided"}')
    assert scores == [score_texts(texts[:1])[0].scores["insult"]] * 2
    rows = [(json.loads(row.event.body)["data"]["text"], row) for row in Decision.objects.select_related("event")]
    assert sorted(text for text, _ in rows) == sorted([*texts, texts[0], "Buy pills"]) and len(rows) == taken
    for text, row in rows:
        [run] = row.verdict["signals"]
        assert run["values"] == Harm().run(event(text))
        assert (row.action == "hold") is (run["values"]["insult"] >= 0.5)
    assert verify_record().whole


def test_what_is_kept_of_texts_is_bounded_and_has_no_text_in_it() -> None:
    shipped = Shipped(most=3)
    texts = [f"you are idiot number {number}" for number in range(5)]
    assert shipped.score(texts, keep=False) == score_texts(texts)
    assert not any(shipped.known(text) for text in texts), "what isn't recorded leaves nothing behind"
    assert shipped.score(texts, keep=True) == score_texts(texts)
    kept = [shipped.known(text) for text in texts]
    assert [len(found) for found in kept] == [0, 0, 1, 1, 1]
    assert all("idiot" not in repr(found) for found in kept)
    assert shipped.known("another text") == ()
    odd = ["", "Это совершенно обычное сообщение о погоде", "word " * 5_000, "\ud800 alone"]
    assert (
        shipped.score(odd, keep=True)
        == shipped.score(odd, keep=False)
        == score_texts(odd[:3]) + score_texts(["\ufffd alone"])
    )
