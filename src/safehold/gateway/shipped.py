"""What the shipped model says of texts that came through a drop-in API, run once for the answer and for the policies: the run
that was answered goes with the event to whoever decides, and is found again when the same text comes back.

Kept are digests and scores, never texts, in memory only and the last few thousand (`engine.measured.Recent`), and none of a text
that isn't recorded. Who calls: `learned`, for the answer; `scoring`, for the event; the routes hold one of them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from safehold.engine.event import Event
from safehold.engine.measured import Measured, Memory, Recent, key_of
from safehold.engine.signal import SignalFailed
from safehold.signals.harm import ATTRIBUTES, Harm, Scored

#: Texts whose scores are kept: 2 MB.
MOST_KEPT = 2_048

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Shipped:
    """The harm signal, as rules ask it, with what it said lately. From any thread."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._signal, self._recent = Harm(), Recent(most)

    def score(self, texts: Sequence[str], *, keep: bool) -> list[Scored]:
        """What `score_texts` says of each text; of one that is recorded anyway, `keep` it for those who decide on it. Raises
        SignalFailed, without a model for one."""
        return [self._score(text, keep) for text in texts]

    def known(self, text: str) -> tuple[Measured, ...]:
        """The run that gave this text's scores, for those who decide on it; none if there was none lately."""
        key = key_of(self._signal, _said(text))
        found = self._recent.find(key) if key is not None else None
        return (found,) if found is not None else ()

    def _score(self, text: str, keep: bool) -> Scored:
        memory = Memory(recent=self._recent) if keep else Memory(self.known(text))
        _, values, error = memory.run(self._signal, _said(text))
        if error is not None:
            raise SignalFailed(error)
        scores = {name: values[name] for name in ATTRIBUTES if name in values}
        return Scored(scores, {}, truncated=values["truncated"], supported=values["supported"])


def _said(text: str) -> Event:
    """An event of which the signal sees what it sees of any with this text: its `reads` promise that."""
    return Event(id="", source="", type="", time=_EPOCH, text=text)
