"""How good scores are, with intervals: Wilson's for shares (1927), a seeded bootstrap for the rest. 95 % throughout."""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Truth = NDArray[np.bool_]
#: Samples drawn for a bootstrap, and bins of a calibration plot.
SAMPLES, BINS = 200, 10
_Z = 1.959963984540054


class Figure(msgspec.Struct, frozen=True):
    """A value and its 95 % interval; None where there is nothing to measure."""

    value: float | None
    low: float | None
    high: float | None


NOTHING = Figure(None, None, None)


class Bin(msgspec.Struct, frozen=True):
    """Texts with about the same probability: its mean, the share of them that people said yes to, and how many."""

    predicted: float
    observed: float
    texts: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute on the audit share. `threshold` is where precision, recall and F1 are measured."""

    texts: int
    positives: int
    threshold: float
    precision: Figure
    recall: Figure
    f1: Figure
    auc: Figure
    calibration_error: Figure
    bins: list[Bin]


def figures(scores: Doubles, probabilities: Doubles, truth: Truth, threshold: float, seed: int) -> Figures:
    """All of them: the order of texts is that of their `scores`, the rest goes by their `probabilities`."""
    said = probabilities >= threshold
    hits = int((said & truth).sum())
    return Figures(
        texts=len(truth),
        positives=int(truth.sum()),
        threshold=round(threshold, 4),
        precision=share(hits, int(said.sum())),
        recall=share(hits, int(truth.sum())),
        f1=drawn(lambda p, t: f1(p, t, threshold), probabilities, truth, seed),
        auc=drawn(auc, scores, truth, seed),
        calibration_error=drawn(calibration_error, probabilities, truth, seed),
        bins=bins(probabilities, truth),
    )


def share(hits: int, of: int) -> Figure:
    """Wilson's interval."""
    if not of:
        return NOTHING
    found = hits / of
    middle = (found + _Z**2 / (2 * of)) / (1 + _Z**2 / of)
    half = _Z * np.sqrt(found * (1 - found) / of + _Z**2 / (4 * of**2)) / (1 + _Z**2 / of)
    return Figure(_short(found), _short(max(0.0, middle - half)), _short(min(1.0, middle + half)))


def auc(scores: Doubles, truth: Truth) -> float | None:
    """The chance that a text that is it scores above one that is not; ties count half."""
    positive = int(truth.sum())
    negative = len(truth) - positive
    if not positive or not negative:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def ranked(scores: Doubles, truth: Truth, seed: int) -> Figure:
    """The AUC with its interval."""
    return drawn(auc, scores, truth, seed)


def f1(probabilities: Doubles, truth: Truth, threshold: float) -> float | None:
    said = probabilities >= threshold
    both = int(said.sum()) + int(truth.sum())
    return 2 * int((said & truth).sum()) / both if both else None


def bins(probabilities: Doubles, truth: Truth) -> list[Bin]:
    """Bins with about as many texts each."""
    order = np.argsort(probabilities, kind="stable")
    parts = np.array_split(order, min(BINS, max(1, len(order))))
    return [
        Bin(_short(float(probabilities[part].mean())), _short(float(truth[part].mean())), len(part))
        for part in parts
        if len(part)
    ]


def calibration_error(probabilities: Doubles, truth: Truth) -> float | None:
    """Expected calibration error: how far off a probability is on average, over bins of as many texts each."""
    if not len(truth):
        return None
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, min(BINS, len(order))) if len(part)]
    off = [abs(float(probabilities[part].mean()) - float(truth[part].mean())) * len(part) for part in parts]
    return sum(off) / len(truth)


def best_threshold(probabilities: Doubles, truth: Truth) -> float:
    """The threshold with the greatest F1; 0.5 where nothing is positive."""
    if not truth.any():
        return 0.5
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(truth[order])
    score = 2 * hits / (np.arange(1, len(truth) + 1) + truth.sum())
    last = np.append(np.diff(probabilities[order]) != 0, True)  # between equal ones nothing can be drawn
    return float(probabilities[order][int(np.argmax(np.where(last, score, -1)))])


def difference(one: Doubles, other: Doubles, truth: Truth, seed: int) -> Figure:
    """AUC of `one` less that of `other` on the same texts, drawn together."""
    left, right = auc(one, truth), auc(other, truth)
    if left is None or right is None:
        return NOTHING
    draws = []
    for places in _samples(len(truth), seed):
        a, b = auc(one[places], truth[places]), auc(other[places], truth[places])
        if a is not None and b is not None:
            draws.append(a - b)
    return _interval(left - right, draws)


def drawn(measure: Callable[[Doubles, Truth], float | None], probabilities: Doubles, truth: Truth, seed: int) -> Figure:
    """What is measured, with an interval from texts drawn anew."""
    value = measure(probabilities, truth)
    if value is None:
        return NOTHING
    draws = [measure(probabilities[places], truth[places]) for places in _samples(len(truth), seed)]
    return _interval(value, [draw for draw in draws if draw is not None])


def _samples(size: int, seed: int) -> Iterator[NDArray[np.int64]]:
    random = np.random.Generator(np.random.PCG64(seed))
    for _ in range(SAMPLES):
        yield random.integers(0, size, size)


def _interval(value: float, draws: list[float]) -> Figure:
    if not draws:
        return Figure(_short(value), None, None)
    low, high = np.quantile(np.array(draws), [0.025, 0.975])
    return Figure(_short(value), _short(min(float(low), value)), _short(max(float(high), value)))


def _short(value: float) -> float:
    return round(float(value), 4)
