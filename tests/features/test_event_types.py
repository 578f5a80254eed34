"""A platform that sends the wrong thing is told which field, and what to do."""

from pathlib import Path
from typing import Any

import pytest

from safehold.engine import EventTypes, PolicyProblems, lift, load_bundle
from tests.policy_folder import cloudevent, folder, policy_of

STARTER = Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="module")
def event_types() -> EventTypes:
    return load_bundle(STARTER).event_types


def test_the_event_types_are_there(event_types: EventTypes) -> None:
    assert set(event_types.types) == {
        "account.created", "account.changed", "login.attempted", "recovery.requested", "content.created", "content.checked",
        "message.sent", "review.posted", "listing.created", "follow.created", "reaction.created",
        "payment.attempted", "promo.redeemed", "payout.requested", "report.filed",
        "content.judged", "message.judged", "review.judged", "listing.judged",
    }  # fmt: skip


def test_an_event_that_fits_has_no_violations(event_types: EventTypes) -> None:
    assert event_types.check(cloudevent()) == []


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        ({"id": ""}, "/id", "`id` must be a non-empty string"),
        ({"time": "yesterday"}, "/time", "RFC 3339"),
        ({"time": "2026-03-01T12:00:00"}, "/time", "RFC 3339"),
        ({"type": "mesage.sent"}, "/type", "did you mean `message.sent`?"),
        ({"type": "qqqq"}, "/type", "this deployment has: account.changed"),
        ({"specversion": "0.3"}, "/specversion", "must be 1.0"),
        ({"data": "text"}, "/data", "must be a JSON object"),
    ],
)
def test_a_wrong_attribute_is_named(event_types: EventTypes, change: dict[str, Any], pointer: str, says: str) -> None:
    found = event_types.check({**cloudevent(), **change})
    assert [(v.pointer, says in v.message) for v in found] == [(pointer, True)]


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        ({"text": None}, "/data/text", "`data.text` must be string, not null"),
        ({"text": 3}, "/data/text", "`data.text` must be string, not an integer"),
        ({"is_reply": "yes"}, "/data/is_reply", "`data.is_reply` must be boolean, not a string"),
        ({"actor": {"id": "u1"}}, "/data/actor/created_at", "`data.actor.created_at` is missing; add it"),
        ({"actor": {"id": "u1", "created_at": "soon"}}, "/data/actor/created_at", "RFC 3339 time"),
        ({"context": {"ip": 7}}, "/data/context/ip", "`data.context.ip` must be string"),
    ],
)
def test_a_wrong_field_is_named(event_types: EventTypes, change: dict[str, Any], pointer: str, says: str) -> None:
    found = event_types.check(cloudevent(**change))
    assert [(v.pointer, says in v.message) for v in found] == [(pointer, True)]


def test_a_report_needs_its_target(event_types: EventTypes) -> None:
    event = {**cloudevent(), "type": "report.filed"}
    event["data"] = {
        "actor": event["data"]["actor"],
        "report_id": "r1",
        "reason": "spam",
        "target": {"kind": "message"},
    }
    assert [v.pointer for v in event_types.check(event)] == ["/data/target/id"]


def test_actor_target_and_context_are_lifted_out_of_the_data() -> None:
    event = lift(cloudevent(context={"ip": "192.0.2.1"}))
    assert event.actor["id"] == "u1"
    assert event.context == {"ip": "192.0.2.1"}
    assert set(event.data) == {"message_id", "recipient_id", "text"}


def test_a_platform_declares_event_types_of_its_own(tmp_path: Path) -> None:
    where = folder(tmp_path, policy_of("cheap | data.price < 1.5 && event.text.contains('gold') | warn").replace(
        "message.sent", "offer.made"
    ))  # fmt: skip
    (where / "events/offer.yaml").write_text(
        "event: offer.made\n"
        "subject: {kind: offer, id: data.offer, text: data.words}\n"
        "schema: {required: [offer, price, words], properties: {offer: {type: string}, price: {type: number}, "
        "words: {type: string}}}\n",
        encoding="utf-8",
    )
    event_type = load_bundle(where, []).event_types["offer.made"]
    assert event_type.schema["required"] == ["actor", "offer", "price", "words"]
    assert set(event_type.schema["properties"]) >= {"actor", "target", "context", "price"}


def test_an_event_type_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    where = folder(tmp_path, policy_of("r | true | warn"))
    (where / "events/bad.yaml").write_text(
        "event: bad.thing\nsubject: {kind: thing, id: data.idd}\nschema: {properties: {id: {type: string}}}\n",
        encoding="utf-8",
    )
    (where / "events/worse.yaml").write_text(
        "event: worse.thing\nsubject: {kind: thing, id: actor.id}\nschema: {properties: {id: {type: strin}}}\n",
        encoding="utf-8",
    )
    with pytest.raises(PolicyProblems) as found:
        load_bundle(where, [])
    said = [problem.message for problem in found.value.problems]
    assert "the event has no field `data.idd`" in said
    assert any(message.startswith("not a JSON Schema") for message in said)
