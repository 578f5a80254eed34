"""The media that an event names in `data.media`, each with what is known of it here. The media signals read it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed
from safehold.signals.media.store import MediaStore, Record, folder

#: Media of one event that is looked at; more make the signals fail, because what counts could be among the rest.
MOST = 50

_HASHES = ("sha256", "sha1", "md5", "pdq")
_MEDIUMS = ("image", "video")


class Named(NamedTuple):
    """One entry: where it stands, what the platform says of it, and its record if it was sent here and hasn't expired."""

    where: str
    given: Mapping[str, Any]
    record: Record | None

    def text(self, name: str) -> str | None:
        """A hash as it is written everywhere, or the media type: what the platform says before what was found."""
        said = self.given.get(name)
        if said is None:
            said = getattr(self.record, name, None) or getattr(self.record and self.record.measured, name, None)
        elif not isinstance(said, str):
            raise SignalFailed(f"{self.where}.{name} must be a string")
        return said.lower() if said else None

    def number(self, name: str) -> float | None:
        """A size or the like, what was found before what the platform says."""
        said = getattr(self.record and self.record.measured, name, None)
        if said is None:
            said = self.given.get(name)
        return said if isinstance(said, int | float) and not isinstance(said, bool) else None

    @property
    def medium(self) -> str:
        """`image`, `video` or `file`; the platform's word for it where the file was not sent here."""
        if self.record is not None:
            return self.record.medium
        said = (self.text("mime") or "").partition("/")[0]
        return said if said in _MEDIUMS else "image" if self.given.get("pdq") else "file"

    def opened(self) -> Record | None:
        """The record of a picture or video; None for a file that is neither. Raises SignalFailed where nothing is known."""
        if self.record is None:
            raise SignalFailed(
                f"{self.where} was not sent to POST /v1/media, or has expired: nobody here knows what it shows"
            )
        if self.record.unreadable:
            raise SignalFailed(f"{self.where}: {self.record.unreadable}")
        return self.record if self.record.medium != "file" else None


def media(event: Event, store: MediaStore) -> list[Named]:
    """Every entry of `data.media`. Raises SignalFailed for what is none."""
    entries = event.data.get("media")
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise SignalFailed("data.media must be a list")
    if len(entries) > MOST:
        raise SignalFailed(f"data.media has {len(entries)} entries; {MOST} can be looked at")
    return [_named(f"data.media[{place}]", entry, store) for place, entry in enumerate(entries)]


def here() -> MediaStore:
    """This installation's media."""
    return MediaStore(folder())


def _named(where: str, entry: Any, store: MediaStore) -> Named:
    if not isinstance(entry, dict):
        raise SignalFailed(f"{where} must be an object")
    sha256 = entry.get("sha256")
    record = store.record(sha256.lower()) if isinstance(sha256, str) else None
    return Named(where, entry, record)
