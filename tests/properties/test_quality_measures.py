"""The benchmark's measures agree with scikit-learn's, and its gates fail where they must."""

import numpy as np
from benchmarks.quality import fairness, kinds, measures
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from safehold.signals.harm import ATTRIBUTES
from safehold.signals.harm.training.example import Example

texts = st.lists(st.tuples(st.booleans(), st.integers(0, 20).map(lambda n: n / 20)), min_size=4, max_size=60)


@given(texts)
@settings(max_examples=100, deadline=None)
def test_measures_are_those_of_scikit_learn(drawn):
    wanted = np.array([float(harmful) for harmful, _ in drawn])
    scores = np.array([score for _, score in drawn])
    said = scores >= 0.5
    assert measures.f1(wanted, scores) == f1_score(wanted, said, zero_division=0)
    assert (
        abs(measures.macro_f1(wanted, scores) - f1_score(wanted, said, average="macro", labels=[0, 1], zero_division=0))
        < 1e-9
    )
    if 0 < wanted.sum() < len(wanted):
        assert abs(measures.auc(wanted, scores) - roc_auc_score(wanted, scores)) < 1e-9
        assert abs(measures.recall(wanted, scores) - recall_score(wanted, said)) < 1e-9
        assert abs(measures.false_positives(wanted, scores) - (1 - recall_score(1 - wanted, ~said))) < 1e-9
    else:
        assert np.isnan(measures.auc(wanted, scores))
    if said.any():
        assert abs(measures.precision(wanted, scores) - precision_score(wanted, said)) < 1e-9


def test_an_interval_holds_the_value_and_narrows_with_more_texts():
    chance = np.random.default_rng(1)

    def of(count: int) -> tuple[float, float, float]:
        wanted = (chance.random(count) < 0.4).astype(float)
        return measures.interval(measures.auc, wanted, np.clip(0.3 * wanted + 0.5 * chance.random(count), 0, 1))

    few, many = of(80), of(2_000)
    assert few[1] <= few[0] <= few[2]
    assert many[1] <= many[0] <= many[2]
    assert many[2] - many[1] < few[2] - few[1]


def innocent(group: str, count: int) -> list[Example]:
    labels = dict.fromkeys(ATTRIBUTES, 0.0)
    return [Example(f"{group} {n}", labels, "templates", "neutral-identity", "test", group) for n in range(count)]


def test_the_fairness_gate_fails_for_one_group_that_is_accused():
    examples = innocent("women", 20) + innocent("men", 20)
    scores = np.zeros((40, len(ATTRIBUTES)))
    told = fairness.by_group(examples, scores)
    assert fairness.misses({"templates": told["templates"]}) == []
    scores[:6, ATTRIBUTES.index("identity_attack")] = 0.9
    told = fairness.by_group(examples, scores)
    misses = fairness.misses({"templates": told["templates"]})
    assert len(misses) == 2
    assert "0.3 of innocent sentences on women" in misses[0]


def test_a_kind_below_its_floor_is_named():
    examples = innocent("women", 10)
    scores = np.zeros((10, len(ATTRIBUTES)))
    scores[:, ATTRIBUTES.index("identity_attack")] = 0.9
    told = kinds.by_kind(examples, scores)
    suite = {"macro_f1": 0.9, "auc": 0.9, "non_hate_accuracy": 0.1}
    assert kinds.misses(told, suite) == [
        "neutral-identity: 0.0 is below 0.5",
        "functional non_hate_accuracy: 0.1 is below 0.65",
    ]
