"""Which words a score comes from: each is left out in turn, and what the score then lacks is its share."""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Probabilities = Callable[[Sequence[str]], NDArray[np.float32]]
Span = tuple[int, int, float]

#: Model runs that explaining one text may take: longer texts are explained by stretches of several words.
MOST = 48
#: A word that changes a score by less explains nothing.
LEAST = 0.02

_WORD = re.compile(r"\S+")


def explain(text: str, whole: NDArray[np.float32], probabilities: Probabilities) -> list[list[Span]]:
    """For each attribute, (start, end, share) of the words of `text` without which its probability `whole` would be
    lower by `share`, in the order of the text. At most 48 stretches of the text are tried.
    """
    words = [match.span() for match in _WORD.finditer(text)]
    each = -(-len(words) // MOST) if words else 1
    stretches = [(words[i][0], words[min(i + each, len(words)) - 1][1]) for i in range(0, len(words), each)]
    if not stretches:
        return [[] for _ in whole]
    without = probabilities([f"{text[:start]} {text[end:]}" for start, end in stretches])
    shares = whole[None, :] - without
    return [
        [
            (start, end, round(float(share), 4))
            for (start, end), share in zip(stretches, column, strict=True)
            if share >= LEAST
        ]
        for column in shares.T
    ]
