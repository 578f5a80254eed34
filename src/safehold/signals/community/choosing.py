"""Which texts teach most: those of which a model is least sure, no two of them alike."""

import numpy as np
from numpy.typing import NDArray

from safehold.signals.community.features import Rows

#: Two texts are alike if they share more than this part of their buckets (Jaccard).
ALIKE = 0.5


def most_unsure(rows: Rows, probabilities: NDArray[np.float64], threshold: float, count: int) -> list[int]:
    """Places of texts whose probability is nearest to the threshold (in log-odds), none much like one before it."""
    odds = np.log(np.clip(probabilities, 1e-4, 1 - 1e-4) / (1 - np.clip(probabilities, 1e-4, 1 - 1e-4)))
    middle = float(np.log(np.clip(threshold, 1e-4, 1 - 1e-4) / (1 - np.clip(threshold, 1e-4, 1 - 1e-4))))
    taken: list[int] = []
    for place in np.argsort(np.abs(odds - middle), kind="stable").tolist():
        if len(taken) == count:
            break
        if not any(_alike(rows, place, other) for other in taken):
            taken.append(place)
    return taken


def _alike(rows: Rows, one: int, other: int) -> bool:
    first, second = (rows.buckets[rows.starts[place] : rows.starts[place + 1]] for place in (one, other))
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared > ALIKE * (len(first) + len(second) - shared)
