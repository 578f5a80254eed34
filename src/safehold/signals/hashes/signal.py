"""The hashes signal: whether what an event brings is in a hash bank, in which, and how near."""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed
from safehold.signals.hashes.kinds import KINDS, MOST_FRAMES, BadHash, normal, text_digest
from safehold.signals.links.find import find
from safehold.signals.media import vpdq
from safehold.signals.reading import read

if TYPE_CHECKING:  # it brings NumPy, which a process that looks nothing up needn't wait for
    from safehold.signals.hashes.matching import Match, Shelf

#: Media of one event that are looked up, as MOST_FRAMES of one of them; more make the signal fail: a match could be among them.
MOST_MEDIA = 50
#: Links of a text that are looked up, and matches that are told.
MOST_LINKS, MOST_TOLD = 100, 50


class Hashes:
    """`signals.hashes`: the hashes of `data.media`, the digest of the subject's text and its links, looked up in all banks.

    The gateway gives it the shelf of banks (`attach`). Without one it fails: nobody knows then whether anything matches.
    """

    name = "hashes"
    title = "Known media, in hash banks"
    version = "1.1.0"
    cost = 100.0
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

    def __init__(self, shelf: "Shelf | None" = None) -> None:
        self._shelf = shelf

    def attach(self, shelf: "Shelf") -> None:
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
    named = [(f"{where}.{kind}", kind, entry[kind]) for kind in _OF_FILES if entry.get(kind) is not None]
    named += [(f"{where}.forms[{place}]", "pdq", form) for place, form in enumerate(_listed(entry, where, "forms"))]
    if not named and not entry.get("frames"):
        raise SignalFailed(f"{where} has no hash; send the file to POST /v1/media, or one of {', '.join(_OF_FILES)}")
    if _is_flat(entry.get("quality")):
        named = [one for one in named if one[1] != "pdq"]
    frames = _listed(entry, where, "frames")
    for place, frame in enumerate(frames):
        value, quality, _ = _frame(frame)
        if not _is_flat(quality):
            named.append((f"{where}.frames[{place}]", "pdq", value))
    found: list[tuple[str, str]] = []
    for at, kind, value in named:
        try:
            found.append((kind, normal(kind, str(value))))
        except BadHash as error:
            raise SignalFailed(f"{at}: {error}") from None
    if any(kind == "pdq" and at.startswith(f"{where}.frames[") for at, kind, _ in named):
        found.append(("vpdq", video_of(frames)))
    # A bank of videos lists their MD5 under another name.
    return list(dict.fromkeys([*found, *(("video_md5", value) for kind, value in found if kind == "md5")]))


_OF_FILES = tuple(kind for kind in KINDS if kind not in ("raw_text", "url", "vpdq"))


def _listed(entry: Mapping[str, Any], where: str, name: str) -> list[Any]:
    found = entry.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > MOST_FRAMES:
        raise SignalFailed(f"{where}.{name} must be a list of at most {MOST_FRAMES:,}")
    return found


def video_of(frames: Iterable[Any]) -> str:
    """The frames of an entry of `data.media` as a bank keeps a video. Raises BadHash, also where none of them tells anything."""
    read = []
    for place, frame in enumerate(frames):
        value, quality, at = _frame(frame)
        sure = min(100, max(0, int(quality))) if quality is not None else 100
        read.append(vpdq.Frame(normal("pdq", value), sure, at if at is not None else float(place)))
    return normal("vpdq", vpdq.write(read))


def _frame(frame: Any) -> tuple[str, float | None, float | None]:
    """The hash, the quality and the second of a frame: `HASH,QUALITY,SECONDS` as vPDQ writes it, or an object."""
    if isinstance(frame, dict):
        return str(frame.get("pdq", "")), _number(frame.get("quality")), _number(frame.get("seconds"))
    value, quality, at = [*str(frame).split(",", 2), "", ""][:3]
    return value, _number(quality), _number(at)


def _number(said: object) -> float | None:
    """A number from 0 on; None for whatever else was said."""
    try:
        number = float(said) if isinstance(said, str | int | float) else -1.0
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and 0 <= number < 1e9 else None


def _is_flat(quality: object) -> bool:
    return isinstance(quality, int | float) and quality < vpdq.QUALITY


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


def _told(matches: "list[Match]") -> list[dict[str, object]]:
    nearest = sorted(set(matches), key=lambda match: (match.distance, match.item))[:MOST_TOLD]
    return [
        {
            "bank": match.bank, "item": str(match.item), "type": match.kind, "distance": match.distance,
            "categories": list(match.categories), **({"why": match.why} if match.why else {}),
            **({"form": match.form} if match.form else {}),
            **({"query_share": match.shares.query, "item_share": match.shares.compared} if match.shares else {}),
        }
        for match in nearest
    ]  # fmt: skip
