"""From the scores of both halves to probabilities, and how far these are off."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Floats = NDArray[np.float32]

#: The share of texts that have an attribute for which probabilities are right, where the texts at hand have fewer:
#: a model that knows only our own sentences of a kind would else call everything in the world improbable.
BASE_RATE = 0.15


def mix(student: Floats, linear: Floats, labels: Floats, weights: Floats) -> tuple[float, float, float]:
    """How much of each half, and an offset, give the log-odds of `labels` best: a logistic regression on texts that
    trained neither, whose two slopes are at least 0.
    """
    known = ~np.isnan(labels)
    y = labels[known].astype(np.float64)
    w = weights[known] * balance(y, weights[known])
    x = np.stack([student[known], linear[known], np.ones(known.sum())], axis=1).astype(np.float64)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = x @ parameters
        away = parameters - np.array([0.7, 0.3, 0.0])
        total = (w * (np.logaddexp(0, odds) - y * odds)).sum() / w.sum() + 1e-4 * (away**2).sum()
        return float(total), x.T @ (w * (expit(odds) - y)) / w.sum() + 2e-4 * away

    bounds = [(0.0, None), (0.0, None), (None, None)]
    found = minimize(loss, np.array([0.7, 0.3, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(found[0]), float(found[1]), float(found[2])


def balance(labels: NDArray[np.float64], weights: Floats) -> NDArray[np.float64]:
    """What positive texts must count more so that they are BASE_RATE of all, where they are fewer."""
    positive = weights[labels > 0.5].sum()
    share = positive / weights.sum()
    more = BASE_RATE / (1 - BASE_RATE) * (1 - share) / share if 0 < share < BASE_RATE else 1.0
    return np.where(labels > 0.5, more, 1.0)


def error(probabilities: Floats, labels: Floats, weights: NDArray[np.float64] | None = None, bins: int = 10) -> float:
    """Expected calibration error over `bins` of as many texts each: how far, on average, a probability is from how often
    it came true.
    """
    if not len(labels):
        return float("nan")
    weights = np.ones(len(labels)) if weights is None else weights
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    off = [
        weights[part].sum() * abs(float(np.average(probabilities[part] - labels[part], weights=weights[part])))
        for part in parts
    ]
    return float(sum(off) / weights.sum())
