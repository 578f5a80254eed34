"""What a file becomes in a hash bank: the hashes that came of it, and other forms of a picture, each that a person may choose.
The console shows it before anything is added. The file is looked at in the workers that open media, and kept nowhere.
"""

from contextlib import suppress
from typing import Any

import msgspec

from safehold.desk.banks.models import BankItem
from safehold.signals.hashes.kinds import KINDS, BadHash, key_of, normal
from safehold.signals.hashes.signal import video_of
from safehold.signals.media import hashing, kinds, vpdq
from safehold.signals.media.forms import VARIANTS
from safehold.signals.media.workers import ask

#: The kinds of hashes that a file can have, the most telling first.
FROM_FILES = ("pdq", "vpdq", "video_md5", "sha256", "md5", "sha1", "tlsh")


class Hash(msgspec.Struct, frozen=True):
    """One hash that came of a file, as `kinds.normal` writes it."""

    kind: str
    value: str

    @property
    def title(self) -> str:
        return KINDS[self.kind].title

    @property
    def known_as(self) -> str:
        """What a bank knows it by."""
        return key_of(self.kind, self.value)

    @property
    def chosen(self) -> bool:
        """Whether it goes in unless somebody says otherwise: each says something that no other one of the file says."""
        return self.kind != "sha1"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was looked at. `without`: what it has no hash of, and why. `quality`: PDQ's of a picture, 0 to 100; `variants`
    are other forms of it (`hashing.variants`) that can be matched. `frames` of a video were hashed, over so many `seconds`."""

    name: str
    size: int
    type: str
    medium: str
    hashes: list[Hash]
    without: list[tuple[str, str]] = []
    variants: dict[str, str] = {}
    width: int = 0
    height: int = 0
    quality: int | None = None
    frames: int = 0
    seconds: float | None = None
    truncated: bool = False
    unreadable: str = ""


def look_at(data: bytes, name: str = "") -> Seen:
    """Hash a file. One that can't be opened has the digests of its bytes, and says why it has nothing else.

    Raises Unavailable if no worker was free: the same file can be sent again.
    """
    kind = kinds.kind_of(data)
    digests = hashing.digests(data)
    found = {"sha256": digests.sha256, "md5": digests.md5, "sha1": digests.sha1}
    without: list[tuple[str, str]] = []
    measured, unreadable = None, ""
    if kinds.is_not_opened(kind):
        unreadable = f"the media could not be opened: {kind.name} is not opened here"
    elif kind.medium == "file":
        _add_tlsh(data, found, without)
    else:
        try:
            measured = ask.measure(kind, data, variants=tuple(VARIANTS) if kind.medium == "image" else ())
        except ask.Unreadable as reason:
            unreadable = str(reason)
    if kind.medium == "video":
        found["video_md5"] = found.pop("md5")  # by another name the same
    if measured is not None:
        _add_looks(kind.medium, measured, found, without)
    told: dict[str, Any] = {
        "name": name[:255],
        "size": len(data),
        "type": kind.name,
        "medium": kind.medium,
        "unreadable": unreadable,
    }
    if measured is not None:
        told |= {
            "width": measured.width, "height": measured.height, "frames": len(measured.frames),
            "quality": measured.quality if kind.medium == "image" else None,
            "seconds": measured.seconds, "truncated": measured.truncated,
        }  # fmt: skip
    telling = measured.variants if measured is not None and "pdq" in found else {}
    return Seen(
        hashes=[Hash(kind, found[kind]) for kind in FROM_FILES if kind in found],
        without=without,
        variants={form: value for form, (value, quality) in telling.items() if quality >= hashing.QUALITY},
        **told,
    )


def _add_looks(medium: str, measured: ask.Measured, found: dict[str, str], without: list[tuple[str, str]]) -> None:
    """PDQ of a picture, vPDQ of what has frames: where they are good enough to be matched."""
    if medium == "image":
        if measured.quality >= hashing.QUALITY:
            found["pdq"] = measured.pdq
        else:
            said = f"its quality is {measured.quality}, and below {hashing.QUALITY} a picture is too flat to be told from others"
            without.append(("pdq", said))
    if measured.frames:
        with suppress(BadHash):
            found["vpdq"] = normal("vpdq", video_of(measured.frames))
        if "vpdq" not in found:
            without.append(
                ("vpdq", f"none of its frames has a quality of {vpdq.QUALITY}: all are too flat to be told from others")
            )


def _add_tlsh(data: bytes, found: dict[str, str], without: list[tuple[str, str]]) -> None:
    try:
        value = hashing.tlsh(data)
    except ModuleNotFoundError:
        without.append(("tlsh", "it needs the extra `media`, which is not installed here"))
        return
    if value:
        found["tlsh"] = normal("tlsh", value)
    else:
        without.append(("tlsh", "the file is shorter than 50 bytes, or too uniform to have one"))


def held(bank: str, seen: Seen) -> dict[str, BankItem]:
    """By kind, the item of each of its hashes that a bank has already."""
    found = BankItem.objects.filter(bank=bank, value__in=[each.known_as for each in seen.hashes]).defer(
        "frames", "variants"
    )
    return {
        item.kind: item
        for item in found
        if any((item.kind, item.value) == (each.kind, each.known_as) for each in seen.hashes)
    }
