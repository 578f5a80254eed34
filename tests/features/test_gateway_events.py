"""What a platform gets that sends its events: verdicts that are in the record before they are answered, once for each
event, however it is sent and however often. Each test runs on SQLite and on PostgreSQL, against a real server.
"""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from django.db import connection

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.decisions.models import Decision, LabelChange, Outbox, PolicyVersion, Strike
from safehold.desk.entities.models import Event
from safehold.record.models import LedgerEntry
from safehold.record.verification import verify_record
from tests.gateway_server import SOURCE, message, policy_folder, serving
from tests.world import service

EVENT = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


@pytest.fixture
def place(fresh_database: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """A database with a service and a key that may do everything, and the policies."""
    service()
    _, secret = create_key(None, "plaza", list(Scope), service="plaza")
    return SimpleNamespace(
        url=fresh_database.url, vendor=fresh_database.vendor, secret=secret, var=tmp_path, database=fresh_database,
        policies=policy_folder(tmp_path / "policies"),
    )  # fmt: skip


def opened(place: SimpleNamespace, **settings: object):
    return serving(place.url, place.policies, place.var, **{"rate": 0} | settings)


def send(client: httpx.Client, event: dict[str, object]) -> dict[str, object]:
    answer = client.post("/v1/events", json=event, headers=EVENT)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_a_verdict_is_in_the_record_with_all_that_follows_from_it(place):
    with opened(place) as server:
        got = send(server.client(place.secret), message(1, "buy pills, cheap", actor="u7"))
    assert got["action"] == "remove"
    assert got["winner"] == "spam.pills/pills"
    assert got["queue"] == "spam"
    assert got["duplicate"] is False
    assert [hit["rule"] for hit in got["hits"]] == ["pills"]
    assert got["hits"][0]["values"]["data.text"] == "buy pills, cheap"
    event = Event.objects.get(id=got["event"])
    assert json.loads(event.body) == message(1, "buy pills, cheap", actor="u7")
    assert (event.source, event.source_id, event.type) == (SOURCE, "m-1", "message.sent")
    assert (event.subject_kind, event.subject_id, event.account_id) == ("message", "m-1", "u7")
    assert event.occurred_at == datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    decision = Decision.objects.get(pk=got["decision"])
    policy = PolicyVersion.objects.get(key="spam.pills", effective_to=None)
    assert decision.event == event
    assert (decision.action, decision.rule, decision.policy) == ("remove", "spam.pills/pills", policy)
    assert decision.policies == ["spam.pills"]
    assert (decision.reason, decision.queue, decision.bundle) == ("It advertises pills", "spam", got["bundle"])
    assert (decision.subject_kind, decision.subject_id, decision.account_id) == ("message", "m-1", "u7")
    assert (decision.detection_automated, decision.automation, decision.person) == (True, "fully", None)
    assert (decision.root, decision.override_of, decision.on_appeal) == (decision.pk, None, False)
    assert decision.params == {"labels": [{"name": "pill-seller", "on": "actor", "seconds": 30 * 86_400}]}
    assert decision.verdict["winner"] == got["winner"]
    strike = Strike.objects.get(account_id="u7")
    assert (strike.weight, strike.expires_at) == (2, decision.decided_at + timedelta(days=90))
    label = LabelChange.objects.get()
    assert (label.kind, label.external_id, label.name, label.voided) == ("account", "u7", "pill-seller", False)
    assert label.expires_at == event.occurred_at + timedelta(days=30)
    assert label.decision == decision
    outbox = Outbox.objects.get()
    assert (outbox.topic, outbox.reference, outbox.done_at) == ("decision.made", decision.pk, None)
    assert set(LedgerEntry.objects.values_list("kind", "subject_id")) >= {
        ("event", event.id),
        ("decision", decision.pk),
    }
    assert verify_record().findings == []


def test_an_event_that_breaks_no_rule_is_allowed_and_recorded_too(place):
    with opened(place) as server:
        got = send(server.client(place.secret), message(1))
    assert (got["action"], got["winner"], got["hits"], got["queue"]) == ("allow", None, [], None)
    decision = Decision.objects.get(pk=got["decision"])
    assert (decision.action, decision.policy, decision.rule, decision.policies) == ("allow", None, "", [])
    assert decision.strike_weight == 0


def test_a_shadow_rule_is_told_of_and_does_nothing(place):
    with opened(place) as server:
        got = send(server.client(place.secret), message(1, "a watched word"))
    assert got["action"] == "allow"
    assert [(hit["rule"], hit["mode"]) for hit in got["hits"]] == [("watched", "shadow")]
    assert Decision.objects.get().policies == []
    assert not LabelChange.objects.exists()


def test_a_report_is_decided_about_what_it_reports(place):
    report = {
        "actor": {"id": "reporter", "created_at": "2025-01-30T08:00:00Z"},
        "report_id": "r-1",
        "reason": "spam",
        "target": {"kind": "message", "id": "m-9", "owner_id": "u9"},
    }
    with opened(place) as server:
        got = send(server.client(place.secret), message("r-1", type="report.filed", data=report))
    event, decision = Event.objects.get(), Decision.objects.get(pk=got["decision"])
    assert (event.subject_kind, event.subject_id, event.account_id) == ("report", "r-1", "reporter")
    assert (decision.subject_kind, decision.subject_id, decision.account_id) == ("message", "m-9", "u9")
    assert decision.detection_automated is False
    assert decision.automation == "fully"


def test_an_event_sent_twice_is_decided_once(place):
    with opened(place) as server:
        client = server.client(place.secret)
        first = send(client, message(1, "buy pills"))
        again = send(client, message(1, "buy pills"))
        # Another writing of the same JSON is the same event.
        reordered = json.dumps(dict(reversed(message(1, "buy pills").items())), indent=2)
        third = client.post("/v1/events", content=reordered, headers=EVENT).json()
    assert again == third == first | {"duplicate": True}
    assert Event.objects.count() == Decision.objects.count() == Outbox.objects.count() == 1


def test_the_same_id_from_another_source_is_another_event(place):
    with opened(place) as server:
        client = server.client(place.secret)
        first, other = send(client, message(1)), send(client, message(1, source="https://plaza.example/chat"))
    assert first["decision"] != other["decision"]
    assert other["duplicate"] is False


def test_the_same_event_sent_at_once_by_many_is_decided_once(place):
    async def all_at_once(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {place.secret}"}) as client:
            sends = [client.post("/v1/events", json=message(n % 3), headers=EVENT) for n in range(60)]
            return list(await asyncio.gather(*sends))

    with opened(place) as server:
        answers = [answer.json() for answer in asyncio.run(all_at_once(server.url))]
    assert len({answer["decision"] for answer in answers}) == 3
    assert Counter(answer["duplicate"] for answer in answers) == {False: 3, True: 57}
    assert Event.objects.count() == Decision.objects.count() == 3


def test_an_event_is_the_same_after_a_restart(place):
    with opened(place) as server:
        first = send(server.client(place.secret), message(1, "buy pills"))
    with opened(place) as server:
        assert send(server.client(place.secret), message(1, "buy pills")) == first | {"duplicate": True}


def test_windows_and_labels_are_the_same_after_a_restart(place):
    """What the engine counts and remembers is rebuilt from the record."""
    now = datetime.now(UTC).isoformat()
    with opened(place) as server:
        client = server.client(place.secret)
        for number in range(5):
            assert send(client, message(number, actor="talker", time=now))["action"] == "allow"
        send(client, message("pills", "buy pills", actor="seller", time=now))
    with opened(place) as server:
        client = server.client(place.secret)
        got = send(client, message(5, actor="talker", time=now))
        assert (got["action"], got["winner"]) == ("limit", "spam.pills/flood")
        assert got["why"].endswith("6 messages in an hour")
        assert send(client, message("later", actor="seller", time=now))["winner"] == "spam.pills/known-seller"


def test_a_label_that_a_person_sets_or_voids_counts_for_the_next_event(place):
    with opened(place) as server:
        client = server.client(place.secret)
        got = send(client, message(1, actor="u3"))
        labels = {"service_id": "plaza", "kind": "account", "external_id": "u3", "name": "pill-seller"}
        LabelChange.objects.create(**labels, decision_id=got["decision"])
        assert send(client, message(2, actor="u3"))["action"] == "hold"
        assert send(client, message(3, actor="u4"))["action"] == "allow"
        LabelChange.objects.create(**labels, voided=True, decision_id=got["decision"])
        assert send(client, message(4, actor="u3"))["action"] == "allow"


def test_a_batch_has_a_result_for_each_event_and_a_wrong_one_holds_up_nobody(place):
    batch = [message(1), message(2, "buy pills"), {"specversion": "1.0"}, message(1), message(1, "else"), message(3), 7]
    with opened(place) as server:
        answer = server.client(place.secret).post("/v1/events:batch", json=batch, headers=BATCH)
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
    assert list(Event.objects.order_by("position").values_list("source_id", flat=True)) == ["m-1", "m-2", "m-3"]


def test_a_batch_in_which_all_is_right_is_just_done(place):
    with opened(place) as server:
        client = server.client(place.secret)
        answer = client.post("/v1/events:batch", json=[message(n) for n in range(1000)], headers=BATCH)
        assert client.post("/v1/events:batch", json=[], headers=BATCH).json()["results"] == []
    assert answer.status_code == 200
    assert (answer.json()["taken"], answer.json()["refused"]) == (1000, 0)
    assert Event.objects.count() == Decision.objects.count() == 1000
    order = [item["answer"]["event"] for item in answer.json()["results"]]
    assert list(Event.objects.order_by("position").values_list("id", flat=True)) == order


def test_lines_of_json_are_a_batch(place):
    lines = "\n".join([json.dumps(message(1)), "", json.dumps(message(2)), "{", json.dumps(message(3)), ""])
    with opened(place) as server:
        client = server.client(place.secret)
        answer = client.post("/v1/events:batch", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert [item["status"] for item in answer.json()["results"]] == [200, 200, 400, 200]
    assert answer.json()["results"][2]["problem"]["type"].endswith("malformed-json")


def test_events_made_with_the_cloudevents_sdk_are_taken_in_both_modes(place):
    attributes = {
        "id": "sdk-1", "source": SOURCE, "type": "message.sent", "specversion": "1.0", "subject": "m-1",
        "time": datetime(2026, 2, 1, 9, 30, 0, 123456, tzinfo=UTC), "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736",
        "datacontenttype": "application/json",
    }  # fmt: skip
    data = message(1, "naïve café ✓")["data"]
    with opened(place) as server:
        client = server.client(place.secret)
        structured = to_structured_event(CloudEvent(attributes, data), JSONFormat())
        first = client.post("/v1/events", content=structured.body, headers=structured.headers)
        assert first.status_code == 200, first.text
        binary = to_binary_event(CloudEvent(attributes | {"id": "sdk-2 ü%"}, data), JSONFormat())
        second = client.post("/v1/events", content=binary.body, headers=binary.headers)
        assert second.status_code == 200, second.text
        again = client.post("/v1/events", content=binary.body, headers=binary.headers)
    assert again.json()["duplicate"] is True
    stored = [json.loads(body) for body in Event.objects.order_by("position").values_list("body", flat=True)]
    for event, id in zip(stored, ("sdk-1", "sdk-2 ü%"), strict=True):
        assert event["id"] == id
        assert event["data"] == data
        assert event["traceparent"] == attributes["traceparent"]
        assert datetime.fromisoformat(event["time"]) == attributes["time"]


def test_an_event_without_a_time_happened_when_it_came(place):
    event = message(1)
    del event["time"]
    before = datetime.now(UTC)
    with opened(place) as server:
        client = server.client(place.secret)
        send(client, event)
        assert send(client, event)["duplicate"] is True
    stored = Event.objects.get()
    assert before <= stored.occurred_at == stored.received_at <= datetime.now(UTC)


def test_a_decision_can_be_read_again_by_its_own_service_only(place):
    service("bazaar")
    _, stranger = create_key(None, "bazaar", list(Scope), service="bazaar")
    with opened(place) as server:
        got = send(server.client(place.secret), message(1, "buy pills"))
        read = server.client(place.secret).get(f"/v1/decisions/{got['decision']}")
        assert server.client(stranger).get(f"/v1/decisions/{got['decision']}").status_code == 404
    assert read.status_code == 200
    found = read.json()
    assert (found["decision"], found["event"], found["source_id"]) == (got["decision"], got["event"], "m-1")
    assert (found["action"], found["rule"], found["automation"]) == ("remove", "spam.pills/pills", "fully")
    assert found["verdict"]["hits"] == got["hits"]
    assert (found["overridden_by"], found["actions"]) == (None, [])


def test_services_share_nothing(place):
    """The same ids, labels and counts of two services never meet."""
    service("bazaar")
    _, secret = create_key(None, "bazaar", list(Scope), service="bazaar")
    with opened(place) as server:
        ours, theirs = server.client(place.secret), server.client(secret)
        first = send(ours, message(1, "buy pills"))
        other = send(theirs, message(1, "buy pills"))
        assert other["decision"] != first["decision"]
        assert other["duplicate"] is False
        send(ours, message(2, "buy pills", actor="u5"))
        assert send(theirs, message(3, actor="u5"))["action"] == "allow"
    assert Counter(Event.objects.values_list("service_id", flat=True)) == {"plaza": 2, "bazaar": 2}


def test_two_gateways_on_one_database_decide_each_event_once_and_count_together(place):
    """Whoever writes learns first what the other wrote: duplicates, windows and labels hold across processes."""
    now = datetime.now(UTC).isoformat()

    async def both(urls: list[str]) -> list[httpx.Response]:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {place.secret}"}, timeout=60) as client:
            events = [message(n, actor="talker", time=now) for n in range(40)]
            sends = [client.post(f"{url}/v1/events", json=event, headers=EVENT) for event in events for url in urls]
            return list(await asyncio.gather(*sends))

    with opened(place) as one, opened(place) as two:
        answers = asyncio.run(both([one.url, two.url]))
        assert {answer.status_code for answer in answers} == {200}
        pairs = [answer.json() for answer in answers]
        send(one.client(place.secret), message("pills", "buy pills", actor="seller"))
        assert send(two.client(place.secret), message("later", actor="seller"))["winner"] == "spam.pills/known-seller"
    for one_answer, two_answer in zip(pairs[::2], pairs[1::2], strict=True):
        assert one_answer["decision"] == two_answer["decision"]
        assert {one_answer["duplicate"], two_answer["duplicate"]} == {False, True}
    in_order = Decision.objects.filter(event__account_id="talker").order_by("event__position")
    assert [decision.action for decision in in_order] == ["allow"] * 5 + ["limit"] * 35
    assert [hit["values"]["windows.sent_1h"] for d in in_order for hit in d.verdict["hits"]] == list(range(6, 41))
    assert verify_record().whole


def test_what_was_taken_is_answered_when_the_server_is_asked_to_end(place):
    async def send_and_end(server) -> list[object]:
        async with httpx.AsyncClient(
            base_url=server.url, headers={"Authorization": f"Bearer {place.secret}"}
        ) as client:
            batches = [[message(f"{n}-{i}") for i in range(200)] for n in range(8)]
            sends = [
                asyncio.create_task(client.post("/v1/events:batch", json=b, headers=BATCH, timeout=60)) for b in batches
            ]
            await asyncio.sleep(0.15)
            server.process.terminate()
            return list(await asyncio.gather(*sends, return_exceptions=True))

    with opened(place) as server:
        answers = asyncio.run(send_and_end(server))
        assert server.process.wait(30) == 0
    answered = [answer.json() for answer in answers if isinstance(answer, httpx.Response) and answer.status_code == 200]
    decisions = {item["answer"]["decision"] for answer in answered for item in answer["results"]}
    assert decisions
    assert decisions == set(Decision.objects.values_list("id", flat=True))


def test_the_policy_in_force_is_the_one_that_decided(place):
    with opened(place) as server:
        first = send(server.client(place.secret), message(1, "buy pills"))
    policy = place.policies / "spam.yaml"
    policy.write_text(policy.read_text().replace("strike: 2", "strike: 1"))
    with opened(place) as server:
        second = send(server.client(place.secret), message(2, "buy pills"))
    assert first["bundle"] != second["bundle"]
    old, new = (Decision.objects.get(pk=got["decision"]) for got in (first, second))
    assert old.policy.effective_to == new.policy.effective_from
    assert new.policy.effective_to is None
    assert (old.strike_weight, new.strike_weight) == (2, 1)


def test_broken_policies_keep_the_server_from_starting_and_say_where(place):
    policy = place.policies / "spam.yaml"
    policy.write_text(policy.read_text().replace("data.text.contains", "data.txt.contains", 1))
    with serving(place.url, place.policies, place.var, ready=False) as server:
        assert server.process.wait(30) != 0
    assert "spam.yaml" in server.log.read_text()
    assert connection.vendor == place.vendor
