"""One figure from the features: a logistic regression small enough to be read, with its weights in `weights.tsv`.

`python -m training.spam_features` fits them, prints what it measured and writes the file. The score says how often, among
messages like those it was fitted on, one with these features was an advertisement.
"""

import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Scored(NamedTuple):
    """`score` from 0 to 1, and the features that raised it, the strongest first."""

    score: float
    reasons: list[str]


@cache
def weights() -> Mapping[str, float]:
    """By feature; `bias` is what a text without any has."""
    lines = files(__package__).joinpath("weights.tsv").read_text("utf-8").splitlines()
    return {name: float(weight) for name, _, weight in (line.partition("\t") for line in lines if line[:1] != "#")}


def score(vector: Mapping[str, float], weights: Mapping[str, float]) -> Scored:
    """`vector` has the features that are not 0."""
    parts = {name: weights[name] * value for name, value in vector.items() if name in weights}
    total = weights["bias"] + math.fsum(parts[name] for name in sorted(parts))
    strongest = sorted((name for name, part in parts.items() if part >= 0.25), key=lambda name: (-parts[name], name))
    return Scored(1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total)))), strongest[:5])
