"""The community signal: what this installation's own moderators would say of a text, by a model that learned it from their
labels. Which model that is may change while events are decided; each result names it.
"""

from collections.abc import Mapping
from typing import ClassVar

from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed
from safehold.signals.community.attributes import ATTRIBUTES
from safehold.signals.community.seat import SEAT, Seat
from safehold.signals.reading import read


class Community:
    """`signals.community.<attribute>`, from 0 to 1, by the model that was promoted last. An attribute that it has not learned is
    unknown, and all are while no model is live. `model` names the model.
    """

    name = "community"
    title = "What your moderators would say"
    version = "1.0.0"
    cost = 2_500.0  # alone; after the harm signal has read the same text it is 400
    reads = ("text",)
    fields: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(ATTRIBUTES, "double"),
        "model": "string",
        "truncated": "bool",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = dict.fromkeys(ATTRIBUTES, (0.0, 1.0))

    def __init__(self, seat: Seat = SEAT) -> None:
        self._seat = seat

    @property
    def basis(self) -> str | None:
        """The name of the model that is live; None while none is."""
        live = self._seat.live
        return live.name if live is not None else None

    def run(self, event: Event) -> Mapping[str, object]:
        """Measure the subject's text; an event without text measures as an empty one."""
        live = self._seat.live
        if live is None:
            raise SignalFailed("no community model is live: train one (`safehold learn train`) and promote it")
        from safehold.signals.community.features import rows  # here, as it brings NumPy

        text, truncated = read(event)
        found = live.model.probabilities(rows([text]))[0]
        scores = {name: round(float(score), 6) for name, score in zip(live.model.attributes, found, strict=True)}
        return {**scores, "model": live.name, "truncated": truncated}


__all__ = ["ATTRIBUTES", "Community"]
