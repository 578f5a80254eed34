"""The text in an event's pictures: as a signal of its own, and as what text signals look at."""

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from safehold.engine.event import Event
from safehold.engine.signal import Signal, SignalFailed, title
from safehold.signals.lexicon import Lexicon
from safehold.signals.links import Links
from safehold.signals.media.named import here, media
from safehold.signals.media.store import MediaStore


class ImageText:
    """`signals.image_text`: what was read in the media that was sent to `POST /v1/media`, where reading is on.

    The reader is RapidOCR, in the extra `media`; it reads when a file is sent, never while an event is decided.
    """

    name = "image_text"
    title = "The text in pictures"
    version = "1.0.0+rapidocr.PP-OCRv6"
    cost = 40.0
    reads = ("data.media",)
    fields: ClassVar[Mapping[str, str]] = {
        "text": "string",
        "lines": "list(string)",
        "found": "bool",
        "confidence": "double",
        "truncated": "bool",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {"confidence": (0.0, 1.0)}

    def __init__(self, store: MediaStore | None = None) -> None:
        self._store = store or here()

    def run(self, event: Event) -> Mapping[str, object]:
        """`confidence` is that of the line that was read worst. Raises SignalFailed if a picture was not read."""
        lines: list[str] = []
        sure: list[float] = []
        truncated = False
        for one in media(event, self._store):
            record = one.opened()
            if record is None:
                continue
            if record.text is None:
                raise SignalFailed(f"{one.where} was not read: {record.without.get('text', _NOT_ASKED)}")
            lines += record.text.lines
            sure += record.text.confidence
            truncated |= record.text.truncated
        said = {"text": "\n".join(lines), "lines": lines, "found": bool(lines), "truncated": truncated}
        return said | ({"confidence": min(sure)} if sure else {})


class InPictures:
    """Another text signal, of the text in pictures instead of the event's: `signals.image_links` is `signals.links` of it."""

    def __init__(self, inner: Signal, store: MediaStore | None = None) -> None:
        self._inner, self._text = inner, ImageText(store)
        self.name = f"image_{inner.name}"
        self.title = f"{title(inner)}, in pictures"
        self.version = f"{inner.version}{'.' if '+' in inner.version else '+'}in.pictures.1"
        self.cost = inner.cost + self._text.cost
        self.reads = self._text.reads
        self.fields = inner.fields
        self.limits = getattr(inner, "limits", {})

    def run(self, event: Event) -> Mapping[str, object]:
        """What the other signal says. Raises SignalFailed where the pictures were not read."""
        text = self._text.run(event)["text"]
        return self._inner.run(msgspec.structs.replace(event, text=text, data={}))


def image_lexicon() -> InPictures:
    """`signals.image_lexicon`: words and phrases in pictures."""
    return InPictures(Lexicon())


def image_links() -> InPictures:
    """`signals.image_links`: where the text in pictures leads."""
    return InPictures(Links())


_NOT_ASKED = "SAFEHOLD_MEDIA_MODELS did not name `text` when the file was sent"
