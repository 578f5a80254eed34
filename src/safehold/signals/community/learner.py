"""Logistic regression over hashed features, with targets between 0 and 1 and a weight for each text: L-BFGS (Nocedal 1980; Liu
and Nocedal 1989) on the whole, so that there is one answer, whatever the order of the texts, and the same bytes each time.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from safehold.signals.community.features import BUCKETS, Rows

Doubles = NDArray[np.float64]
#: Pairs of steps that L-BFGS remembers.
MEMORY = 8


class Weights(NamedTuple):
    """One attribute's: of the buckets (their inverse frequency is in it), of the dense numbers, and where it starts from."""

    buckets: NDArray[np.float32]
    dense: NDArray[np.float32]
    bias: float


class Design:
    """The texts of one fit, as products with vectors; a row is divided by its length, so that long texts say no more than
    short ones. `inverse` is what each bucket counts for, 0 for those that are left out.

    Both products are a gather and a sum over runs, the second one over a copy in the order of buckets: 16 bytes an entry,
    and a tenth of the time that adding into buckets takes.
    """

    def __init__(self, rows: Rows, inverse: Doubles) -> None:
        kept = inverse[rows.buckets] > 0
        lengths = np.add.reduceat(kept, rows.starts[:-1], dtype=np.int64)
        self.used = np.unique(rows.buckets[kept])
        places = np.zeros(BUCKETS, dtype=np.int64)
        places[self.used] = np.arange(1, len(self.used) + 1)
        self._columns = places[rows.buckets[kept]]  # 0 is the column that every row has: no row is without one
        starts = np.concatenate(([0], np.cumsum(lengths)))
        self._columns = np.insert(self._columns, starts[:-1], 0)
        self._starts = starts[:-1] + np.arange(len(rows))
        self.inverse = np.concatenate(([0.0], inverse[self.used]))
        squares = np.add.reduceat(self.inverse[self._columns] ** 2, self._starts)
        self._scale = 1.0 / np.sqrt(np.maximum(squares, 1e-12))
        self._dense = rows.dense
        order = np.argsort(self._columns, kind="stable")
        self._texts = np.repeat(np.arange(len(rows)), lengths + 1)[order]
        self._column_starts = np.searchsorted(self._columns[order], np.arange(len(self.inverse)))
        self.size = len(self.inverse) + rows.dense.shape[1] + 1

    def times(self, point: Doubles) -> Doubles:
        """A number a text."""
        width = len(self.inverse)
        scaled = (point[:width] * self.inverse).astype(np.float32)
        sums = np.add.reduceat(np.take(scaled, self._columns, mode="clip"), self._starts)
        return np.asarray(sums * self._scale + self._dense @ point[width:-1].astype(np.float32) + point[-1])

    def back(self, errors: Doubles) -> Doubles:
        """The transposed product: a number a weight."""
        scaled = (errors * self._scale).astype(np.float32)
        sums = np.add.reduceat(np.take(scaled, self._texts, mode="clip"), self._column_starts)
        return np.concatenate((sums * self.inverse, errors.astype(np.float32) @ self._dense, [errors.sum()]))


def inverse_frequency(rows: Rows) -> Doubles:
    """How rare each bucket is among texts (log of n / df, at least 1); 0 for what fewer than two texts have."""
    counts = np.bincount(rows.buckets, minlength=BUCKETS)
    return np.where(counts >= 2, np.log(len(rows) / np.maximum(counts, 1)) + 1.0, 0.0)


def fit(
    design: Design,
    targets: Doubles,
    weights: Doubles,
    *,
    strength: float,
    start: Weights | None = None,
    steps: int = 25,
) -> Weights:
    """The weights that explain the targets. `strength` is the inverse of regularisation, as in scikit-learn's `C`; `start` are
    weights to begin with, which is quicker where little has changed."""
    width = len(design.inverse)
    first = np.zeros(design.size)
    if start is None:
        mean = float(np.clip(np.average(targets, weights=weights), 0.001, 0.999))
        first[-1] = np.log(mean / (1 - mean))
    else:
        first[1:width] = start.buckets[design.used] / design.inverse[1:]
        first[width:-1], first[-1] = start.dense, start.bias
    share = weights / weights.sum()
    ridge = np.full(design.size, 1.0 / (strength * weights.sum()))
    ridge[-1] = 0.0

    def loss(point: Doubles) -> tuple[float, Doubles]:
        scores = design.times(point)
        value = float(share @ (np.logaddexp(0.0, scores) - targets * scores)) + 0.5 * float(ridge @ (point * point))
        return value, design.back(share * (_sigmoid(scores) - targets)) + ridge * point

    found = _minimum(loss, first, steps)
    buckets = np.zeros(BUCKETS, dtype=np.float32)
    buckets[design.used] = found[1:width] * design.inverse[1:]
    return Weights(buckets, found[width:-1].astype(np.float32), float(found[-1]))


def _sigmoid(scores: Doubles) -> Doubles:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scores)))


def _minimum(loss: Callable[[Doubles], tuple[float, Doubles]], point: Doubles, steps: int) -> Doubles:
    """L-BFGS with a backtracking search that wants Armijo's decrease; ends when the gradient is small."""
    value, slope = loss(point)
    moves: list[Doubles] = []
    turns: list[Doubles] = []
    for _ in range(steps):
        direction = _direction(slope, moves, turns)
        along = float(direction @ slope)
        length = 1.0 if moves else min(1.0, 1.0 / (np.abs(slope).sum() + 1e-12)) * 10
        while True:
            there = point + length * direction
            new_value, new_slope = loss(there)
            if new_value <= value + 1e-4 * length * along or length < 1e-8:
                break
            length *= 0.5
        move, turn = there - point, new_slope - slope
        better = value - new_value
        point, value, slope = there, new_value, new_slope
        if float(move @ turn) > 1e-12:
            moves, turns = [*moves[-MEMORY + 1 :], move], [*turns[-MEMORY + 1 :], turn]
        if np.abs(slope).max() < 1e-6 or better < 1e-4 * max(abs(value), 1e-3):
            break
    return point


def _direction(slope: Doubles, moves: list[Doubles], turns: list[Doubles]) -> Doubles:
    """The two-loop recursion."""
    direction = -slope
    if not moves:
        return direction
    taken = []
    for move, turn in zip(reversed(moves), reversed(turns), strict=True):
        part = float(move @ direction) / float(move @ turn)
        taken.append(part)
        direction = direction - part * turn
    direction = direction * (float(moves[-1] @ turns[-1]) / float(turns[-1] @ turns[-1]))
    for move, turn, part in zip(moves, turns, reversed(taken), strict=True):
        direction = direction + move * (part - float(turn @ direction) / float(move @ turn))
    return direction
