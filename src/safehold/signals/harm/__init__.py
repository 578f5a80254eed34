"""The harm signal: how probably a text is toxic, threatening, a scam, ...; a model that ships with Safehold, on the CPU.

`score_texts` is the door for everything that scores texts (the signal, the drop-in APIs); `features` is what community
models are trained on. docs/reference/model-card.md says what the model knows and what it doesn't.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed
from safehold.signals.harm.attributes import ATTRIBUTES
from safehold.signals.harm.model import Floats, Model, about, shipped
from safehold.signals.harm.reading import readable
from safehold.signals.harm.spans import Span, explain
from safehold.signals.harm.wording import windows, wording
from safehold.signals.reading import LIMIT, read

#: Columns of `features`.
FEATURES = 384 + len(ATTRIBUTES)

#: Windows of one text that both halves read.
MOST_WINDOWS = 24

#: Scores from here on are explained to people who try a text.
EXPLAINED = 0.5


@dataclass(frozen=True)
class Scored:
    """`scores`: a probability for each attribute; empty where the model can't read the text (`supported` is False): an
    unknown score is not 0. `spans`: (start, end, share) in code points of the text, where asked for. `truncated`: there
    was more text than the 20,000 characters that are looked at.
    """

    scores: dict[str, float]
    spans: dict[str, list[Span]] = field(default_factory=dict)
    truncated: bool = False
    supported: bool = True


def score_texts(texts: Sequence[str], *, spans: bool = False) -> list[Scored]:
    """Score each text: one of up to 200 characters in one go, a longer one by windows, of which the highest counts. A text's
    scores are the same whatever else is asked with it: texts are read one at a time.

    Raises SignalFailed without a model.
    """
    return [_score(text[:LIMIT], len(text) > LIMIT, spans, shipped()) for text in texts]


def features(texts: Sequence[str]) -> Floats:
    """What the model sees in each text as numbers, (texts, FEATURES): the same for as long as `model_version` is. Of a
    long text its first window is seen.
    """
    return shipped().features([text[slice(*windows(text[:LIMIT])[0])] for text in texts])


def model_version() -> str:
    """The version of the weights, such as `2026.11.1+3f2a9c0d41e7`. Raises SignalFailed without a model."""
    return str(about()["version"])


def _score(text: str, truncated: bool, spans: bool, model: Model) -> Scored:
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


class Harm:
    """`signals.harm.<attribute>`. Fields are unknown where `supported` is false: the model reads English only."""

    name = "harm"
    title = "What a text means: attack, insult, threat, spam and more"
    card = "https://github.com/safehold/safehold/blob/main/docs/reference/model-card.md"
    cost = 2_500.0
    basis = ""
    reads = ("text",)
    fields: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(ATTRIBUTES, "double"),
        "supported": "bool",
        "truncated": "bool",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = dict.fromkeys(ATTRIBUTES, (0.0, 1.0))

    def __init__(self) -> None:
        try:
            self.version = "1.0.0+" + model_version().replace("+", ".")
        except SignalFailed:  # said again at each run: everything else goes on without it
            self.version = "1.0.0+no.model"

    def run(self, event: Event) -> Mapping[str, object]:
        """Score the subject's text; an event without text scores as an empty one."""
        text, truncated = read(event)
        scored = score_texts([text])[0]
        return {**scored.scores, "supported": scored.supported, "truncated": truncated}

    def places(self, event: Event) -> list[dict[str, object]]:
        """The words that each score of EXPLAINED and more comes from, those with the greatest share of a score first."""
        scored = score_texts([read(event)[0]], spans=True)[0]
        told = [
            (share, name, start, end)
            for name, spans in scored.spans.items()
            if scored.scores[name] >= EXPLAINED
            for start, end, share in spans
        ]
        return [{"attribute": name, "start": start, "end": end} for _, name, start, end in sorted(told, reverse=True)]


__all__ = ["ATTRIBUTES", "FEATURES", "Harm", "Scored", "features", "model_version", "score_texts"]
