"""Who posts the same thing: copies of a message find each other though each is changed, and other messages don't."""

import random

import pytest

from safehold.engine import Engine, load_bundle
from safehold.signals.copies import Copies
from tests.features.test_keys_that_are_lists import POLICIES, post
from tests.features.test_near_duplicates import HAM, SPAM, addressed, disguised, reworded
from tests.features.test_reading_disguised_text import said

POLICY = """
policy: a.copies
title: Copies
severity: low
on: [content.created]
windows:
  posters: {distinct: actor.id, by: signals.copies.keys, over: 24h, where: signals.copies.size >= 20}
  since: {min: event.time, by: signals.copies.keys, over: 24h, where: signals.copies.size >= 20}
rules:
  - id: others-too
    when: windows.posters >= 2 && windows.since <= now
    then: {action: warn, reason: "{windows.posters}"}
examples:
  - name: two people
    event: {type: content.created, data: {text: "Come and visit the wonderful little gallery"}}
    windows: {posters: 2, since: "2026-01-01T12:00:00Z"}
    expect: {others-too: warn}
"""
SIGNAL = Copies()


def with_junk(text, chance):
    """Words that are there to make each copy different."""
    return text + " " + " ".join(chance.choice(chance.choice(HAM).split() or ["so"]) for _ in range(4))


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copies")
    (folder / "events").symlink_to(POLICIES / "events")
    (folder / "copies.yaml").write_text(POLICY)
    return Engine(load_bundle(folder))


def seen(engine, texts):
    """How many accounts the window counts at each of these texts, each by an account of its own."""
    events = [post(number, f"u{number}", text) for number, text in enumerate(texts)]
    verdicts = [engine.decide(event) for event in events]
    assert not any(verdict.undecided for verdict in verdicts)
    return [int(verdict.hits[0].reason) if verdict.hits else 1 for verdict in verdicts], events


@pytest.mark.parametrize(
    ("change", "least"),
    [(disguised, 0.98), (addressed, 0.98), (reworded, 0.9), (with_junk, 0.9)],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_of_twenty_copies_the_last_one_sees_nearly_all(engine, change, least):
    draw, shares = random.Random(5), []
    for text in [text for text in SPAM if len(text) >= 80][:20]:
        counts, _ = seen(engine.fresh(), [change(text, draw) for _ in range(20)])
        shares.append(counts[-1] / 20)
    assert sum(shares) / len(shares) >= least


def test_messages_of_one_community_are_seldom_taken_for_copies(engine):
    counts, _ = seen(engine.fresh(), HAM[:500])
    assert sum(count >= 2 for count in counts) / len(counts) <= 0.05
    assert sum(count >= 4 for count in counts) == 0


def test_a_restart_changes_nothing(engine):
    draw = random.Random(7)
    texts = [reworded(SPAM[n % 5], draw) for n in range(40)]
    whole, events = seen(engine.fresh(), texts)
    restarted = engine.fresh()
    for event in events[:25]:
        restarted.observe(event)
    after = [restarted.decide(event) for event in events[25:]]
    assert [int(verdict.hits[0].reason) if verdict.hits else 1 for verdict in after] == whole[25:]


def test_keys_survive_what_changes_no_letter():
    one = SIGNAL.run(said("Come to our shop today, the best prices in town! https://a.example/1 @jo"))
    assert (
        one["keys"]
        == SIGNAL.run(said("COME to OUR shop today - the b e s t prices in town https://b.example/2"))["keys"]
    )
    assert len(set(one["keys"])) == 24


@pytest.mark.parametrize("text", ["", "  ", "🔥🔥", "12345"])
def test_a_text_that_says_nothing_is_a_copy_of_nothing(text):
    assert SIGNAL.run(said(text))["keys"] == []
