"""A calibration never turns an order round, stays between 0 and 1, and is the best rising function there is: scikit-learn, which
does it in another way, finds the same.
"""

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from safehold.desk.sidebyside.fitting import fit, isotonic
from safehold.gateway.perspective.calibration import Calibration, Map, read_calibration

SCORE = st.integers(0, 1000).map(lambda number: number / 1000)
PAIRS = st.lists(st.tuples(SCORE, SCORE), min_size=1, max_size=80)


@settings(max_examples=150, deadline=None)
@given(PAIRS)
def test_the_fit_is_scikit_learns(pairs):
    ours, theirs = np.array(pairs, dtype=float).T
    peer = IsotonicRegression(out_of_bounds="clip").fit(ours, theirs)
    asked = np.linspace(0, 1, 41)
    assert np.allclose(np.interp(asked, *isotonic(ours, theirs)), peer.predict(asked), atol=1e-9)


@settings(max_examples=150, deadline=None)
@given(PAIRS, st.lists(SCORE, min_size=2, max_size=30))
def test_a_map_keeps_the_order_and_the_bounds(pairs, asked):
    ours, theirs = np.array(pairs, dtype=float).T
    places, values = isotonic(ours, theirs)
    made = Map(ours=places.tolist(), theirs=values.tolist())
    mapped = [made.apply(score) for score in sorted(asked)]
    assert all(0.0 <= one <= 1.0 for one in mapped)
    assert all(one <= other + 1e-12 for one, other in pairwise(mapped))
    assert np.allclose(mapped, np.interp(sorted(asked), places, values))


def test_a_fit_says_how_sure_it_is_and_is_the_same_again():
    random = np.random.default_rng(4)
    ours = random.random(600)
    theirs = np.clip(ours**2 + random.normal(0, 0.05, 600), 0, 1)
    pairs = list(zip(ours.tolist(), theirs.tolist(), strict=True))
    made = fit(pairs)
    assert made == fit(pairs)
    assert made.before is not None and made.after is not None
    assert made.after.difference < 0.06 < made.before.difference
    assert made.after.difference_low < made.after.difference < made.after.difference_high
    assert made.after.same_side > made.before.same_side
    inside = [
        low - 1e-9 <= made.apply(at) <= high + 1e-9 for at, low, high in zip(made.at, made.low, made.high, strict=True)
    ]
    assert sum(inside) >= len(inside) - 2
    assert all(abs(made.apply(at) - at**2) < 0.06 for at in made.at)
    with pytest.raises(ValueError, match="199 comparisons are too few; 200 are needed"):
        fit(pairs[:199])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [([], []), ([0.1, 0.1], [0.1, 0.2]), ([0.1, 0.2], [0.3, 0.2]), ([0.1], [1.5]), ([0.1, 0.2], [0.1])],
)
def test_a_file_that_is_no_rising_map_is_refused(tmp_path: Path, ours, theirs):
    bad = Calibration(version=1, made_at="", model="", maps={"TOXICITY": Map(ours=ours, theirs=theirs)})
    (tmp_path / "0001.json").write_bytes(msgspec.json.encode(bad))
    with pytest.raises(ValueError, match="the map of TOXICITY must rise"):
        read_calibration(tmp_path / "0001.json")
