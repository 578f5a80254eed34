"""The starter packs load clean, do what their examples say, tell people what they must, and seldom hit the innocent."""

import gettext
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import django
import pytest
from typer.testing import CliRunner

from safehold.cli import app
from safehold.desk.review.queues import STARTERS
from safehold.engine import Engine, lift, load_bundle
from safehold.engine.examples import assumptions, run_examples
from safehold.engine.language.tree import Call, Present
from safehold.engine.policies.bundle import installed_signals, make_bundle

ROOT = Path(__file__).parents[2]
ROOT_OF_DJANGO = Path(django.__file__).parent
PACKS = {
    "accounts.takeover",
    "care.self-harm",
    "coordination.inauthentic",
    "engagement.artificial",
    "engagement.reviews",
    "goods.counterfeit",
    "goods.prohibited",
    "harassment.abuse",
    "hate.protected-groups",
    "impersonation.identity",
    "media.known",
    "minors.safety",
    "new-accounts.abuse",
    "payments.abuse",
    "payments.promo",
    "phishing.credentials",
    "phishing.links",
    "privacy.doxxing",
    "privacy.leaks",
    "scams.advance-fee",
    "scams.investment",
    "scams.jobs",
    "scams.money",
    "scams.romance",
    "spam.bulk",
    "spam.comments",
    "threats.violence",
}
QUEUES = {starter.slug for starter in STARTERS}
#: Words by which one is addressed as a friend: the notices say Sie, vous, usted and Lei, as the portal does.
FAMILIAR = {
    "de": r"\b(du|dich|dir|dein\w*|euch|eure?\w*)\b",
    "fr": r"\b(tu|toi|ton|ta|tes)\b",
    "es": r"\b(tú|ti|tu|tus|contigo|dinos|díganos tu)\b",
    "it": r"\b(tu|te|ti|tuo|tua|tuoi|tue|dicci|faccelo)\b",
}
SIGNALS = installed_signals()
BUNDLE = load_bundle(ROOT / "policies", SIGNALS)
OUTCOMES = run_examples(BUNDLE, SIGNALS)


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
def test_every_rule_has_a_near_miss(policy):
    """An innocent twin: an example that a rule leaves alone though all but one of the things it asks for are there."""
    parts = {rule.id: {on: _parts(tree) for on, tree in rule.when.items()} for rule in policy.rules}
    many = {rule: max(map(len, trees.values())) for rule, trees in parts.items()}
    single = [
        replace(
            rule, id=f"{rule.id} {i}", mode="live", when={on: p[i] for on, p in parts[rule.id].items() if i < len(p)}
        )
        for rule in policy.rules
        for i in range(many[rule.id])
    ]
    taken_apart = replace(policy, rules=tuple(single))
    engine = Engine(make_bundle((taken_apart,), BUNDLE.event_types, dict(BUNDLE.lists), SIGNALS), SIGNALS)
    nearest = Counter()
    for each in policy.examples:
        hits = engine.fresh().decide(lift(each.event), assumptions(each, policy)).hits
        met = Counter(hit.rule.split()[0] for hit in hits)
        for rule in policy.rules:
            if each.event["type"] in rule.on and rule.id not in each.expect:
                nearest[rule.id] = max(nearest[rule.id], 1 + met[rule.id])
    assert {rule: many[rule] for rule in many if nearest[rule] != many[rule]} == {}, dict(nearest)


def _parts(tree):
    """`a && b && c` as [a, b, c]; `has(x) && b` counts as one part, because a field that isn't there is no near miss."""
    if isinstance(tree, Call) and tree.function == "_&&_":
        left, right = tree.arguments
        if isinstance(left, Present):
            return [tree]
        return [*_parts(left), *_parts(right)]
    return [tree]


@pytest.mark.parametrize("policy", BUNDLE.policies, ids=lambda policy: policy.key)
def test_notices_address_people_as_the_portal_does(policy):
    for language, words in FAMILIAR.items():
        assert not re.findall(words, policy.notice[language].lower()), f"{language}: {policy.notice[language]}"


@pytest.mark.parametrize("policy", BUNDLE.policies, ids=lambda policy: policy.key)
def test_a_pack_tells_people_what_they_need_to_know(policy):
    assert len(policy.guidance) > 300
    assert {"en", "de", "fr", "es", "it"} <= set(policy.notice)
    assert all(len(text) > 120 for text in policy.notice.values())
    assert policy.dsa is not None
    assert policy.dsa.clause
    assert policy.dsa.url.startswith("https://plaza.example/terms#")
    assert bool(policy.strike_seconds) == (policy.key != "care.self-harm")
    assert len(policy.examples) >= 6
    assert sum(not example.expect for example in policy.examples) >= 2, "show innocent twins too"
    for rule in policy.rules:
        assert rule.title
        assert rule.then.reason, f"{rule.id}: the affected person is told why"
        assert rule.then.queue is None or rule.then.queue in QUEUES
        if rule.then.action in ("hold", "suspend"):
            assert rule.then.queue, f"{rule.id}: what is held waits for a person"
        if rule.mode == "live" and rule.then.action == "remove":
            assert rule.then.queue is None


def test_nobody_in_need_is_punished():
    """Whatever rule of whatever pack meets the words of somebody in danger: nothing is taken from them, no strike counts."""
    care = BUNDLE.policy("care.self-harm")
    assert set(care.actions) == {"allow", "label", "hold"}
    assert not any(rule.then.strike for rule in care.rules)
    assert [rule.id for rule in care.rules if rule.then.action == "hold"] == ["praise-and-pacts"]
    assert {rule.then.queue for rule in care.rules} == {"care"}
    met = [
        o for o in OUTCOMES if o.policy is care and {"in-danger", "in-danger-told-in-private"} & set(o.example.expect)
    ]
    assert len(met) >= 4
    for outcome in met:
        assert outcome.verdict.action in ("allow", "label")
        assert outcome.verdict.queue == "care"
        assert not any(
            hit.mode == "live" and BUNDLE.rule(f"{hit.policy}/{hit.rule}").then.strike for hit in outcome.verdict.hits
        )
    for text in care.notice.values():
        assert "findahelpline.com" in text
        assert "112" in text


@pytest.mark.parametrize("command", [["check", "--strict"], ["fmt", "--check"]])
def test_the_packs_are_as_the_tools_want_policies_to_be(command):
    result = CliRunner().invoke(app, ["policy", command[0], str(ROOT / "policies"), *command[1:]])
    assert result.exit_code == 0, result.output


def test_only_near_certain_evidence_removes_without_a_person():
    removing = {rule.id for p in BUNDLE.policies for rule in p.rules if rule.then.action in ("remove", "terminate")}
    assert removing == {"listed-domain", "three-kinds-of-bait", "known-file", "trap"}


def test_labelled_messages_spam_is_met_and_others_are_left_alone():
    """Floors a little under what was measured on all 3,606 labelled messages; docs/reference/signals.md has the figures."""
    engine = Engine(BUNDLE, SIGNALS)
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


@pytest.mark.parametrize("language", ["de", "fr", "es", "it"])
def test_everyday_sentences_in_other_languages_are_left_alone(language):
    """What Django says to people, some hundred sentences a language: no rule finds fault with them, named or not."""
    found = gettext.translation("django", ROOT_OF_DJANGO / "conf" / "locale", [language])
    sentences = {each for each in found._catalog.values() if isinstance(each, str) and 15 < len(each) < 2_000}
    sentences = {re.sub(r"%\(\w+\)[sd]|%[sd]|\{\w*\}", "", each) for each in sentences if "\n" not in each}
    assert len(sentences) > 100
    engine = Engine(BUNDLE, SIGNALS)
    for number, text in enumerate(sorted(sentences)):
        data = {"actor": {"id": "u1", "created_at": "2025-01-01T00:00:00Z"}, "text": text, "content_id": f"c{number}"}
        data |= {"language": language} if number % 2 else {}
        verdict = engine.fresh().decide(
            lift(
                {
                    "id": str(number),
                    "source": "t",
                    "type": "content.created",
                    "time": "2026-03-01T12:00:00Z",
                    "data": data,
                }
            )
        )
        assert (verdict.action, verdict.queue) == ("allow", None), text
