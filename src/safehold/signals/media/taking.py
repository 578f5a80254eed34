"""From bytes to a record: what a file is, its hashes, and what the workers say of it. The gateway's upload calls it."""

from collections.abc import Callable, Collection

from safehold.signals.media import hashing, kinds
from safehold.signals.media.store import Keep, Record
from safehold.signals.media.workers import ask
from safehold.signals.media.workers.messages import Nudity, Text

#: The models that can be asked about every file that is sent.
MODELS = ("nudity", "text")


def take(
    data: bytes, keep: Keep, models: Collection[str] = (), known: Callable[[str], Record | None] | None = None
) -> Record:
    """Measure a file. One that can't be opened has its digests, and says why it has nothing else.

    `known` gives the record of a file that was measured before, by its SHA-256: what it has is not measured again.

    Raises Unavailable if no worker was free: the caller should say that it be sent again.
    """
    kind = kinds.kind_of(data)
    digests = hashing.digests(data)
    before = known(digests.sha256) if known is not None else None
    measured = before.measured if before is not None else None
    unreadable, without = "", {}
    if kinds.is_not_opened(kind):
        unreadable = f"the media could not be opened: {kind.name} is not opened here"
    found: dict[str, Nudity | Text | None] = {}
    if before is not None:
        found = {"nudity": before.nudity, "text": before.text}
    if kind.medium != "file":
        try:
            measured = measured or ask.measure(kind, data)
        except ask.Unreadable as reason:
            unreadable = str(reason)
        if measured is not None:
            for model in [name for name in models if found.get(name) is None]:
                try:
                    found[model] = _ASK[model](kind, data)
                except (ask.Unreadable, ask.Unavailable) as reason:
                    without[model] = str(reason)
    nudity, text = found.get("nudity"), found.get("text")
    return Record(
        sha256=digests.sha256,
        sha1=digests.sha1,
        md5=digests.md5,
        size=len(data),
        type=kind.name,
        mime=kind.mime,
        medium=kind.medium,
        keep=keep,
        also=kinds.also(data, kind),
        measured=measured,
        unreadable=unreadable,
        nudity=nudity if isinstance(nudity, Nudity) else None,
        text=text if isinstance(text, Text) else None,
        tlsh=_tlsh(data) if kind.medium == "file" else "",
        without=without,
    )


def _tlsh(data: bytes) -> str:
    """Of a file that is no picture; empty where it has none, or the extra isn't installed."""
    try:
        return hashing.tlsh(data) or ""
    except ModuleNotFoundError:
        return ""


_ASK: dict[str, Callable[[kinds.Kind, bytes], Nudity | Text]] = {"nudity": ask.nudity, "text": ask.text}
