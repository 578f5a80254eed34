"""How often two texts share a key is what the reference says of their likeness, for pairs whose Jaccard similarity is known
exactly; and what windows count by the longer bands are texts that are almost the same."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.engine import Engine, load_bundle
from safehold.signals.copies import CLOSE_ROWS, NEAR_ROWS, chance, keys, similarity
from tests.features.test_coordinated_copies import POLICY
from tests.features.test_keys_that_are_lists import POLICIES, post

PAIRS = 400


def pair(random_: random.Random, likeness: float, size: int = 100) -> tuple[set[str], set[str]]:
    """Two sets of runs of which exactly this share of all is in both."""
    runs = [f"{number:04x}" for number in random_.sample(range(65_536), size)]
    both = round(size * likeness)
    half = (size - both) // 2
    return set(runs[: both + half]), set(runs[:both] + runs[both + half :])


@pytest.mark.parametrize("rows", [NEAR_ROWS, CLOSE_ROWS])
@pytest.mark.parametrize("likeness", [0.1, 0.3, 0.5, 0.7, 0.8, 0.9])
def test_texts_share_a_key_as_often_as_their_likeness_says(likeness: float, rows: int) -> None:
    random_ = random.Random(f"{likeness} {rows}")
    met = 0
    for _ in range(PAIRS):
        one, other = pair(random_, likeness)
        assert similarity(one, other) == pytest.approx(likeness)
        met += not set(keys(one, rows)).isdisjoint(keys(other, rows))
    expected = chance(likeness, rows)
    sigma = (expected * (1 - expected) / PAIRS) ** 0.5
    assert abs(met / PAIRS - expected) <= 5 * sigma + 2 / PAIRS


@given(st.sets(st.text("abcdef", min_size=4, max_size=4), min_size=1, max_size=80), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_same_runs_have_the_same_keys_and_no_band_has_another_ones(runs: set[str], close: bool) -> None:
    rows = CLOSE_ROWS if close else NEAR_ROWS
    found = keys(runs, rows)
    assert found == keys(set(sorted(runs, reverse=True)), rows)  # noqa: C414  # made in another order
    assert len(found) == 96 // rows == len(set(found))
    assert set(found).isdisjoint(keys(runs, NEAR_ROWS if close else CLOSE_ROWS))
    assert keys(set(), rows) == []


def test_a_rule_can_ask_how_many_of_those_who_posted_it_posted_almost_the_same(tmp_path: Path) -> None:
    """Ten copies with a word or two changed, and ten that share half of it: one window counts both, the other one kind."""
    (tmp_path / "events").symlink_to(POLICIES / "events")
    same = "{distinct: actor.id, by: signals.copies.close, over: 24h, where: signals.copies.size >= 20}\n  since:"
    text = POLICY.replace("\n  since:", f"\n  same: {same}").replace(
        '"{windows.posters}"', '"{windows.posters} {windows.same}"'
    )
    (tmp_path / "copies.yaml").write_text(text.replace("{posters: 2, since:", "{posters: 2, same: 1, since:"))
    engine = Engine(load_bundle(tmp_path))
    start = "Come to the old harbour tonight at nine and bring all of your friends along"
    long = " because the very best things in life are of course entirely free of charge, as everybody knows"
    closer = [f"{start}{long} ({word})" for word in ("yes", "do", "now", "so", "well", "oh", "ok", "hi", "hey", "yo")]
    other = "we have cheap watches, shoes, phones and tickets from the warehouse behind the station for you"
    half = [f"{start} {' '.join(other.split()[at:] + other.split()[:at])}" for at in range(10)]
    counted = []
    for number, words in enumerate([*closer, *half]):
        verdict = engine.decide(post(number, f"u{number}", words))
        counted.append([int(count) for count in verdict.hits[0].reason.split()] if verdict.hits else [1, 1])
    assert counted[9] == [10, 10]
    posters, almost = counted[-1]
    assert posters >= 15 and 8 <= almost <= 12, counted
