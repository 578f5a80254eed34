"""How a text is scored: cut into windows, each read by the model, of which the highest counts; and explained, where asked for.

`score_texts` (safehold.signals.harm) calls it, when a first text is to be scored: it brings NumPy.
"""

import numpy as np

from safehold.signals.harm.attributes import ATTRIBUTES
from safehold.signals.harm.model import Floats, Model
from safehold.signals.harm.reading import readable
from safehold.signals.harm.scored import Scored, Span
from safehold.signals.harm.spans import explain
from safehold.signals.harm.wording import windows, wording

#: Windows of one text that both halves read.
MOST_WINDOWS = 24


def score(text: str, truncated: bool, spans: bool, model: Model) -> Scored:
    """Scores of one text, of which no more than is looked at is given; `truncated` says that there was more."""
    if not readable(text):
        return Scored({}, {}, truncated, supported=False)
    places = _worth_reading(text, windows(text), model)
    rows = model.probabilities([text[start:end] for start, end in places])
    best = rows.argmax(axis=0)
    scores = {name: round(float(rows[best[i], i]), 6) for i, name in enumerate(ATTRIBUTES)}
    return Scored(scores, _explain(text, places, rows, best, model) if spans else {}, truncated)


def _worth_reading(text: str, places: list[tuple[int, int]], model: Model) -> list[tuple[int, int]]:
    """All windows of a text of up to about 4,000 characters. Of a longer one the sparse half, which is quick, chooses: the
    first, and for each attribute the two that have most of it. Hostile length then costs .1 s, not .3.
    """
    if len(places) <= MOST_WINDOWS:
        return places
    scores = model.linear.scores([wording(text[start:end]) for start, end in places])
    chosen = {0, *np.argsort(-scores, axis=0, kind="stable")[:2].ravel().tolist()}
    return [places[window] for window in sorted(chosen)]


def _explain(
    text: str, places: list[tuple[int, int]], rows: Floats, best: np.ndarray, model: Model
) -> dict[str, list[Span]]:
    """Each attribute is explained in the window that has its score."""
    found: dict[str, list[Span]] = {}
    for window in sorted(set(best.tolist())):
        start, end = places[window]
        explained = explain(text[start:end], model.probabilities)
        for i, name in enumerate(ATTRIBUTES):
            if best[i] == window:
                found[name] = [(start + a, start + b, share) for a, b, share in explained[i]]
    return found
