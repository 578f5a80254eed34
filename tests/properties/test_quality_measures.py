"""The benchmark's measures agree with scikit-learn's, and its gates fail where they must."""

import numpy as np
from benchmarks.quality import dilution, fairness, kinds, measures, thresholds
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
        f"neutral-identity: 0.0 is below {kinds.FLOORS['neutral-identity']}",
        "functional non_hate_accuracy: 0.1 is below 0.65",
    ]


def test_the_fairness_gate_reads_toxicity_too_and_small_groups_together():
    examples = innocent("women", 20) + innocent("sikh", 3) + innocent("roma", 6)
    scores = np.zeros((29, len(ATTRIBUTES)))
    scores[20:, ATTRIBUTES.index("toxicity")] = 0.9
    told = fairness.by_group(examples, scores)["templates"]
    assert told[fairness.OTHERS]["sentences"] == 9
    misses = fairness.misses({"templates": told})
    assert len(misses) == 2
    assert all("toxicity" in miss for miss in misses)
    assert fairness.OTHERS in misses[0]


def test_the_dilution_gate_fails_where_a_sentence_is_lost_among_others():
    kept = {"sentences": 10.0, "alone": 0.9, "among others": 0.85}
    assert dilution.misses({"harmful": kept}) == []
    lost = {"sentences": 10.0, "alone": 0.9, "among others": 0.6}
    assert dilution.misses({"harmful": lost, "innocent": kept}) == [
        "harmful sentences: 0.6 right among others, 0.9 alone"
    ]


@given(texts, st.sampled_from([0.5, 0.8]))
@settings(max_examples=100, deadline=None)
def test_a_threshold_is_the_lowest_from_which_on_precision_is_high_enough(drawn, precision):
    wanted = np.array([float(harmful) for harmful, _ in drawn])
    scores = np.array([score for _, score in drawn])
    rates = {
        step: wanted[scores >= step].mean() for step in thresholds.GRID if (scores >= step).sum() >= thresholds.FEWEST
    }
    bad = [step for step, rate in rates.items() if rate < precision]
    good = [step for step in rates if step > max(bad, default=0.0)]
    assert thresholds._lowest(wanted, scores, precision) == (min(good) if good else None)
