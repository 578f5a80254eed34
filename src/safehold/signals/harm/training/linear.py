"""Train the sparse half: one logistic regression an attribute over hashed n-grams, by L-BFGS, to the same digits each time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import expit

from safehold.signals.harm.hashing import BUCKETS, buckets

Floats = NDArray[np.float32]


def table(wordings: Sequence[str]) -> csr_matrix:
    """Texts as rows over buckets; every bucket of a text has the same value, and rows have length 1."""
    found = [buckets(each) for each in wordings]
    ends = np.cumsum([0, *map(len, found)])
    values = np.concatenate([np.full(len(each), max(1, len(each)) ** -0.5, dtype=np.float32) for each in found])
    return csr_matrix((values, np.concatenate(found), ends), shape=(len(found), BUCKETS))


def rarity(rows: csr_matrix) -> Floats:
    """How much a bucket tells: the logarithm of how seldom it occurs, 0 for buckets seen less than twice."""
    seen = np.bincount(rows.indices, minlength=BUCKETS)
    return np.where(seen > 1, np.log((1 + rows.shape[0]) / (1 + seen)) / 5, 0).astype(np.float32)


def train(
    rows: csr_matrix, labels: Floats, weights: Floats, *, strength: float = 20.0, rounds: int = 60
) -> tuple[Floats, Floats]:
    """Weights (buckets, attributes) and biases of each attribute, learned from the rows that know it.

    Positive and negative texts weigh the same together, softened: a rare attribute would else never be found.
    """
    telling = rarity(rows)
    columns: list[Floats] = []
    biases: list[float] = []
    for labels_of in labels.T:
        known = ~np.isnan(labels_of)
        weight = weights[known] * _balance(labels_of[known], weights[known])
        coefficients, bias = _fit(_scaled(rows[known], telling), labels_of[known], weight, strength, rounds)
        columns.append(coefficients * telling)
        biases.append(bias)
    return np.stack(columns, axis=1).astype(np.float32), np.array(biases, dtype=np.float32)


def _scaled(rows: csr_matrix, telling: Floats) -> csr_matrix:
    return csr_matrix((rows.data * telling[rows.indices], rows.indices, rows.indptr), shape=rows.shape)


def _balance(labels: Floats, weights: Floats) -> Floats:
    positive, negative = weights[labels > 0.5].sum(), weights[labels <= 0.5].sum()
    factor = float(np.sqrt(negative / max(positive, 1e-9)))
    return np.where(labels > 0.5, min(factor, 8.0), 1.0).astype(np.float32)


def _fit(rows: csr_matrix, labels: Floats, weights: Floats, strength: float, rounds: int) -> tuple[Floats, float]:
    used = np.unique(rows.indices[rows.data > 0])
    narrow = rows[:, used].astype(np.float32)
    across = narrow.T.tocsr()
    pull = 1 / (strength * float(weights.sum()))

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = narrow @ parameters[:-1].astype(np.float32) + parameters[-1]
        errors = (expit(scores) - labels) * weights
        total = (weights * (np.logaddexp(0, scores) - labels * scores)).sum() / weights.sum()
        gradient = np.append(across @ errors.astype(np.float32), errors.sum()).astype(np.float64) / weights.sum()
        gradient[:-1] += pull * parameters[:-1]
        return float(total + pull * (parameters[:-1] ** 2).sum() / 2), gradient

    found = minimize(loss, np.zeros(len(used) + 1), jac=True, method="L-BFGS-B", options={"maxiter": rounds}).x
    coefficients = np.zeros(BUCKETS, dtype=np.float32)
    coefficients[used] = found[:-1]
    return coefficients, float(found[-1])
