"""Is a harmful sentence found among innocent ones too? Held-back templates alone, and between innocent held-back sentences."""

import random
from collections.abc import Sequence

import numpy as np

from benchmarks.quality import kinds, measures
from benchmarks.quality.measures import Floats
from safehold.signals.harm import ATTRIBUTES, score_texts
from safehold.signals.harm.training.dilute import dilute, innocents
from safehold.signals.harm.training.example import Example

#: Sentences that are tried, and how much less often one may be right among others than alone: today's model loses .14.
_MOST = 1_000
LARGEST_LOSS = 0.2


def figures(test: Sequence[Example]) -> dict[str, dict[str, float]]:
    """{"harmful" or "innocent": {"sentences", "alone", "among others"}}: the share on the right side of 0.5 for all that
    its kind is about.
    """
    chance = random.Random(20261126)
    calm = innocents(test)
    held = [each for each in test if each.source == "templates"]
    chosen = chance.sample(held, min(_MOST, len(held)))
    texts = {
        "alone": [each.text for each in chosen],
        "among others": [dilute(each.text, calm, chance) for each in chosen],
    }
    told: dict[str, dict[str, float]] = {}
    for name, asked in texts.items():
        said = np.array([[each.scores.get(column, 0.0) for column in ATTRIBUTES] for each in score_texts(asked)])
        right = np.array([_right(each, row) for each, row in zip(chosen, said, strict=True)])
        for part, harmful in (("harmful", True), ("innocent", False)):
            of = np.array([_harmful(each) == harmful for each in chosen])
            told.setdefault(part, {"sentences": float(of.sum())})[name] = round(float(right[of].mean()), 3)
    return told


def misses(told: dict[str, dict[str, float]]) -> list[str]:
    """Where the gate is broken, in words."""
    return [
        f"{part} sentences: {each['among others']} right among others, {each['alone']} alone"
        for part, each in told.items()
        if each["alone"] - each["among others"] > LARGEST_LOSS
    ]


def _harmful(example: Example) -> bool:
    return any(example.labels.get(name) for name in kinds.about(example.kind))


def _right(example: Example, row: Floats) -> bool:
    return all(
        (row[ATTRIBUTES.index(name)] >= measures.THRESHOLD) == (example.labels.get(name, 0.0) > 0.5)
        for name in kinds.about(example.kind)
    )
