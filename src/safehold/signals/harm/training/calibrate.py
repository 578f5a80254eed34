"""From scores to probabilities, and how far they are off."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float32]


def platt(scores: Floats, labels: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and offset of sigmoid(slope * score + offset), fitted on texts that trained no weight; the slope is positive."""
    known = ~np.isnan(labels)
    x, y, w = scores[known].astype(np.float64), labels[known].astype(np.float64), weights[known].astype(np.float64)

    def loss(parameters: NDArray[np.float64]) -> float:
        odds = np.exp(parameters[0]) * x + parameters[1]
        return float((w * (np.logaddexp(0, odds) - y * odds)).sum() / w.sum() + 1e-4 * (parameters**2).sum())

    found = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"maxiter": 400}).x
    return float(np.exp(found[0])), float(found[1])


def error(probabilities: Floats, labels: Floats, bins: int = 10) -> float:
    """Expected calibration error over `bins` of as many texts each: how far, on average, a probability is from how often
    it came true.
    """
    if not len(labels):
        return float("nan")
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    off = [len(part) * abs(float(probabilities[part].mean()) - float(labels[part].mean())) for part in parts]
    return sum(off) / len(order)
