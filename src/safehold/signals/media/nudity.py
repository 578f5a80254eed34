"""The nudity signal: how likely nudity is in an event's pictures and videos."""

from collections.abc import Mapping
from typing import ClassVar

from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed
from safehold.signals.media.named import here, media
from safehold.signals.media.store import MediaStore


class Nudity:
    """`signals.nudity`: the greatest score of the media that was sent to `POST /v1/media`, where the model was asked.

    The model is Yahoo's open_nsfw, in the extra `media`; it runs when a file is sent, never while an event is decided.
    """

    name = "nudity"
    title = "Nudity in pictures"
    version = "1.0.0+open.nsfw.864bb37b"
    cost = 30.0
    reads = ("data.media",)
    fields: ClassVar[Mapping[str, str]] = {"score": "double", "scored": "int"}
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {"score": (0.0, 1.0), "scored": (0, None)}

    def __init__(self, store: MediaStore | None = None) -> None:
        self._store = store or here()

    def run(self, event: Event) -> Mapping[str, object]:
        """`scored` counts pictures and videos; `score` is left out where there are none.

        Raises SignalFailed if one has no score.
        """
        scores = []
        for one in media(event, self._store):
            record = one.opened()
            if record is None:
                continue
            if record.nudity is None:
                raise SignalFailed(f"{one.where} was not scored for nudity: {record.without.get('nudity', _NOT_ASKED)}")
            scores.append(record.nudity.score)
        return {"scored": len(scores), **({"score": max(scores)} if scores else {})}


_NOT_ASKED = "SAFEHOLD_MEDIA_MODELS did not name it when the file was sent"
