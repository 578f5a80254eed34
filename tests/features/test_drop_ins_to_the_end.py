"""What comes through somebody else's API becomes a task that a person takes, a decision, a statement of reasons,
and an appeal that undoes it, like any event. One text through each API, and one file known through HMA's.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import openai
import pytest

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.appeals.filing import file_appeal
from safehold.desk.appeals.hearing import hear
from safehold.desk.banks.changing import move_item
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.models import Decision, PolicyVersion
from safehold.desk.decisions.outbox import carry_on_once
from safehold.desk.entities.models import Event
from safehold.desk.review.claims import claim
from safehold.desk.review.models import Task
from safehold.desk.review.queues import ensure_queues
from safehold.desk.transparency.models import StatementOfReasons
from tests.gateway_server import database_of_its_own, policy_folder, serving
from tests.perspective_place import ANALYZE, Place
from tests.world import person, service

WORDS = "Selling quoll pelts, ask me for the price of one"
POLICY = """
policy: spam.quolls
title: Trade in quolls
severity: medium
guidance: Is something for sale?
notice: {en: We don't allow trade in protected animals.}
dsa: {category: SCAMS_AND_FRAUD, ground: incompatible, clause: Terms 4.2, url: https://plaza.example/terms}
appeal: {window: 184d}
on: [content.checked]
rules:
  - id: quolls
    mode: live
    when: 'data.text.contains("quoll")'
    then: {action: hold, queue: spam, reason: It may offer an animal}
examples:
  - name: an offer
    event: {type: content.checked, data: {content_id: c1, api: openai, text: a quoll}}
    expect: {quolls: hold}
"""
OF_FILES = (
    POLICY.replace("policy: spam.quolls", "policy: media.quolls")
    .replace("on: [content.checked]", "on: [content.created]")
    .replace("'data.text.contains(\"quoll\")'", "has(data.media) && signals.hashes.matched")
    .partition("examples:")[0]
    + "examples:\n  - {name: none, event: {type: content.created, data: {text: a quoll}}, expect: none}\n"
)
FILE = b"%PDF-1.7 a leaflet about quolls"


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("whole")
    with database_of_its_own("sqlite", request, folder) as url:
        service()
        ensure_queues()
        _, secret = create_key(None, "all", list(Scope), service="plaza")
        policies = policy_folder(folder / "policies")
        (policies / "quolls.yaml").write_text(POLICY)
        (policies / "files.yaml").write_text(OF_FILES)
        with serving(url, policies, folder, rate=0) as server:
            yield SimpleNamespace(server=server, secret=secret, http=server.client(secret))


def through_perspective(place: SimpleNamespace) -> str:
    asked = {"comment": {"text": WORDS}, "requestedAttributes": {"SPAM": {}}, "clientToken": "t-1"}
    assert Place(place.server, "", place.secret, "").post(asked, path=ANALYZE).status_code == 200
    return "perspective"


def through_openai(place: SimpleNamespace) -> str:
    with openai.OpenAI(base_url=f"{place.server.url}/v1", api_key=place.secret, max_retries=0, timeout=60) as client:
        [result] = client.moderations.create(input=WORDS, extra_body={"user": "u-7"}).results
    assert result.model_extra is not None and result.model_extra["safehold"]["decisions"][0]["queue"] == "spam"
    return "openai"


def through_akismet(place: SimpleNamespace) -> str:
    form = {"api_key": place.secret, "blog": "https://blog.example", "user_ip": "203.0.113.7", "comment_content": WORDS}
    assert place.http.post("/1.1/comment-check", data=form).text == "true"
    return "akismet"


def through_hma(place: SimpleNamespace) -> str:
    """The hash of a file goes into a bank as HMA's clients put it; then somebody posts the file."""
    assert place.http.post("/c/banks", json={"name": "LEAFLETS"}).status_code == 201
    added = place.http.post("/c/bank/LEAFLETS/content", files={"file": ("a.pdf", FILE)}, params={"types": "sha256"})
    assert added.json()["signals"] == {"sha256": hashlib.sha256(FILE).hexdigest()}
    look_up = {"signal": added.json()["signals"]["sha256"], "signal_type": "sha256"}
    assert place.http.get("/m/lookup", params=look_up).json() == {}  # nobody has activated it yet
    console_activates(added.json()["id"])
    until(lambda: bool(place.http.get("/m/lookup", params=look_up).json()))
    event = {
        "specversion": "1.0", "id": "post-1", "source": "https://plaza.example", "type": "content.created",
        "time": "2026-11-26T10:00:00Z",
        "data": {
            "actor": {"id": "u-7", "created_at": "2025-01-30T08:00:00Z"}, "content_id": "post-1", "text": "",
            "media": [{"mime": "application/pdf", "sha256": look_up["signal"]}],
        },
    }  # fmt: skip
    sent = place.http.post("/v1/events", json=event)
    assert sent.status_code == 200 and sent.json()["action"] == "hold", sent.text
    return ""


def console_activates(item: int) -> None:
    move_item(person(), item, "activated")


def until(question: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not question():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


@pytest.mark.parametrize("come", [through_perspective, through_openai, through_akismet, through_hma])
def test_it_becomes_a_task_a_decision_a_statement_and_an_appeal(come, place):
    api = come(place)
    event = Event.objects.latest("position")
    assert (f'"api":"{api}"' in event.body) == bool(api)
    held = Decision.objects.get(event=event)
    assert (held.action, held.queue, held.rule) == ("hold", "spam", f"{'spam' if api else 'media'}.quolls/quolls")
    carried()
    task = Task.objects.get(decision=held)
    reviewer = person()
    claim(reviewer, task.pk)
    policy = PolicyVersion.objects.get(key=held.rule.partition("/")[0], effective_to=None)
    removed = decide(reviewer, over=held, action="remove", policy=policy, reason="It offers a protected animal.")
    carried()
    statement = StatementOfReasons.objects.get(decision=removed)
    assert "protected animals" in str(statement.texts["en"])
    appeal = file_appeal(removed, grounds="It is a poem.")
    hearer = person()
    claim(hearer, appeal.task_id)
    appeal.task.refresh_from_db()
    hear(hearer, appeal.pk, version=appeal.task.version, over=removed, outcome="overturned", explanation="It is one.")
    carried()
    last = Decision.objects.get(override_of=removed)
    assert (last.action, last.on_appeal, last.root) == ("allow", True, held.pk)


def carried() -> None:
    while carry_on_once():
        pass
