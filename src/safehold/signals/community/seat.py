"""Which community model this process measures with. One assignment takes another one in: whoever measures meanwhile ends with
the one they began with. `safehold.gateway.models` fills it and keeps it as the database says; whoever measures without a
server may fill it too.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from safehold.signals.community.model import Model


class Live(NamedTuple):
    """A model, and what verdicts call it."""

    name: str
    model: "Model"


class Seat:
    """Room for one model."""

    def __init__(self) -> None:
        self.live: Live | None = None


SEAT = Seat()
