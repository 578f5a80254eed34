"""The figures on a model's page are those that scikit-learn and scipy find, ties and all; its threshold is the best there is."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, f1_score, roc_auc_score

from safehold.signals.community import measures
from safehold.signals.community.agreement import agreement

#: (whether it is it, its score): few different scores, so that many are the same.
TEXTS = st.lists(st.tuples(st.booleans(), st.integers(0, 12).map(lambda n: n / 12)), min_size=1, max_size=60)


def columns(drawn):
    return np.array([true for true, _ in drawn]), np.array([score for _, score in drawn])


@given(TEXTS)
@settings(max_examples=80, deadline=None)
def test_auc_and_f1_are_scikit_learns(drawn):
    truth, scores = columns(drawn)
    found = measures.auc(scores, truth)
    if 0 < truth.sum() < len(truth):
        assert found is not None and abs(found - roc_auc_score(truth, scores)) < 1e-9
    else:
        assert found is None
    said = scores >= 0.5
    if said.any() or truth.any():
        assert abs((measures.f1(scores, truth, 0.5) or 0.0) - f1_score(truth, said, zero_division=0)) < 1e-9


@given(st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
@settings(max_examples=150, deadline=None)
def test_a_shares_interval_is_wilsons_as_scipy_has_it(counted):
    hits, of = counted
    found, wanted = measures.share(hits, of), binomtest(hits, of).proportion_ci(method="wilson")
    assert found.value == round(hits / of, 4)
    assert found.low is not None and abs(found.low - wanted.low) < 1e-4
    assert found.high is not None and abs(found.high - wanted.high) < 1e-4


@given(TEXTS)
@settings(max_examples=40, deadline=None)
def test_no_threshold_has_a_greater_f1_than_the_best(drawn):
    truth, scores = columns(drawn)
    best = measures.best_threshold(scores, truth)
    if truth.any():
        assert best in scores
        others = [f1_score(truth, scores >= score, zero_division=0) for score in np.unique(scores)]
        assert f1_score(truth, scores >= best, zero_division=0) == max(others)
    else:
        assert best == 0.5


@given(TEXTS, st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_an_interval_is_around_its_value_and_a_seed_gives_it_again(drawn, seed):
    truth, scores = columns(drawn)
    for measure in (measures.auc, measures.calibration_error):
        found = measures.drawn(measure, scores, truth, seed)
        assert found == measures.drawn(measure, scores, truth, seed)
        if found.low is not None and found.high is not None:
            assert found.low <= found.value <= found.high
    same = measures.difference(scores, scores, truth, seed)
    assert same.value in (None, 0.0) and same.low in (None, 0.0) and same.high in (None, 0.0)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=80))
@settings(max_examples=40, deadline=None)
def test_agreement_does_not_depend_on_who_was_first(pairs):
    found = agreement(pairs)
    turned = agreement([pair[::-1] for pair in pairs])
    assert found.kappa.value == turned.kappa.value
    both = [*pairs, *[pair[::-1] for pair in pairs]]  # with either first as often, Cohen's kappa is Scott's pi
    one, other = zip(*both, strict=True)
    if len({said for pair in pairs for said in pair}) == 2:
        assert found.kappa.value is not None and abs(found.kappa.value - cohen_kappa_score(one, other)) < 1e-4
