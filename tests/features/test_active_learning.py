"""What active learning is worth, and how true probabilities are, on real text messages that are in the repository, by their words
and letters alone: nothing takes part that was trained on them. Each seed is another draw of the texts; all are written down.
"""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.learning import Bought, buy, messages

from safehold.signals.community import features, measures
from safehold.signals.community.features import Reading, buckets, same_as
from safehold.signals.community.model import read, write
from safehold.signals.community.training import Example, Share, train

#: 3,607 messages, 12 % of them spam (UCI SMS Spam Collection, CC BY 4.0).
MESSAGES = Path(__file__).parents[2] / "training" / "data" / "sms-spam.tsv"
SEEDS = range(3)


@pytest.fixture(scope="module")
def bought() -> dict[str, list[list[Bought]]]:
    texts, spam = messages(MESSAGES)
    few = {"pool": 1_800, "held": 700, "step": 40}
    return {
        "uncertainty": [buy(texts, spam, "uncertainty", seed, bought=300, **few) for seed in SEEDS],
        "random": [buy(texts, spam, "random", seed, bought=900, **few | {"step": 150}) for seed in SEEDS],
    }


def mean(rounds: list[list[Bought]], what: str) -> float:
    return float(np.mean([getattr(points[-1], what) for points in rounds]))


def test_at_a_low_base_rate_a_third_of_the_labels_is_worth_as_much_where_they_are_chosen(
    bought: dict[str, list[list[Bought]]],
) -> None:
    chosen, by_lot = bought["uncertainty"], bought["random"]
    assert (chosen[0][-1].labels, by_lot[0][-1].labels) == (300, 900)
    assert mean(chosen, "auc") >= mean(by_lot, "auc")


def test_more_violations_are_seen_among_a_third_of_the_labels(bought: dict[str, list[list[Bought]]]) -> None:
    assert mean(bought["uncertainty"], "found") > mean(bought["random"], "found")


def by_letters(texts: list[str]) -> list[Reading]:
    return [Reading(same_as(text), buckets(text), np.zeros(0, dtype=np.float16)) for text in texts]


@pytest.mark.parametrize("seed", SEEDS)
def test_after_500_labels_probabilities_are_true_to_a_twentieth_on_texts_that_no_one_labelled(seed: int) -> None:
    pairs = [line.split("\t", 1) for line in MESSAGES.read_text("utf-8").splitlines()]
    draw = np.random.Generator(np.random.PCG64(seed)).permutation(len(pairs))
    examples = [Example(pairs[place][1], {"spam": (float(pairs[place][0] == "spam"), 1.0)}) for place in draw[:500]]
    packed, report = train(examples, share=Share(f"salt {seed}"), seed=seed, reader=by_letters)
    held = [pairs[place] for place in draw[500:2_000]]
    rows = features.joined(by_letters([text for _, text in held]))
    probabilities = read(write(packed)).probabilities(rows)[:, 0]
    error = measures.calibration_error(probabilities, np.array([label == "spam" for label, _ in held]))
    assert error is not None and error <= 0.05
    assert report.attributes["spam"].chosen[-1] == report.attributes["spam"].curve[-1]
