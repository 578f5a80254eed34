"""Precision, recall, F1, AUC and calibration error, with intervals of 95% from seeded bootstraps."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Measure = Callable[[Floats, Floats], float]

RESAMPLES = 200
THRESHOLD = 0.5


def auc(wanted: Floats, scores: Floats) -> float:
    """How often a positive text scores above a negative one; not a number where one of them is missing."""
    positive = wanted > 0.5
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return float("nan")
    return float((rankdata(scores)[positive].sum() - many * (many + 1) / 2) / (many * few))


def precision(wanted: Floats, scores: Floats) -> float:
    said = scores >= THRESHOLD
    return float(wanted[said].mean()) if said.any() else float("nan")


def recall(wanted: Floats, scores: Floats) -> float:
    positive = wanted > 0.5
    return float((scores[positive] >= THRESHOLD).mean()) if positive.any() else float("nan")


def f1(wanted: Floats, scores: Floats) -> float:
    said, positive = scores >= THRESHOLD, wanted > 0.5
    both = int((said & positive).sum())
    return 2 * both / max(1, int(said.sum()) + int(positive.sum()))


def macro_f1(wanted: Floats, scores: Floats) -> float:
    """The mean of F1 of the harmful and F1 of the harmless, so that saying yes to everything doesn't pay."""
    return (f1(wanted, scores) + f1(1 - wanted, 1 - scores - 1e-9)) / 2


def false_positives(wanted: Floats, scores: Floats) -> float:
    negative = wanted < 0.5
    return float((scores[negative] >= THRESHOLD).mean()) if negative.any() else float("nan")


MEASURES: dict[str, Measure] = {"precision": precision, "recall": recall, "f1": f1, "auc": auc}


def interval(measure: Measure, wanted: Floats, scores: Floats) -> tuple[float, float, float]:
    """The measure, and where 95% of 200 resamplings of the texts lie."""
    chance = np.random.default_rng(20261126)
    found = []
    for _ in range(RESAMPLES):
        rows = chance.integers(0, len(wanted), len(wanted))
        found.append(measure(wanted[rows], scores[rows]))
    known = np.array(found)[~np.isnan(found)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (float("nan"), float("nan"))
    return measure(wanted, scores), float(low), float(high)


def figures(wanted: Floats, scores: Floats) -> dict[str, object]:
    """All measures of one set of texts, each as [value, low, high], with how many texts and how many positives."""
    told: dict[str, object] = {"texts": len(wanted), "positive": int((wanted > 0.5).sum())}
    for name, measure in MEASURES.items():
        told[name] = [round(value, 3) for value in interval(measure, wanted, scores)]
    return told
