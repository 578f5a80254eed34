"""The harm signal: how probably a text is toxic, threatening, a scam, ...; a model that ships with Safehold, on the CPU.

`score_texts` is the door for everything that scores texts (the signal, the drop-in APIs); `features` is what community
models are trained on. docs/reference/model-card.md says what the model knows and what it doesn't.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed
from safehold.signals.harm.about import about
from safehold.signals.harm.attributes import ATTRIBUTES
from safehold.signals.harm.scored import Scored
from safehold.signals.harm.wording import windows
from safehold.signals.reading import LIMIT, read

if TYPE_CHECKING:
    from safehold.signals.harm.model import Floats

#: Columns of `features`.
FEATURES = 384 + len(ATTRIBUTES)

#: Scores from here on are explained to people who try a text.
EXPLAINED = 0.5


def score_texts(texts: Sequence[str], *, spans: bool = False) -> list[Scored]:
    """Score each text: one of up to 200 characters in one go, a longer one by windows, of which the highest counts. A text's
    scores are the same whatever else is asked with it: texts are read one at a time.

    Raises SignalFailed without a model.
    """
    from safehold.signals.harm.model import shipped  # here: NumPy, which a process that scores nothing needn't wait for
    from safehold.signals.harm.scoring import score

    return [score(text[:LIMIT], len(text) > LIMIT, spans, shipped()) for text in texts]


def features(texts: Sequence[str]) -> "Floats":
    """What the model sees in each text as numbers, (texts, FEATURES): the same for as long as `model_version` is. Of a
    long text its first window is seen.
    """
    from safehold.signals.harm.model import shipped

    return shipped().features([text[slice(*windows(text[:LIMIT])[0])] for text in texts])


def model_version() -> str:
    """The version of the weights, such as `2026.11.1+3f2a9c0d41e7`. Raises SignalFailed without a model."""
    return str(about()["version"])


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
