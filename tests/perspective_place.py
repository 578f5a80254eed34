"""A running server for tests of Perspective's API: a policy that reads the scores, and keys that may do this or that."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.review.queues import ensure_queues
from tests.gateway_server import Server, database_of_its_own, policy_folder, serving
from tests.world import service

ANALYZE = "/v1alpha1/comments:analyze"
SUGGEST = "/v1alpha1/comments:suggestscore"
INSULT = "You are a stupid idiot and everybody hates you."
KIND = "Thank you for the lovely recipe, my family enjoyed it."
POLICY = """
policy: abuse.scored
title: Scored as toxic
severity: high
guidance: Read it in its context.
notice: {en: We look at what you wrote.}
dsa: {category: CYBER_VIOLENCE, ground: incompatible, clause: Terms 2.1, url: https://plaza.example/terms}
appeal: {window: 184d}
on: [content.checked]
rules:
  - id: toxic
    mode: live
    when: signals.harm.toxicity >= 0.6
    then: {action: hold, queue: abuse, reason: Scored as toxic}
  - id: strict
    mode: live
    when: signals.harm.insult >= 0.6 && has(data.community) && data.community == "strict.example"
    then: {action: remove, reason: An insult where none are wanted}
  - id: answered
    mode: live
    when: 'has(data.scores) && "TOXICITY" in data.scores && data.scores["TOXICITY"] >= 0.6'
    then: {action: label, label: {name: answered-as-toxic, on: content}, reason: Answered as toxic}
examples:
  - name: an insult
    event:
      type: content.checked
      data: {api: perspective, text: You are a stupid idiot and everybody hates you., scores: {TOXICITY: 0.9}}
    expect: {toxic: hold, answered: label}
  - name: thanks
    event: {type: content.checked, data: {api: perspective, text: "Thank you for the lovely recipe, my family enjoyed it."}}
    expect: none
"""


@dataclass
class Place:
    """`scoring` may only score, `whole` also record and label, `elsewhere` none of that."""

    server: Server
    scoring: str
    whole: str
    elsewhere: str

    def post(self, body: Any, key: str | None = None, path: str = ANALYZE, **more: Any) -> httpx.Response:
        """As most clients do it: the key in the query."""
        asked = {"params": {"key": key or self.whole}, "json": body, **more}
        return httpx.post(f"{self.server.url}{path}", timeout=60, **asked)

    def scores(self, body: Any, key: str | None = None) -> dict[str, float]:
        answer = self.post(body, key)
        assert answer.status_code == 200, answer.text
        return {name: each["summaryScore"]["value"] for name, each in answer.json().get("attributeScores", {}).items()}


@contextmanager
def perspective_place(request: pytest.FixtureRequest, folder: Path, **settings: object) -> Iterator[Place]:
    """A server with that policy, on a database of its own."""
    policies = policy_folder(folder / "policies")
    (policies / "scored.yaml").write_text(POLICY)
    with database_of_its_own("sqlite", request, folder) as url:
        service()
        ensure_queues()
        secrets = [
            create_key(None, name, scopes, service="plaza")[1]
            for name, scopes in (
                ("page", [Scope.SCORE_TEXTS]),
                ("forum", [Scope.SCORE_TEXTS, Scope.WRITE_EVENTS, Scope.WRITE_LABELS]),
                ("other", [Scope.READ_DECISIONS]),
            )
        ]
        with serving(url, policies, folder, **{"rate": 0, **settings}) as server:
            yield Place(server, *secrets)
