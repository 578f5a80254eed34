"""The starter packs load clean, do what their examples say, tell people what they must, and seldom hit the innocent."""

from pathlib import Path

import pytest

from safehold.engine import Engine, lift, load_bundle
from safehold.engine.examples import run_examples

ROOT = Path(__file__).parents[2]
PACKS = {
    "harassment.abuse",
    "hate.protected-groups",
    "new-accounts.abuse",
    "phishing.links",
    "privacy.leaks",
    "scams.money",
    "spam.bulk",
}
QUEUES = {"spam", "scams", "abuse", "phishing", "privacy", "new-accounts"}
BUNDLE = load_bundle(ROOT / "policies")
OUTCOMES = run_examples(BUNDLE)


def test_every_pack_is_there():
    assert {policy.key for policy in BUNDLE.policies} == PACKS


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: f"{outcome.policy.key}: {outcome.example.name}")
def test_an_example_comes_out_as_it_says(outcome):
    assert outcome.differences == ()
    assert not outcome.verdict.undecided
    if not outcome.example.expect:
        assert outcome.verdict.action == "allow", f"an innocent example is hit by {outcome.verdict.winner}"


def test_every_rule_has_an_example_that_hits_it():
    hit = {(outcome.policy.key, rule) for outcome in OUTCOMES for rule in outcome.example.expect}
    assert hit == {(policy.key, rule.id) for policy in BUNDLE.policies for rule in policy.rules}


@pytest.mark.parametrize("policy", BUNDLE.policies, ids=lambda policy: policy.key)
def test_a_pack_tells_people_what_they_need_to_know(policy):
    assert len(policy.guidance) > 300
    assert {"en", "de", "fr", "es", "it"} <= set(policy.notice)
    assert all(len(text) > 120 for text in policy.notice.values())
    assert policy.dsa is not None
    assert policy.dsa.clause
    assert policy.dsa.url.startswith("https://plaza.example/terms#")
    assert policy.strike_seconds
    assert len(policy.examples) >= 4
    assert sum(not example.expect for example in policy.examples) >= 2, "show innocent twins too"
    for rule in policy.rules:
        assert rule.title
        assert rule.then.reason, f"{rule.id}: the affected person is told why"
        assert rule.then.queue is None or rule.then.queue in QUEUES
        if rule.then.action in ("hold", "suspend"):
            assert rule.then.queue, f"{rule.id}: what is held waits for a person"
        if rule.mode == "live" and rule.then.action == "remove":
            assert rule.then.queue is None


def test_only_near_certain_evidence_removes_without_a_person():
    removing = {rule.id for p in BUNDLE.policies for rule in p.rules if rule.then.action in ("remove", "terminate")}
    assert removing == {"listed-domain", "three-kinds-of-bait"}


def test_labelled_messages_spam_is_met_and_others_are_left_alone():
    """Floors a little under what was measured on all 3,606 labelled messages; docs/reference/signals.md has the figures."""
    engine = Engine(BUNDLE)
    counts = {"spam": [0, 0], "ham": [0, 0]}
    rows = (ROOT / "tests" / "data" / "sms-spam.tsv").read_text("utf-8").splitlines()
    for number, row in enumerate(rows):
        label, text = row.split("\t", 1)
        data = {"actor": {"id": f"u{number}", "created_at": "2025-01-01T00:00:00Z"}, "text": text}
        data |= {"message_id": f"m{number}", "recipient_id": f"r{number}"}
        verdict = engine.decide(
            lift(
                {"id": str(number), "source": "t", "type": "message.sent", "time": "2026-03-01T12:00:00Z", "data": data}
            )
        )
        assert not verdict.undecided
        counts[label][verdict.action != "allow" or verdict.queue is not None] += 1
    missed, met = counts["spam"]
    assert met / (met + missed) >= 0.35
    left, hit = counts["ham"]
    assert hit / (hit + left) <= 0.005
