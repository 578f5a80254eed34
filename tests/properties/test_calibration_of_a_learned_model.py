"""The two numbers that turn a community model's scores into probabilities are the likeliest there are, however the scores lie:
scipy's minimiser, which knows nothing of Newton's steps, finds none better.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from safehold.signals.community.calibration import ENOUGH, LEAN, calibrated


@st.composite
def audits(draw):
    """Scores of texts that people said no or yes of: kinds far apart, mixed or the wrong way round, few of one of them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    yes, no = draw(st.integers(1, ENOUGH - 1)), draw(st.integers(1, 150))
    apart, width = draw(st.floats(-3, 12)), draw(st.floats(0.1, 6))
    scores = np.concatenate([rng.normal(apart, width, yes), rng.normal(-apart, width, no)])
    return scores, np.arange(yes + no) < yes


@settings(max_examples=200, deadline=None)
@given(audits())
def test_probabilities_are_the_likeliest_of_all_slopes_and_offsets(audit):
    scores, truth = audit
    yes, no = int(truth.sum()), int((~truth).sum())
    targets = np.where(truth, (yes + 1) / (yes + 2), 1 / (no + 2))

    def loss(point):
        drawn = point[0] * scores + point[1]
        lean = 0.5 * (LEAN * (point[0] - 1.0) ** 2 + 1e-6 * point[1] ** 2)
        return float((np.logaddexp(0.0, drawn) - targets * drawn).sum() + lean)

    best = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000}).x
    found = calibrated(scores, truth)(scores)
    assert found.min() >= 0.0009 and found.max() <= 0.9991  # the curve is drawn from -7 to 7 in log-odds
    if best[0] >= 0.05:  # a flatter or falling map is not offered
        peer = 1 / (1 + np.exp(-np.clip(best[0] * scores + best[1], -7, 7)))
        assert np.abs(found - peer).max() < 0.01  # straight lines between the points of the curve
    assert abs(found.mean() - targets.mean()) < 0.02  # also where the map is as flat as one may be
    assert (np.diff(found[np.argsort(scores)]) >= 0).all()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(ENOUGH, 200), st.integers(ENOUGH, 200), st.integers(1, 40))
def test_with_labels_enough_the_map_is_the_best_rising_one_whatever_scores_the_same(seed, yes, no, places):
    """As scikit-learn finds it, half a text of the other kind in each of its blocks, at the mean of the block's scores."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, places, yes + no).astype(float)
    truth = rng.permutation(np.arange(yes + no) < yes)
    peer = IsotonicRegression().fit(scores, truth)
    found = calibrated(scores, truth)
    assert (np.diff(found.scores) > 0).all() and (np.diff(found.probabilities) >= 0).all()
    values = peer.predict(scores)
    blocks = [values == value for value in np.unique(values)]
    wanted = [((values[block].sum() + 0.5) / (block.sum() + 1), scores[block].mean()) for block in blocks]
    rising = np.maximum.accumulate([probability for probability, _ in wanted])
    assert np.allclose(found.probabilities, rising) and np.allclose(found.scores, [at for _, at in wanted])
