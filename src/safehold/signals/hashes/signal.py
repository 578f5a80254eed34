"""The hashes signal: whether what an event brings is in a hash bank, in which, and how near."""

from collections.abc import Mapping
from typing import Any, ClassVar

from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed
from safehold.signals.hashes.kinds import KINDS, BadHash, normal, text_digest
from safehold.signals.hashes.matching import BankView, Found, Item, Match, Shelf
from safehold.signals.links.find import find
from safehold.signals.reading import read

#: Media of one event, and frames of one of them, that are looked up; more make the signal fail: a match could be among them.
MOST_MEDIA, MOST_FRAMES = 50, 5_000
#: Links of a text that are looked up, and matches that are told.
MOST_LINKS, MOST_TOLD = 100, 50
#: PDQ of an image with less structure than this (0 to 100) is near that of any other flat image; its authors drop it.
LEAST_QUALITY = 50


class Hashes:
    """`signals.hashes`: the hashes of `data.media`, the digest of the subject's text and its links, looked up in all banks.

    The gateway gives it the shelf of banks (`attach`). Without one it fails: nobody knows then whether anything matches.
    """

    name = "hashes"
    version = "1.0.0"
    cost = 400.0
    reads = ("data.media", "text")
    fields: ClassVar[Mapping[str, str]] = {
        "matched": "bool",
        "matches": "list(map(string, dyn))",
        "banks": "list(string)",
        "categories": "list(string)",
        "nearest": "int",
        "negative": "bool",
        "negatives": "list(map(string, dyn))",
        "held_back": "list(map(string, dyn))",
        "looked_up": "int",
    }
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {"nearest": (0, None), "looked_up": (0, None)}

    def __init__(self, shelf: Shelf | None = None) -> None:
        self._shelf = shelf

    def attach(self, shelf: Shelf) -> None:
        """Look up on this shelf from now on."""
        self._shelf = shelf

    def run(self, event: Event) -> Mapping[str, object]:
        """`nearest` is left out where nothing matches; `looked_up` counts hashes."""
        shelf = self._shelf
        if shelf is None or not shelf.ready:
            raise SignalFailed("the hash banks are not loaded here; the server that decides has them")
        media = media_of(event.data.get("media"))
        media += _words(event, shelf.kinds())
        found = shelf.look_up(media)
        matches = [match for one in found for match in one.matches]
        said: dict[str, object] = {
            "matched": bool(matches),
            "matches": _told(matches),
            "banks": sorted({match.bank for match in matches}),
            "categories": sorted({name for match in matches for name in match.categories}),
            "negative": any(one.negative for one in found),
            "negatives": _told([match for one in found for match in one.negative]),
            "held_back": _told([match for one in found for match in one.held_back]),
            "looked_up": sum(map(len, media)),
        }
        if matches:
            said["nearest"] = min(match.distance for match in matches)
        return said


def media_of(media: Any) -> list[list[tuple[str, str]]]:
    """The hashes of each entry of `data.media`, as banks write them. Raises SignalFailed for what can't be looked up."""
    if media is None:
        return []
    if not isinstance(media, list):
        raise SignalFailed("data.media must be a list")
    if len(media) > MOST_MEDIA:
        raise SignalFailed(f"data.media has {len(media)} entries; {MOST_MEDIA} can be looked up at once")
    return [_hashes_of(entry, f"data.media[{place}]") for place, entry in enumerate(media)]


def _hashes_of(entry: Any, where: str) -> list[tuple[str, str]]:
    if not isinstance(entry, dict):
        raise SignalFailed(f"{where} must be an object")
    parts = [(where, entry)]
    frames = entry.get("frames")
    if isinstance(frames, list):
        if len(frames) > MOST_FRAMES:
            raise SignalFailed(f"{where} has {len(frames):,} frames; {MOST_FRAMES:,} can be looked up")
        parts += [
            (f"{where}.frames[{place}]", frame if isinstance(frame, dict) else {"pdq": frame})
            for place, frame in enumerate(frames)
        ]
    found: list[tuple[str, str]] = []
    named = False
    for at, part in parts:
        for kind in KINDS:
            value = part.get(kind)
            if value is None or kind in ("raw_text", "url"):
                continue
            named = True
            if kind == "pdq" and _is_flat(part):
                continue
            try:
                found.append((kind, normal(kind, str(value))))
            except BadHash as error:
                raise SignalFailed(f"{at}.{kind}: {error}") from None
    if not named:
        raise SignalFailed(f"{where} has no hash; send the file to POST /v1/media, or its {', '.join(list(KINDS)[:6])}")
    # A bank of videos lists their MD5 under another name.
    return list(dict.fromkeys([*found, *(("video_md5", value) for kind, value in found if kind == "md5")]))


def _is_flat(part: Mapping[str, Any]) -> bool:
    for name in ("pdq_quality", "quality"):
        quality = part.get(name)
        if isinstance(quality, int | float):
            return quality < LEAST_QUALITY
    return False


def _words(event: Event, kinds: frozenset[str]) -> list[list[tuple[str, str]]]:
    """The subject's text and its links, where a bank has such items."""
    if not kinds & {"raw_text", "url"}:
        return []
    text, _ = read(event)
    found: list[tuple[str, str]] = []
    if "raw_text" in kinds and (digest := text_digest(text)):
        found.append(("raw_text", digest))
    if "url" in kinds:
        for link in find(text, MOST_LINKS)[0]:
            try:
                found.append(("url", normal("url", link.url)))
            except BadHash:
                continue  # not one that a bank could have
    return [[one] for one in dict.fromkeys(found)]


def _told(matches: list[Match]) -> list[dict[str, object]]:
    nearest = sorted(set(matches), key=lambda match: (match.distance, match.item))[:MOST_TOLD]
    return [
        {
            "bank": match.bank, "item": str(match.item), "type": match.kind, "distance": match.distance,
            "categories": list(match.categories), **({"why": match.why} if match.why else {}),
        }
        for match in nearest
    ]  # fmt: skip


__all__ = ["BankView", "Found", "Hashes", "Item", "Match", "Shelf", "media_of"]
