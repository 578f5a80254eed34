"""What a platform gets that sends its events: verdicts that are in the record before they are answered, once for each
event, however it is sent and however often. On SQLite and on PostgreSQL, against a real server.
"""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from django.db.models import QuerySet

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.decisions.hot_rows import DECISION_COLUMNS, EVENT_COLUMNS, LABEL_COLUMNS, OUTBOX_COLUMNS
from safehold.desk.decisions.models import Decision, LabelChange, Outbox, PolicyVersion, Strike
from safehold.desk.entities.models import Event
from safehold.record.models import LedgerEntry
from safehold.record.verification import verify_record
from tests.gateway_server import SOURCE, database_of_its_own, message, policy_folder, serving
from tests.world import service

EVENT = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A server on a database of its own, for all tests of the module: each uses ids that no other does."""
    folder = tmp_path_factory.mktemp(request.param)
    with database_of_its_own(request.param, request, folder) as url:
        for slug in ("plaza", "bazaar"):
            service(slug)
        _, secret = create_key(None, "plaza", list(Scope), service="plaza")
        _, stranger = create_key(None, "bazaar", list(Scope), service="bazaar")
        with serving(url, policy_folder(folder / "policies"), folder, rate=0) as server:
            yield SimpleNamespace(
                server=server, client=server.client(secret), stranger=server.client(stranger), secret=secret
            )


class Somebody:
    """An account that no other test has; its messages have ids that no other's have."""

    def __init__(self) -> None:
        self.id = f"u{next(_numbers)}"

    def says(self, number: object, text: str = "See you at eight?", **more: Any) -> dict[str, Any]:
        return message(f"{self.id}-{number}", text, actor=self.id, **more)

    @property
    def events(self) -> QuerySet[Event]:
        """Their events in the order of the record."""
        return Event.objects.filter(account_id=self.id).order_by("position")


@pytest.fixture
def me() -> Somebody:
    return Somebody()


def send(client: httpx.Client, event: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/v1/events", json=event, headers=EVENT)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_verdict_is_in_the_record_with_all_that_follows_from_it(place, me):
    said = me.says(1, "buy pills, cheap")
    got = send(place.client, said)
    assert got["action"] == "remove"
    assert got["winner"] == "spam.pills/pills"
    assert got["queue"] == "spam"
    assert got["duplicate"] is False
    assert [hit["rule"] for hit in got["hits"]] == ["pills"]
    assert got["hits"][0]["values"]["data.text"] == "buy pills, cheap"
    event = Event.objects.get(id=got["event"])
    assert json.loads(event.body) == said
    assert (event.source, event.source_id, event.type) == (SOURCE, said["id"], "message.sent")
    assert (event.subject_kind, event.subject_id, event.account_id) == ("message", said["id"], me.id)
    assert event.occurred_at == datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    decision = Decision.objects.get(pk=got["decision"])
    policy = PolicyVersion.objects.get(key="spam.pills", effective_to=None)
    assert decision.event == event
    assert (decision.action, decision.rule, decision.policy) == ("remove", "spam.pills/pills", policy)
    assert decision.policies == ["spam.pills"]
    assert (decision.reason, decision.queue, decision.bundle) == ("It advertises pills", "spam", got["bundle"])
    assert (decision.subject_kind, decision.subject_id, decision.account_id) == ("message", said["id"], me.id)
    assert (decision.detection_automated, decision.automation, decision.person) == (True, "fully", None)
    assert (decision.root, decision.override_of, decision.on_appeal) == (decision.pk, None, False)
    assert decision.params == {"labels": [{"name": "pill-seller", "on": "actor", "seconds": 30 * 86_400}]}
    assert decision.verdict["winner"] == got["winner"]
    strike = Strike.objects.get(account_id=me.id)
    assert (strike.weight, strike.expires_at) == (2, decision.decided_at + timedelta(days=90))
    label = LabelChange.objects.get(decision=decision)
    assert (label.kind, label.external_id, label.name, label.voided) == ("account", me.id, "pill-seller", False)
    assert label.expires_at == event.occurred_at + timedelta(days=30)
    outbox = Outbox.objects.get(reference=decision.pk)
    assert (outbox.topic, outbox.done_at, outbox.attempts) == ("decision.made", None, 0)
    entries = LedgerEntry.objects.filter(subject_id__in=[event.id, decision.pk]).order_by("index")
    assert list(entries.values_list("kind", "subject_id")) == [("event", event.id), ("decision", decision.pk)]


def test_an_event_that_breaks_no_rule_is_allowed_and_recorded_too(place, me):
    got = send(place.client, me.says(1))
    assert (got["action"], got["winner"], got["hits"], got["queue"]) == ("allow", None, [], None)
    decision = Decision.objects.get(pk=got["decision"])
    assert (decision.action, decision.policy, decision.rule, decision.policies) == ("allow", None, "", [])
    assert decision.strike_weight == 0


def test_a_shadow_rule_is_told_of_and_does_nothing(place, me):
    got = send(place.client, me.says(1, "a watched word"))
    assert got["action"] == "allow"
    assert [(hit["rule"], hit["mode"]) for hit in got["hits"]] == [("watched", "shadow")]
    assert Decision.objects.get(pk=got["decision"]).policies == []
    assert not LabelChange.objects.filter(external_id=me.id).exists()


def test_a_report_is_decided_about_what_it_reports(place, me):
    report = {
        "actor": {"id": me.id, "created_at": "2025-01-30T08:00:00Z"},
        "report_id": "r-1",
        "reason": "spam",
        "target": {"kind": "message", "id": "m-9", "owner_id": "u9"},
    }
    got = send(place.client, me.says("r", type="report.filed", data=report))
    event, decision = Event.objects.get(id=got["event"]), Decision.objects.get(pk=got["decision"])
    assert (event.subject_kind, event.subject_id, event.account_id) == ("report", "r-1", me.id)
    assert (decision.subject_kind, decision.subject_id, decision.account_id) == ("message", "m-9", "u9")
    assert decision.detection_automated is False
    assert decision.automation == "fully"


def test_an_event_sent_twice_is_decided_once(place, me):
    said = me.says(1, "buy pills")
    first, again = send(place.client, said), send(place.client, said)
    # Another writing of the same JSON is the same event.
    reordered = json.dumps(dict(reversed(said.items())), indent=2)
    third = place.client.post("/v1/events", content=reordered, headers=EVENT).json()
    assert again == third == first | {"duplicate": True}
    assert me.events.count() == Decision.objects.filter(event__account_id=me.id).count() == 1
    assert Outbox.objects.filter(reference=first["decision"]).count() == 1


def test_the_same_id_from_another_source_is_another_event(place, me):
    first = send(place.client, me.says(1))
    other = send(place.client, me.says(1, source="https://plaza.example/chat"))
    assert first["decision"] != other["decision"]
    assert other["duplicate"] is False


def test_the_same_event_sent_at_once_by_many_is_decided_once(place, me):
    async def all_at_once() -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {place.secret}"}
        async with httpx.AsyncClient(base_url=place.server.url, headers=headers, timeout=60) as client:
            sends = [client.post("/v1/events", json=me.says(number % 3), headers=EVENT) for number in range(60)]
            return list(await asyncio.gather(*sends))

    answers = [answer.json() for answer in asyncio.run(all_at_once())]
    assert len({answer["decision"] for answer in answers}) == 3
    assert Counter(answer["duplicate"] for answer in answers) == {False: 3, True: 57}
    assert me.events.count() == 3


def test_a_label_that_a_person_sets_or_voids_counts_for_the_next_event(place, me):
    got = send(place.client, me.says(1))
    label = {"service_id": "plaza", "kind": "account", "external_id": me.id, "name": "pill-seller"}
    LabelChange.objects.create(**label, decision_id=got["decision"])
    assert send(place.client, me.says(2))["action"] == "hold"
    assert send(place.client, Somebody().says(1))["action"] == "allow"
    LabelChange.objects.create(**label, voided=True, decision_id=got["decision"])
    assert send(place.client, me.says(3))["action"] == "allow"


def test_a_batch_has_a_result_for_each_event_and_a_wrong_one_holds_up_nobody(place, me):
    batch = [me.says(1), me.says(2, "buy pills"), {"specversion": "1.0"}, me.says(1), me.says(1, "else"), me.says(3), 7]
    answer = place.client.post("/v1/events:batch", json=batch, headers=BATCH)
    assert answer.status_code == 207
    got = answer.json()
    assert (got["taken"], got["duplicates"], got["refused"]) == (4, 1, 3)
    assert [item["index"] for item in got["results"]] == list(range(7))
    assert [item["status"] for item in got["results"]] == [200, 200, 422, 200, 409, 200, 422]
    first, second, missing, again, other, third, number = got["results"]
    assert second["answer"]["action"] == "remove"
    assert again["answer"] == first["answer"] | {"duplicate": True}
    assert {error["field"] for error in missing["problem"]["errors"]} == {"id", "source", "type", "data"}
    assert other["problem"]["decision"] == first["answer"]["decision"]
    assert number["problem"]["status"] == 422
    assert third["answer"]["duplicate"] is False
    assert [event.source_id for event in me.events] == [f"m-{me.id}-{number}" for number in (1, 2, 3)]


def test_a_batch_in_which_all_is_right_is_just_done(place, me):
    answer = place.client.post("/v1/events:batch", json=[me.says(n) for n in range(1000)], headers=BATCH)
    assert place.client.post("/v1/events:batch", json=[], headers=BATCH).json()["results"] == []
    assert answer.status_code == 200
    assert (answer.json()["taken"], answer.json()["refused"]) == (1000, 0)
    assert [item["answer"]["event"] for item in answer.json()["results"]] == [event.id for event in me.events]
    assert Decision.objects.filter(account_id=me.id).count() == 1000


def test_lines_of_json_are_a_batch(place, me):
    lines = "\n".join([json.dumps(me.says(1)), "", json.dumps(me.says(2)), "{", json.dumps(me.says(3)), ""])
    answer = place.client.post("/v1/events:batch", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert [item["status"] for item in answer.json()["results"]] == [200, 200, 400, 200]
    assert answer.json()["results"][2]["problem"]["type"].endswith("malformed-json")


def test_events_made_with_the_cloudevents_sdk_are_taken_in_both_modes(place, me):
    attributes = {
        "id": f"{me.id}-1", "source": SOURCE, "type": "message.sent", "specversion": "1.0", "subject": "m-1",
        "time": datetime(2026, 2, 1, 9, 30, 0, 123456, tzinfo=UTC), "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736",
        "datacontenttype": "application/json",
    }  # fmt: skip
    data = me.says(1, "naïve café ✓")["data"]
    structured = to_structured_event(CloudEvent(attributes, data), JSONFormat())
    first = place.client.post("/v1/events", content=structured.body, headers=structured.headers)
    assert first.status_code == 200, first.text
    binary = to_binary_event(CloudEvent(attributes | {"id": f"{me.id} ü%"}, data), JSONFormat())
    second = place.client.post("/v1/events", content=binary.body, headers=binary.headers)
    assert second.status_code == 200, second.text
    again = place.client.post("/v1/events", content=binary.body, headers=binary.headers)
    assert again.json()["duplicate"] is True
    stored = [json.loads(event.body) for event in me.events]
    for event, id in zip(stored, (f"{me.id}-1", f"{me.id} ü%"), strict=True):
        assert event["id"] == id
        assert event["data"] == data
        assert event["traceparent"] == attributes["traceparent"]
        assert datetime.fromisoformat(event["time"]) == attributes["time"]


def test_an_event_without_a_time_happened_when_it_came(place, me):
    said = me.says(1)
    del said["time"]
    before = datetime.now(UTC)
    send(place.client, said)
    assert send(place.client, said)["duplicate"] is True
    stored = me.events.get()
    assert before <= stored.occurred_at == stored.received_at <= datetime.now(UTC)


def test_text_in_any_script_is_kept_as_it_came(place, me):
    for number, text in enumerate(("🙈 ﷽ 𝔘𝔫𝔦 \u202e rtl", "buy pills \ue000 \ufffe", "a\tb\r\nc\u2028d", "x" * 99_000)):
        got = send(place.client, me.says(number, text))
        assert json.loads(Event.objects.get(id=got["event"]).body)["data"]["text"] == text
        assert send(place.client, me.says(number, text)) == got | {"duplicate": True}


def test_a_decision_can_be_read_again_by_its_own_service_only(place, me):
    got = send(place.client, me.says(1, "buy pills"))
    read = place.client.get(f"/v1/decisions/{got['decision']}")
    assert read.status_code == 200
    found = read.json()
    assert (found["decision"], found["event"], found["source_id"]) == (got["decision"], got["event"], f"m-{me.id}-1")
    assert (found["action"], found["rule"], found["automation"]) == ("remove", "spam.pills/pills", "fully")
    assert found["verdict"]["hits"] == got["hits"]
    assert (found["overridden_by"], found["actions"]) == (None, [])
    assert place.stranger.get(f"/v1/decisions/{got['decision']}").status_code == 404


def test_services_share_nothing(place, me):
    """The same ids, labels and counts of two services never meet."""
    first, other = send(place.client, me.says(1, "buy pills")), send(place.stranger, me.says(1, "see you"))
    assert (first["action"], other["action"]) == ("remove", "allow")
    assert other["duplicate"] is False
    assert send(place.client, me.says(2))["action"] == "hold"
    assert send(place.stranger, me.says(2))["action"] == "allow"
    assert Counter(event.service_id for event in me.events) == {"plaza": 2, "bazaar": 2}


def test_the_ledger_agrees_with_every_row_that_the_gateway_wrote(place, me):
    """Last in this module: all that the tests above left in the record."""
    send(place.client, me.says(1, "buy pills"))
    report = verify_record()
    assert report.findings == []
    assert report.entries >= 2 * Event.objects.count()


def test_the_hot_rows_have_every_column_that_the_models_have():
    """The raw INSERTs name all columns but those that the database fills, and cover all that the ledger does."""
    for model, columns, filled in (
        (Event, EVENT_COLUMNS, {"position"}),
        (Decision, DECISION_COLUMNS, set()),
        (LabelChange, LABEL_COLUMNS, {"position"}),
        (Outbox, OUTBOX_COLUMNS, {"position"}),
    ):
        assert {field.column for field in model._meta.concrete_fields} == set(columns) | filled
    assert set(DECISION_COLUMNS) - {"salt"} == set(Decision.RECORDED)
