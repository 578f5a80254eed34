"""What answers a text of a drop-in API: the shipped model; and, where an installation says so (`SAFEHOLD_ANSWERS_BY=community`),
the community model that is live, in the attributes and languages that it was taught. Called by the routes of those APIs, on
scoring threads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from safehold.gateway.shipped import Shipped
from safehold.signals.community.languages import language_of
from safehold.signals.community.seat import Live, Seat
from safehold.signals.harm import Scored, score_texts


@dataclass(frozen=True)
class Answered:
    """`scores`: a probability for each attribute; one that neither model can say of this text is not in it. `learned`: those
    that are the community model's. `truncated`: there was more text than is looked at."""

    scores: Mapping[str, float]
    learned: frozenset[str]
    truncated: bool


@dataclass(frozen=True)
class Answers:
    """What answers one request, from its beginning to its end. `shipped` asks the shipped model."""

    live: Live | None = None
    shipped: Callable[[Sequence[str]], list[Scored]] = score_texts

    @property
    def community(self) -> str:
        """The name of the community model that answers; "" without one."""
        return self.live.name if self.live is not None else ""

    def learned(self, language: str) -> frozenset[str]:
        """The attributes that the community model was taught in a language (`de`)."""
        return self.live.model.taught_in(language) if self.live is not None else frozenset()

    def score(self, texts: Sequence[str], language: str = "") -> list[Answered]:
        """Score each text; a `language` that is known counts for all of them. Raises SignalFailed without the shipped model."""
        return [
            self._score(text, language, Answered(found.scores, frozenset(), found.truncated))
            for text, found in zip(texts, self.shipped(texts), strict=True)
        ]

    def _score(self, text: str, language: str, shipped: Answered) -> Answered:
        if self.live is None or not (learned := self.learned(language or language_of(text))):
            return shipped
        from safehold.signals.community.features import rows  # here, as it brings NumPy

        found = zip(self.live.model.attributes, self.live.model.probabilities(rows([text]))[0], strict=True)
        said = {name: round(float(score), 6) for name, score in found if name in learned}
        return Answered({**shipped.scores, **said}, learned, shipped.truncated)


def answers_by(seat: Seat | None, shipped: Shipped, *, recorded: bool) -> Answers:
    """What answers now; `seat` is None where the shipped model answers alone. `recorded`: what is scored is decided on too."""
    return Answers(seat.live if seat is not None else None, partial(shipped.score, keep=recorded))
