"""The media signal: what an event's pictures, videos and files are."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from safehold.engine.event import Event
from safehold.signals.media import kinds
from safehold.signals.media.named import Named, here, media
from safehold.signals.media.store import MediaStore
from safehold.signals.media.vpdq import QUALITY


class Media:
    """`signals.media`: of the entries of `data.media`, what `POST /v1/media` found when they were sent, and what the platform
    says of those that it hashed itself.

    Nothing is opened here. A field that needs a file which was not sent, or could not be opened, is unknown.
    """

    name = "media"
    title = "What media are by their own bytes"
    version = "1.0.0"
    cost = 40.0
    reads = ("data.media",)
    fields: ClassVar[Mapping[str, str]] = {
        "count": "int",
        "known": "int",
        "unreadable": "int",
        "kinds": "list(string)",
        "types": "list(string)",
        "mismatch": "bool",
        "also": "list(string)",
        "sha256": "list(string)",
        "md5": "list(string)",
        "pdq": "list(string)",
        "quality": "int",
        "low_quality": "bool",
        "width": "int",
        "height": "int",
        "seconds": "double",
        "animated": "bool",
        "truncated": "bool",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {
        "count": (0, None),
        "known": (0, None),
        "unreadable": (0, None),
        "quality": (0, 100),
        "width": (0, None),
        "height": (0, None),
        "seconds": (0, None),
    }

    def __init__(self, store: MediaStore | None = None) -> None:
        self._store = store or here()

    def run(self, event: Event) -> Mapping[str, object]:
        """`known` were sent here, `unreadable` of them could not be opened. Sizes and lengths are the greatest, `quality`
        the least."""
        named = media(event, self._store)
        records = [one.record for one in named if one.record is not None]
        said: dict[str, object] = {
            "count": len(named),
            "known": len(records),
            "unreadable": sum(bool(record.unreadable) for record in records),
            "kinds": sorted({one.medium for one in named}),
            "types": sorted({mime for one in named if (mime := one.record.mime if one.record else one.text("mime"))}),
            "mismatch": any(map(_disagrees, named)),
            "also": sorted({other for record in records for other in record.also}),
            "sha256": _texts(named, "sha256"),
            "md5": _texts(named, "md5"),
            "pdq": _texts(named, "pdq"),
        }
        return said | _seen([one for one in named if one.medium != "file" or (one.record and one.record.unreadable)])


def _disagrees(one: Named) -> bool:
    if one.given.get("mismatch") is True:
        return True
    record, mime = one.record, one.given.get("mime")
    return (
        record is not None
        and isinstance(mime, str)
        and kinds.disagrees(mime, kinds.Kind(record.type, record.mime, record.medium))
    )


def _texts(named: Iterable[Named], name: str) -> list[str]:
    return list(dict.fromkeys(text for one in named if (text := one.text(name))))


def _seen(pictures: list[Named]) -> dict[str, object]:
    """What is known of all pictures and videos: a field that one of them leaves open is left out."""
    found: dict[str, object] = {}
    for name, choose in (("quality", min), ("width", max), ("height", max)):
        values = [one.number(name) for one in pictures]
        known = [int(value) for value in values if value is not None]
        if known and len(known) == len(values):
            found[name] = choose(known)
    if "quality" in found:
        found["low_quality"] = int(str(found["quality"])) < QUALITY
    measured = [one.record.measured for one in pictures if one.record is not None and one.record.measured is not None]
    if measured and len(measured) == len(pictures):
        found["animated"] = any(one.animated for one in measured)
        found["truncated"] = any(one.truncated for one in measured)
        lengths = [one.seconds for one in measured if one.seconds is not None]
        if lengths:
            found["seconds"] = max(lengths)
    return found
