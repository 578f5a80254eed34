"""Which words a score comes from: what the text's log-odds lack without a word, and what the word alone adds to nothing."""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from safehold.signals.harm.scored import Span

Floats = NDArray[np.float32]
Probabilities = Callable[[Sequence[str]], Floats]

#: Stretches of one text that are tried, each by two runs of the model: longer texts are explained by several words together.
MOST = 48
#: Words that add less than this part of what the first word adds explain nothing.
LEAST = 1 / 2

_WORD = re.compile(r"\S+")


def explain(text: str, probabilities: Probabilities) -> list[list[Span]]:
    """For each attribute, (start, end, share) of the words of `text` that its probability comes from, in the order of the
    text; the share is of all that raises it, 0 to 1. At most 48 stretches of the text are tried.

    What a word adds is the mean of what it adds last (to all other words) and first (to nothing): the two ends of its Shapley
    value (Shapley 1953). Left out alone, neither of two insults would lower the score.
    """
    words = [match.span() for match in _WORD.finditer(text)]
    each = -(-len(words) // MOST) if words else 1
    stretches = [(words[i][0], words[min(i + each, len(words)) - 1][1]) for i in range(0, len(words), each)]
    tried = [f"{text[:start]} {text[end:]}" for start, end in stretches] + [text[start:end] for start, end in stretches]
    odds = _log_odds(probabilities([text, "", *tried]))
    whole, nothing, without, alone = odds[0], odds[1], odds[2 : 2 + len(stretches)], odds[2 + len(stretches) :]
    added = np.maximum((whole - without + alone - nothing) / 2, 0)
    return [_spans(stretches, column) for column in added.T]


def _spans(stretches: Sequence[tuple[int, int]], added: Floats) -> list[Span]:
    least = added.max(initial=0) * LEAST
    return [
        (start, end, round(float(part / added.sum()), 4))
        for (start, end), part in zip(stretches, added, strict=True)
        if part > 0 and part >= least
    ]


def _log_odds(found: Floats) -> Floats:
    odds: Floats = np.log(found) - np.log1p(-found)
    return odds
