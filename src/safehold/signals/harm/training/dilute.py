"""A sentence among innocent ones, for training and for the tests: what is said of it is said of the whole text."""

import random
from collections.abc import Sequence

from safehold.signals.harm.training.example import Example

#: Kinds of template that say nothing about anybody.
_CALM = ("kind-talk", "ordinary-commerce", "money-talk", "romance-clean")

#: Characters of an innocent sentence, and of the text that is made: one window of the model.
_LONGEST, _MOST = 90, 200


def innocents(examples: Sequence[Example]) -> list[str]:
    """Short texts that have no attribute at all."""
    return [
        each.text
        for each in examples
        if (each.kind in _CALM or each.kind == "ham") and len(each.text) <= _LONGEST and not any(each.labels.values())
    ]


def dilute(text: str, calm: Sequence[str], chance: random.Random) -> str:
    """`text` between one to three of `calm`; as it is where there is no room, or none."""
    parts = [text]
    for _ in range(chance.choice((1, 1, 2, 3)) if calm else 0):
        other = chance.choice(calm)
        if len(" ".join(parts)) + len(other) + 4 > _MOST:
            break
        parts.insert(chance.choice((0, len(parts))), other)
    if len(parts) == 1:
        return text
    mark = chance.choice((".", ".", ".", "!", "", " -"))
    return " ".join(part if part[-1:] in ".!?" else f"{part}{mark}" for part in parts)
