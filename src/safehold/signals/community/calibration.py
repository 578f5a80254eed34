"""From a learner's score to a probability: isotonic regression (pool adjacent violators, Ayer et al. 1955) where there are labels
enough, Platt's two numbers (1999) where there are few. Fitted on the audit share, which no weight has seen.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
#: So many of either kind make an isotonic map; with fewer it follows single labels.
ENOUGH = 60
#: So many of either kind make Platt's map, which leans on a slope of 1 as much as keeps it finite (LEAN);
#: without one scores stay as the learner gives them.
FEW, LEAN = 1, 0.01
#: Platt's map is no flatter: where labels of the audit share contradict the scores it says about the same of all texts.
FLATTEST = 0.05


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """A rising map: scores to probabilities, straight between the points, level beyond them. No points: the logistic curve."""

    kind: str
    scores: list[float] = []
    probabilities: list[float] = []

    def __call__(self, scores: Doubles) -> Doubles:
        if not self.scores:
            return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scores)))
        return np.interp(scores, self.scores, self.probabilities)


def calibrated(scores: Doubles, truth: NDArray[np.bool_]) -> Calibration:
    """The map for these scores and what people said."""
    few = min(int(truth.sum()), int((~truth).sum()))
    if few < FEW:
        return Calibration(kind="none")
    if few < ENOUGH:
        return _platt(scores, truth)
    return _isotonic(scores, truth)


def _isotonic(scores: Doubles, truth: NDArray[np.bool_]) -> Calibration:
    places, which, counts = np.unique(
        scores, return_inverse=True, return_counts=True
    )  # what scores the same is one place
    shares = np.bincount(which, weights=truth) / counts
    blocks: list[tuple[float, float, float]] = []  # mean score, share that is true, texts
    for one in zip(places.tolist(), shares.tolist(), counts.tolist(), strict=True):
        blocks.append(one)
        while len(blocks) > 1 and blocks[-2][1] >= blocks[-1][1]:
            (low, share, count), (high, other, more) = blocks[-2], blocks.pop()
            total = count + more
            blocks[-1] = ((low * count + high * more) / total, (share * count + other * more) / total, total)
    # A block that is all of one kind is still not certain: half a text of the other kind is in it (Jeffreys).
    return Calibration(
        kind="isotonic",
        scores=[block[0] for block in blocks],
        probabilities=_rising([(share * count + 0.5) / (count + 1.0) for _, share, count in blocks]),
    )


def _rising(values: Sequence[float]) -> list[float]:
    return [float(value) for value in np.maximum.accumulate(np.array(values))]


def _platt(scores: Doubles, truth: NDArray[np.bool_]) -> Calibration:
    """Platt's curve, targets moved off 0 and 1 as he does; drawn as a curve of points."""
    positive, negative = float(truth.sum()), float((~truth).sum())
    targets = np.where(truth, (positive + 1) / (positive + 2), 1 / (negative + 2))
    steepness, offset = _two_numbers(scores, targets)
    if steepness < FLATTEST:  # an offset belongs to its slope
        steepness, offset = FLATTEST, _offset(FLATTEST * scores, targets)
    middle = -offset / steepness
    grid = np.linspace(-7.0, 7.0, 57)
    return Calibration(
        kind="platt",
        scores=(middle + grid / steepness).tolist(),
        probabilities=(0.5 * (1.0 + np.tanh(0.5 * grid))).tolist(),
    )


def _offset(drawn: Doubles, targets: Doubles) -> float:
    """What has to be added to these log-odds, so that they say as much on average as the targets: halved until it is known."""
    low, high = -10.0 - float(drawn.max()), 10.0 - float(drawn.min())
    while high - low > 1e-9:
        middle = 0.5 * (low + high)
        if float((0.5 * (1.0 + np.tanh(0.5 * (drawn + middle))) - targets).sum()) < 0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _two_numbers(scores: Doubles, targets: Doubles) -> tuple[float, float]:
    """Slope and offset that are likeliest, by Newton's steps, each halved until it leads down (Lin, Lin and Weng 2007): where
    kinds lie far apart a whole step overshoots, and the next ones run away."""
    inputs = np.stack([scores, np.ones_like(scores)])
    lean = np.array([LEAN, 1e-6])

    def loss(point: Doubles) -> float:
        drawn = point @ inputs
        away = point - np.array([1.0, 0.0])
        return float((np.logaddexp(0.0, drawn) - targets * drawn).sum() + 0.5 * (lean * away * away).sum())

    point = np.array([1.0, 0.0])
    for _ in range(100):
        found = 0.5 * (1.0 + np.tanh(0.5 * (point @ inputs)))
        uphill = inputs @ (found - targets) + lean * (point - np.array([1.0, 0.0]))
        bend = (inputs * (found * (1 - found))) @ inputs.T + np.diag(lean)
        step = np.linalg.solve(bend, uphill)
        size, here = 1.0, loss(point)
        while loss(point - size * step) > here - 1e-4 * size * float(uphill @ step) and size > 1e-10:
            size /= 2
        point = point - size * step
        if float(np.abs(size * step).max()) < 1e-9:
            break
    return float(point[0]), float(point[1])
