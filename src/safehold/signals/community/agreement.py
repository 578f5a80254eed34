"""How far two people who labelled the same texts agree, beyond chance: Fleiss' kappa (1971), which for two is Scott's pi, since
who was first and who second is by lot. With 95 % intervals.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from safehold.signals.community.measures import NOTHING, Doubles, Figure, Truth, drawn, share


class Agreement(NamedTuple):
    """Of so many `pairs` of words on one text: the share that says the same, and kappa (1: always, 0: as often as by chance)."""

    pairs: int
    same: Figure
    kappa: Figure


def agreement(pairs: Sequence[tuple[bool, bool]], seed: int = 0) -> Agreement:
    """Of what two people said of each text."""
    if not pairs:
        return Agreement(0, NOTHING, NOTHING)
    one, other = (np.array(column, dtype=np.bool_) for column in zip(*pairs, strict=True))
    found = drawn(_kappa, one.astype(np.float64), other, seed)
    return Agreement(len(pairs), share(int((one == other).sum()), len(pairs)), found)


def _kappa(one: Doubles, other: Truth) -> float | None:
    yes = float(one.mean() + other.mean()) / 2
    by_chance = yes**2 + (1 - yes) ** 2
    if by_chance == 1.0:
        return None  # everybody said the same of everything: nothing says that they could have differed
    return (float(((one >= 0.5) == other).mean()) - by_chance) / (1 - by_chance)
