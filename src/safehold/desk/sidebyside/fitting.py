"""Isotonic regression from our scores to another service's, and how well the two agree before and after. Pure functions over
pairs of numbers; seeded, so that the same pairs give the same map. Called by `safehold perspective calibrate`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from safehold.gateway.perspective.calibration import Agreement, Map, Said

Pairs = Sequence[tuple[float, float]]
Column = NDArray[np.float64]

#: Fewer comparisons than this fit nothing that could be relied on.
LEAST = 200
FOLDS = 5
#: Groups of neighbouring scores, each of as many comments, that a picture of both services' scores is made of.
GROUPS = 10
RESAMPLES = 200
#: Where agreement about a decision is measured: a threshold that many clients use.
THRESHOLD = 0.7
_SEED = 20_261_231
_GRID = np.linspace(0.05, 0.95, 19)


def fit(pairs: Pairs) -> Map:
    """The map, its bands, and agreement without and with it on comments that it wasn't fitted to (five folds).

    Raises ValueError for fewer than `LEAST` pairs.
    """
    if len(pairs) < LEAST:
        raise ValueError(f"{len(pairs)} comparisons are too few; {LEAST} are needed")
    random = np.random.default_rng(_SEED)
    ours, theirs = np.array(pairs, dtype=float).T
    mapped = _out_of_fold(ours, theirs, random)
    places, values = isotonic(ours, theirs)
    lines = np.empty((RESAMPLES, len(_GRID)))
    for index in range(RESAMPLES):
        chosen = random.integers(len(ours), size=len(ours))
        lines[index] = np.interp(_GRID, *isotonic(ours[chosen], theirs[chosen]))
    low, high = np.percentile(lines, [2.5, 97.5], axis=0)
    return Map(
        ours=places.tolist(),
        theirs=values.tolist(),
        at=_GRID.round(2).tolist(),
        low=low.tolist(),
        high=high.tolist(),
        before=agreement(ours, theirs, random),
        after=agreement(mapped, theirs, random),
        said_before=said(ours, theirs),
        said_after=said(mapped, theirs),
    )


def said(ours: Column, theirs: Column) -> list[Said]:
    """What both say on average of comments that are neighbours by our score. Equal scores are never apart, so that there may be
    fewer than `GROUPS`."""
    edges = np.unique(np.quantile(ours, np.linspace(0, 1, GROUPS + 1)[1:-1]))
    group = np.searchsorted(edges, ours, side="right")
    return [
        Said(ours=float(ours[there].mean()), theirs=float(theirs[there].mean()), n=int(there.sum()))
        for number in range(len(edges) + 1)
        if (there := group == number).any()
    ]


def isotonic(ours: Column, theirs: Column) -> tuple[Column, Column]:
    """Least squares among rising functions (pool adjacent violators): places and values between which lines are straight.

    Equal scores of ours are one place with their mean. Within a block of equal values only its first and last place are kept.
    """
    places, inverse, counts = np.unique(ours, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, weights=theirs) / counts
    blocks: list[tuple[float, float, int]] = []  # value, weight, number of places
    for mean, weight in zip(means.tolist(), counts.tolist(), strict=True):
        value, total, size = mean, float(weight), 1
        while blocks and blocks[-1][0] >= value:
            before, weighed, wide = blocks.pop()
            value = (before * weighed + value * total) / (weighed + total)
            total, size = total + weighed, size + wide
        blocks.append((value, total, size))
    values = np.repeat([block[0] for block in blocks], [block[2] for block in blocks])
    inner = np.zeros(len(values), dtype=bool)
    inner[1:-1] = (values[1:-1] == values[:-2]) & (values[1:-1] == values[2:])
    return places[~inner], np.clip(values[~inner], 0.0, 1.0)


def _out_of_fold(ours: Column, theirs: Column, random: np.random.Generator) -> Column:
    """Each comment's score through a map that was fitted without it."""
    fold = random.permutation(len(ours)) % FOLDS
    mapped = np.empty_like(ours)
    for number in range(FOLDS):
        out = fold == number
        mapped[out] = np.interp(ours[out], *isotonic(ours[~out], theirs[~out]))
    return mapped


def agreement(one: Column, other: Column, random: np.random.Generator) -> Agreement:
    """How two columns of scores agree, with 95% bootstrap intervals."""
    differences = np.abs(one - other)
    same = ((one >= THRESHOLD) == (other >= THRESHOLD)).astype(float)
    chosen = [random.integers(len(one), size=len(one)) for _ in range(RESAMPLES)]
    difference_low, difference_high = np.percentile([differences[rows].mean() for rows in chosen], [2.5, 97.5])
    same_low, same_high = np.percentile([same[rows].mean() for rows in chosen], [2.5, 97.5])
    return Agreement(
        n=len(one),
        difference=float(differences.mean()),
        difference_low=float(difference_low),
        difference_high=float(difference_high),
        same_side=float(same.mean()),
        same_side_low=float(same_low),
        same_side_high=float(same_high),
        ranks=_rank_correlation(one, other),
    )


def _rank_correlation(one: Column, other: Column) -> float:
    """Spearman's, with mean ranks for ties; 0 where a column is constant."""
    first, second = _ranks(one), _ranks(other)
    if not first.std() or not second.std():
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(column: Column) -> Column:
    _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Column = (last - (counts - 1) / 2.0)[inverse]
    return ranks
