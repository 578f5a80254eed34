"""The harm signal: how probably a text is toxic, threatening, a scam, ...; a model that ships with Safehold, on the CPU.

`score_texts` is the door for everything that scores texts (the signal, the drop-in APIs); `features` is what community
models are trained on. docs/reference/model-card.md says what the model knows and what it doesn't.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from safehold.engine.event import Event
from safehold.signals.harm.attributes import ATTRIBUTES
from safehold.signals.harm.model import Floats, Model, about, shipped
from safehold.signals.harm.reading import readable
from safehold.signals.harm.spans import Span, explain
from safehold.signals.harm.wording import windows
from safehold.signals.reading import LIMIT, read

#: Columns of `features`.
FEATURES = 256


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
    """Score each text: a long one by its windows, of which the highest counts. Raises SignalFailed without a model."""
    return [_score(text[:LIMIT], len(text) > LIMIT, spans, shipped()) for text in texts]


def features(texts: Sequence[str]) -> Floats:
    """What the model sees in each text as numbers, (texts, FEATURES): the same for as long as `model_version` is."""
    return shipped().features([text[:LIMIT] for text in texts], FEATURES)


def model_version() -> str:
    """The version of the weights, such as `2026.11.1+3f2a9c0d41e7`. Raises SignalFailed without a model."""
    return str(about()["version"])


def _score(text: str, truncated: bool, spans: bool, model: Model) -> Scored:
    if not readable(text):
        return Scored({}, {}, truncated, supported=False)
    places = windows(text)
    rows = model.probabilities([text[start:end] for start, end in places])
    best = rows.argmax(axis=0)
    scores = {name: round(float(rows[best[i], i]), 6) for i, name in enumerate(ATTRIBUTES)}
    return Scored(scores, _explain(text, places, rows, best, model) if spans else {}, truncated)


def _explain(
    text: str, places: list[tuple[int, int]], rows: Floats, best: np.ndarray, model: Model
) -> dict[str, list[Span]]:
    """Each attribute is explained in the window that has its score."""
    found: dict[str, list[Span]] = {}
    for window in sorted(set(best.tolist())):
        start, end = places[window]
        explained = explain(text[start:end], rows[window], model.probabilities)
        for i, name in enumerate(ATTRIBUTES):
            if best[i] == window:
                found[name] = [(start + a, start + b, share) for a, b, share in explained[i]]
    return found


class Harm:
    """`signals.harm.<attribute>`. Fields are unknown where `supported` is false: the model reads English only."""

    name = "harm"
    cost = 1_000.0
    reads = ("text",)
    fields: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(ATTRIBUTES, "double"),
        "supported": "bool",
        "truncated": "bool",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = dict.fromkeys(ATTRIBUTES, (0.0, 1.0))

    def __init__(self) -> None:
        self.version = "1.0.0+" + model_version().replace("+", ".")

    def run(self, event: Event) -> Mapping[str, object]:
        """Score the subject's text; an event without text scores as an empty one."""
        text, truncated = read(event)
        scored = score_texts([text])[0]
        return {**scored.scores, "supported": scored.supported, "truncated": truncated}


__all__ = ["ATTRIBUTES", "FEATURES", "Harm", "Scored", "features", "model_version", "score_texts"]
