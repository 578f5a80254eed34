"""Logistic regression over hashed features, with targets between 0 and 1 and a weight for each text: L-BFGS (Nocedal 1980; Liu
and Nocedal 1989) on the whole, so that there is one answer, whatever the order of the texts, and the same bytes each time.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from safehold.signals.community.features import BUCKETS, Ints, Rows

Doubles = NDArray[np.float64]
#: Pairs of steps that L-BFGS remembers.
MEMORY = 8
#: Places that are gathered at a time.
BLOCK = 1 << 18
#: The part of the first step's length that is tried first, and the part of the loss that a step has to win for another one.
FIRST, WORTH = 1 / 16, 1e-5


class Weights(NamedTuple):
    """One attribute's: of the buckets (their inverse frequency is in it), of the dense numbers, and where it starts from."""

    buckets: NDArray[np.float32]
    dense: NDArray[np.float32]
    bias: float


class Runs:
    """Runs of places in a vector, one after another, to be summed: those of run `i` are `places[starts[i]:starts[i + 1]]`, never
    none. Some at a time, so that what is gathered stays in the processor's cache."""

    def __init__(self, places: Ints, starts: NDArray[np.int64]) -> None:
        self._places, self._starts = places, starts
        edges = np.searchsorted(starts, np.arange(0, len(places) + BLOCK, BLOCK))
        self._edges: list[int] = np.unique(np.minimum(edges, len(starts) - 1)).tolist()
        longest = max((starts[last] - starts[first] for first, last in pairwise(self._edges)), default=0)
        self._indices = np.empty(longest, dtype=np.int64)
        self._values = np.empty(longest, dtype=np.float32)

    def sums(self, values: NDArray[np.float32]) -> Doubles:
        """The sum of the values at the places of each run."""
        found = np.empty(len(self._starts) - 1, dtype=np.float32)
        for first, last in pairwise(self._edges):
            begin, end = self._starts[first], self._starts[last]
            indices, gathered = self._indices[: end - begin], self._values[: end - begin]
            indices[:] = self._places[begin:end]  # NumPy gathers by 8 bytes a place; kept they have 4
            np.take(values, indices, mode="clip", out=gathered)
            np.add.reduceat(gathered, self._starts[first:last] - begin, out=found[first:last])
        return found.astype(np.float64)


class Design:
    """The texts of one fit, as products with vectors; a row is divided by its length, so that long texts say no more than
    short ones. `inverse` is what each bucket counts for, 0 for those that are left out.

    Both products are a gather and a sum over runs, the second one over a copy in the order of buckets: 4 bytes an entry beside
    the rows', and a tenth of the time that adding into buckets takes.
    """

    def __init__(self, rows: Rows, inverse: Doubles) -> None:
        counts = np.bincount(rows.buckets, minlength=BUCKETS)
        self.used = np.flatnonzero(counts)  # the columns
        self.inverse = inverse[self.used]
        self.size = len(self.used) + rows.dense.shape[1] + 1
        self._dense = rows.dense
        columns = np.zeros(BUCKETS, dtype=np.int32)
        columns[self.used] = np.arange(len(self.used))
        self._by_text = Runs(columns[rows.buckets], rows.starts)
        texts = np.repeat(np.arange(len(rows), dtype=np.int32), np.diff(rows.starts))
        texts = np.concatenate([texts[places] for places in _in_order(rows.buckets)])
        self._by_bucket = Runs(texts, np.concatenate(([0], np.cumsum(counts[self.used]))))
        self._scale = 1.0 / np.sqrt(np.maximum(self._by_text.sums((self.inverse**2).astype(np.float32)), 1e-12))

    def times(self, point: Doubles) -> Doubles:
        """A number a text."""
        width = len(self.used)
        sums = self._by_text.sums((point[:width] * self.inverse).astype(np.float32)) * self._scale
        return np.asarray(sums + np.einsum("ij,j->i", self._dense, point[width:-1].astype(np.float32)) + point[-1])

    def back(self, errors: Doubles) -> Doubles:
        """The transposed product: a number a weight."""
        sums = self._by_bucket.sums((errors * self._scale).astype(np.float32)) * self.inverse
        dense = np.einsum("i,ij->j", errors.astype(np.float32), self._dense)
        return np.concatenate((sums, dense, [errors.sum()]))

    def squares(self, bends: Doubles) -> Doubles:
        """The same of everything squared: how much the slope of each weight bends, with so much of each text."""
        sums = self._by_bucket.sums((bends * self._scale**2).astype(np.float32)) * self.inverse**2
        dense = np.einsum("i,ij,ij->j", bends.astype(np.float32), self._dense, self._dense)
        return np.concatenate((sums, dense, [bends.sum()]))


def _in_order(buckets: Ints) -> Iterator[NDArray[np.int64]]:
    """Places in the order of buckets, those of one bucket in theirs, in parts. NumPy counts what has two bytes, and compares
    what is longer."""
    for high in range(BUCKETS >> 16):
        here = np.flatnonzero(buckets >> 16 == high)
        yield here[np.argsort((buckets[here] & 0xFFFF).astype(np.uint16), kind="stable")]


def inverse_frequency(rows: Rows) -> Doubles:
    """How rare each bucket is among texts (log of n / df, at least 1); 0 for what fewer than two texts have."""
    counts = np.bincount(rows.buckets, minlength=BUCKETS)
    return np.where(counts >= 2, np.log(len(rows) / np.maximum(counts, 1)) + 1.0, 0.0)


def fit(design: Design, targets: Doubles, weights: Doubles, *, strength: float, steps: int = 60) -> Weights:
    """The weights that explain the targets. `strength` is the inverse of regularisation, as in scikit-learn's `C`."""
    mean = float(np.clip(np.average(targets, weights=weights), 0.001, 0.999))
    first = np.zeros(design.size)
    first[-1] = np.log(mean / (1 - mean))
    share = weights / weights.sum()
    ridge = np.full(design.size, 1.0 / (strength * weights.sum()))
    ridge[-1] = 0.0

    def loss(point: Doubles) -> tuple[float, Doubles]:
        scores = design.times(point)
        value = _dot(share, np.logaddexp(0.0, scores) - targets * scores) + 0.5 * _dot(ridge, point * point)
        return value, design.back(share * (_sigmoid(scores) - targets)) + ridge * point

    found = _minimum(loss, first, design.squares(share * mean * (1 - mean)) + ridge, steps)
    width = len(design.used)
    buckets = np.zeros(BUCKETS, dtype=np.float32)
    buckets[design.used] = found[:width] * design.inverse
    return Weights(buckets, found[width:-1].astype(np.float32), float(found[-1]))


def _sigmoid(scores: Doubles) -> Doubles:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scores)))


def _dot(one: Doubles, other: Doubles) -> float:
    """Not `@`: for vectors of this length its threads cost more than they save, and how many there are changes the last bits."""
    return float(np.einsum("i,i->", one, other))


def _minimum(loss: Callable[[Doubles], tuple[float, Doubles]], point: Doubles, bends: Doubles, steps: int) -> Doubles:
    """L-BFGS with a backtracking search that wants Armijo's decrease; ends when little is won. `bends` is about how much each
    part of the slope changes with its part of the point: frequent buckets bend a thousand times as much as rare ones, and
    without it the rare ones take hundreds of steps."""
    value, slope = loss(point)
    moves: list[Doubles] = []
    turns: list[Doubles] = []
    for _ in range(steps):
        direction = _direction(slope, moves, turns, bends)
        along = _dot(direction, slope)
        length = 1.0 if moves else FIRST
        while True:
            there = point + length * direction
            new_value, new_slope = loss(there)
            if new_value <= value + 1e-4 * length * along or length < 1e-8:
                break
            length *= 0.5
        move, turn = there - point, new_slope - slope
        better = value - new_value
        point, value, slope = there, new_value, new_slope
        if _dot(move, turn) > 1e-12:
            moves, turns = [*moves[-MEMORY + 1 :], move], [*turns[-MEMORY + 1 :], turn]
        if better < WORTH * max(abs(value), 1e-3):
            break
    return point


def _direction(slope: Doubles, moves: list[Doubles], turns: list[Doubles], bends: Doubles) -> Doubles:
    """The two-loop recursion."""
    direction = -slope
    taken = []
    for move, turn in zip(reversed(moves), reversed(turns), strict=True):
        part = _dot(move, direction) / _dot(move, turn)
        taken.append(part)
        direction = direction - part * turn
    direction = direction / bends
    if moves:
        direction *= _dot(moves[-1], turns[-1]) / _dot(turns[-1], turns[-1] / bends)
    for move, turn, part in zip(moves, turns, reversed(taken), strict=True):
        direction = direction + move * (part - _dot(turn, direction) / _dot(move, turn))
    return direction
