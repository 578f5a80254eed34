"""What the starter packs notice only over time: stories told event by event, with windows and labels really kept."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from safehold.engine import Engine, lift, load_bundle
from safehold.engine.policies.examples import complete_event

BUNDLE = load_bundle(Path(__file__).parents[2] / "policies")
ENGINE = Engine(BUNDLE)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = 86_400
LETTER = "Nobody in our beautiful neighbourhood wants this terrible cycle path, everybody says so"


class Story:
    """Events in order, on an engine that has seen nothing before."""

    def __init__(self) -> None:
        self.engine = ENGINE.fresh()
        self.now = NOON
        self.number = 0

    def then(self, kind: str, actor: str = "u1", *, after: float = 1, age: float = 365 * DAY, **parts: Any) -> set[str]:
        """Something happens `after` seconds; `age` is the actor's at noon. `policy/rule` of each live rule that matched."""
        self.now += timedelta(seconds=after)
        self.number += 1
        who = {"id": actor, "created_at": (NOON - timedelta(seconds=age)).isoformat(), **parts.pop("actor_more", {})}
        event = {"type": kind, "id": f"e{self.number}", "time": self.now.isoformat(), "actor": who, **parts}
        completed = complete_event(event, BUNDLE.event_types[kind])
        assert BUNDLE.event_types.check(completed) == []
        verdict = self.engine.decide(lift(completed))
        assert not verdict.undecided, verdict.undecided
        self.action = verdict.action
        self.queue = verdict.queue
        return {f"{hit.policy}/{hit.rule}" for hit in verdict.hits if hit.mode == "live"}


@pytest.fixture
def story() -> Iterator[Story]:
    yield Story()


def wrote(text: str, to: str = "u2", **more: Any) -> dict[str, Any]:
    return {"data": {"text": text, "recipient_id": to, "message_id": f"m-{to}-{crc32(text.encode())}", **more}}


def test_an_account_is_broken_into_and_its_money_does_not_leave(story: Story) -> None:
    for _ in range(9):
        story.then("login.attempted", data={"outcome": "wrong_password"}, context={"ip": "203.0.113.9"})
    assert story.action == "allow", "somebody who is attacked is not locked out by it"
    assert "accounts.takeover/in-after-many-failures" in story.then(
        "login.attempted", data={"outcome": "success", "new_device": True}, context={"ip": "203.0.113.9"}
    )
    assert story.action == "hold" and story.queue == "accounts"
    assert "accounts.takeover/locks-changed-after-suspicious-sign-in" in story.then(
        "account.changed", data={"changes": ["email"], "new_device": True}, after=300
    )
    assert "accounts.takeover/payout-after-a-change" in story.then(
        "payout.requested", data={"amount": 90_000, "currency": "EUR", "new_destination": True}, after=600
    )
    assert story.queue == "payments"
    assert (
        story.then("payout.requested", data={"amount": 900, "currency": "EUR", "new_destination": True}, after=4 * DAY)
        == set()
    )


def test_one_address_guesses_at_many_accounts(story: Story) -> None:
    for number in range(12):
        met = story.then(
            "login.attempted", f"u{number}", data={"outcome": "wrong_password"}, context={"ip": "203.0.113.9"}
        )
    assert met == {"accounts.takeover/guessing-passwords"}
    assert story.action == "allow"
    assert story.then("login.attempted", "u11", data={"outcome": "success", "new_device": True}, after=60) == {
        "accounts.takeover/in-while-under-attack"
    }


def test_a_new_phone_and_a_payout_the_owner_proves(story: Story) -> None:
    story.then("login.attempted", data={"outcome": "success", "new_device": True, "mfa": True, "country": "AT"})
    assert (
        story.then("account.changed", data={"changes": ["phone"], "new_device": True, "mfa": True}, after=60) == set()
    )
    assert (
        story.then("payout.requested", data={"amount": 900, "currency": "EUR", "new_destination": True}, after=60)
        == set()
    )


def test_courtship_then_a_crisis(story: Story) -> None:
    story.then(
        "message.sent", age=3 * DAY, **wrote("I saw your profile. I am a widower from Leeds and you are my soulmate")
    )
    assert story.action == "allow"
    assert "scams.romance/money-after-courting" in story.then(
        "message.sent",
        age=3 * DAY,
        after=5 * DAY,
        **wrote("Darling, my card is blocked, I will pay you back", is_reply=True),
    )
    assert story.action == "hold"


def test_the_same_love_for_six_people(story: Story) -> None:
    for number in range(6):
        met = story.then("message.sent", after=3600, **wrote("Destiny brought us together", to=f"r{number}"))
    assert "scams.romance/same-love-for-many" in met


def test_a_choir_of_young_accounts_and_a_petition_of_old_ones(story: Story) -> None:
    for number in range(6):
        met = story.then(
            "content.created", f"young{number}", age=5 * DAY, data={"text": LETTER, "content_id": f"c{number}"}
        )
    assert "coordination.inauthentic/young-choir" in met
    assert story.action == "hold"
    again = story.then(
        "content.created", "young5", age=5 * DAY, after=DAY, data={"text": "see https://a.example.org/x"}
    )
    assert "coordination.inauthentic/choir-goes-on" in again
    other = Story()
    for number in range(3):
        met = other.then("content.created", f"old{number}", data={"text": LETTER, "content_id": f"c{number}"})
    assert met == set()


def test_steps_towards_a_child_over_two_weeks(story: Story) -> None:
    ages = {"recipient_age_band": "13_15"}
    assert story.then("message.sent", **wrote("how old are you?", **ages)) == set()
    assert story.then("message.sent", after=3 * DAY, **wrote("did you do your homework?", **ages)) == set()
    assert "minors.safety/steps-over-time" in story.then(
        "message.sent", after=4 * DAY, **wrote("send me a selfie", **ages)
    )
    assert story.queue == "minors"
    assert story.then("message.sent", "u3", **wrote("send me a selfie", to="u9", **ages)) == set()


def test_cards_are_tried(story: Story) -> None:
    for number in range(7):
        met = story.then(
            "payment.attempted",
            data={"amount": 100, "currency": "EUR", "outcome": "declined", "card_fingerprint": f"f{number}"},
        )
    assert "payments.abuse/trying-cards" in met
    other = Story()
    for _ in range(7):
        met = other.then(
            "payment.attempted",
            data={"amount": 100, "currency": "EUR", "outcome": "declined", "card_fingerprint": "f1"},
        )
    assert met == set(), "a bank that says no to one card all day"


def test_a_welcome_gift_taken_on_four_accounts(story: Story) -> None:
    for number in range(4):
        met = story.then(
            "promo.redeemed", f"u{number}", after=DAY, data={"promo_id": "welcome", "card_fingerprint": "f1"}
        )
    assert met == {"payments.promo/one-card-many-welcomes"}
    assert story.then("promo.redeemed", "u9", data={"promo_id": "spring", "card_fingerprint": "f1"}) == set()


def test_reviews_bought_from_new_accounts(story: Story) -> None:
    for number in range(7):
        met = story.then(
            "review.posted", f"u{number}", age=3600, target={"kind": "product", "id": "p1"},
            data={"rating": 5, "text": "Wonderful quality and delivery, exceeded every expectation of my grandmother"},
        )  # fmt: skip
    assert {"engagement.reviews/wave-of-newcomers", "engagement.reviews/same-review-many-accounts"} <= met


def test_a_crowd_follows_somebody_who_may_be_the_victim(story: Story) -> None:
    for number in range(45):
        met = story.then("follow.created", f"u{number}", age=3600, target={"kind": "account", "id": "star"})
    assert met == {"engagement.artificial/crowd-of-newborns"}
    assert story.action == "allow"


def test_a_wave_of_reports_is_looked_at_and_decides_nothing(story: Story) -> None:
    for number in range(6):
        met = story.then(
            "report.filed", f"u{number}", age=3600, target={"kind": "account", "id": "u7"},
            data={"reason": "hate", "explanation": "This dangerous person must be removed immediately from here"},
        )  # fmt: skip
    assert met == {"coordination.inauthentic/young-reporters", "coordination.inauthentic/same-report-many-times"}
    assert story.action == "allow"


def test_somebody_in_need_is_heard_each_time_and_never_silenced(story: Story) -> None:
    for number in range(4):
        met = story.then(
            "content.created", after=DAY, data={"text": "i want to end my life", "content_id": f"c{number}"}
        )
        assert story.action == "label"
        assert story.queue == "care"
    assert met == {f"care.self-harm/{rule}" for rule in ("in-danger", "words-of-need", "again-within-a-week")}
