"""The shelf: the items of all hash banks that count, in memory, and what of them is near the hashes of some media.

The gateway fills it and keeps it as the database has it; the signal and HMA's endpoints ask it, from any thread, while it
changes. An item takes no object of its own: its number, bank, place in the canary's line and sign are one integer.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from safehold.signals.hashes import tlsh
from safehold.signals.hashes.kinds import KINDS, POINTS, point
from safehold.signals.hashes.videos import Videos
from safehold.signals.media import vpdq
from safehold.signals.media.forms import VARIANTS
from safehold.signals.media.index import PdqIndex
from safehold.signals.media.vpdq import Shares

_POINT_BITS, _BANK_BITS, _FORM_BITS = 12, 10, 5
#: The forms of a picture by which an item may be found, by their numbers in keys; the first is the picture itself.
FORMS = ("", *(form for group in VARIANTS.values() for form in group))
#: Kinds of which what is near counts too; of all others only what is the same.
_NEAR = frozenset(kind.name for kind in KINDS.values() if kind.near)
#: Items that are put onto the shelf at once.
CHUNK = 50_000


class Item(NamedTuple):
    """An item of a bank that counts, known by its `value` (`kinds.key_of`). `negative`: what is near it is no match of its bank.
    `frames`: of a video, the hashes it is compared by. `variants`: of a picture, other FORMS of it and their hashes."""

    number: int
    bank: str
    kind: str
    value: str
    negative: bool = False
    frames: Sequence[str] = ()
    variants: tuple[tuple[str, str], ...] = ()


class BankView(NamedTuple):
    """What matching asks of a bank. `ratio` is the share of its hashes that count, `video_shares` how much of a video must be
    found in an item, and of the item in the video."""

    name: str
    negative: bool
    ratio: float
    categories: tuple[str, ...]
    pdq_distance: int
    tlsh_distance: int
    number: int
    version: str
    video_shares: Shares = Shares(vpdq.QUERY_SHARE, vpdq.ITEM_SHARE)

    def within(self, kind: str) -> int:
        """How far a hash of this kind may be from an item."""
        return {"pdq": self.pdq_distance, "vpdq": self.pdq_distance, "tlsh": self.tlsh_distance}.get(kind, 0)


class Match(NamedTuple):
    """An item that is near a hash. `why` is empty for one that counts, else `canary` or `negative`. `form` says which of FORMS
    was near, `shares` how much of a video was found in the item, and of the item in it."""

    bank: str
    item: int
    kind: str
    distance: int
    categories: tuple[str, ...]
    why: str = ""
    form: str = ""
    shares: Shares | None = None


class Found(NamedTuple):
    """What is known of one medium: the items that count, those that don't and why, and what says that it is innocent."""

    matches: list[Match]
    held_back: list[Match]
    negative: list[Match]


class _Near(NamedTuple):
    bank: BankView
    item: int
    kind: str
    distance: int
    negative: bool
    enabled: bool
    form: str = ""
    shares: Shares | None = None


class Shelf:
    """The items of all banks. `ready` is false until all of them are there: then nobody may say that nothing matches."""

    def __init__(self) -> None:
        self.ready = False
        self.banks: Mapping[str, BankView] = {}
        self._places: dict[str, int] = {}
        self._names: list[str] = []
        self._pdq = PdqIndex()
        self._videos = Videos()
        # All kinds from the beginning: who asks goes through it while somebody else fills it.
        self._exact: dict[str, dict[bytes, tuple[int, ...]]] = {kind: {} for kind in KINDS if kind not in _NEAR}
        self._tlsh: dict[int, str] = {}
        self._tlsh_changes = 0
        #: Of which change they are, the items, and their digests in rows.
        self._tlsh_rows: tuple[int, list[int], tlsh.Bytes] | None = None

    def __len__(self) -> int:
        return (
            len(self._pdq) + len(self._videos) + len(self._tlsh)
            + sum(len(keys) for held in self._exact.values() for keys in held.values())
        )  # fmt: skip

    def count(self, kind: str) -> int:
        """How many different hashes of a kind there are."""
        if kind == "pdq":
            return len(self._pdq)
        if kind == "vpdq":
            return len(self._videos)
        return len(self._tlsh) if kind == "tlsh" else len(self._exact.get(kind, {}))

    def kinds(self) -> frozenset[str]:
        """The kinds of which there are items."""
        found = {kind for kind, held in self._exact.items() if held}
        return frozenset(found | {kind for kind in _NEAR if self.count(kind)})

    def describe(self, banks: Mapping[str, BankView]) -> None:
        """Take banks as they are set now. Raises ValueError for more than fit."""
        for name in banks:
            if name not in self._places:
                if len(self._names) >= 1 << _BANK_BITS:
                    raise ValueError(f"there may be {1 << _BANK_BITS:,} banks")
                self._places[name] = len(self._names)
                self._names.append(name)
        self.banks = dict(banks)

    def put(self, items: Iterable[Item], *, fresh: bool = False) -> None:
        """Add items, or take them as they are now. Their banks are described. `fresh`: none of them is there yet.

        An item that is there already is never away meanwhile: nobody may look it up in vain because it has been changed.
        """
        coming = iter(items)
        while chunk := list(islice(coming, CHUNK)):
            pdq = [
                (self._packed(item, form), value)
                for item in chunk
                if item.kind == "pdq"
                for form, value in (("", item.value), *item.variants)
            ]
            if pdq:
                hashes = np.frombuffer(bytes.fromhex("".join(value for _, value in pdq)), np.uint8)
                self._pdq.add([key for key, _ in pdq], hashes.reshape(-1, 32))
                if not fresh:
                    self._pdq.remove([key ^ 1 for key, _ in pdq])
            self._videos.put((self._packed(item), item.frames) for item in chunk if item.kind == "vpdq")
            for item in chunk:
                key = self._packed(item)
                if item.kind == "tlsh":
                    self._tlsh[key] = item.value
                    self._tlsh.pop(key ^ 1, None)
                    self._tlsh_changes += 1
                elif item.kind not in _NEAR:
                    held, digest = self._exact[item.kind], _key(item.kind, item.value)
                    others = (each for each in held.get(digest, ()) if each not in (key, key ^ 1))
                    held[digest] = (*others, key)

    def drop(self, items: Iterable[Item]) -> None:
        """Take items out, whatever they were; those that are not there are no error."""
        pdq: list[int] = []
        for item in items:
            key = self._packed(item)
            both = (key, key ^ 1)  # as a positive and as a negative one
            if item.kind == "pdq":
                for form in FORMS:
                    key = self._packed(item, form)
                    pdq += (key, key ^ 1)
            elif item.kind == "vpdq":
                self._videos.drop([key])
            elif item.kind == "tlsh":
                if any(self._tlsh.pop(each, None) is not None for each in both):
                    self._tlsh_changes += 1
            else:
                held, digest = self._exact[item.kind], _key(item.kind, item.value)
                left = tuple(each for each in held.get(digest, ()) if each not in both)
                if left:
                    held[digest] = left
                else:
                    held.pop(digest, None)
        if pdq:
            self._pdq.remove(pdq)

    def compact(self) -> None:
        """After a first load: what is asked often is in one piece."""
        self._pdq.compact()
        self._videos.compact()

    def look_up(self, media: Sequence[Sequence[tuple[str, str]]]) -> list[Found]:
        """What is known of each medium by its hashes, (kind, value) as `kinds.normal` writes them."""
        pdq = [value for hashes in media for kind, value in hashes if kind == "pdq"]
        reach = max((bank.pdq_distance for bank in self.banks.values()), default=0)
        near = dict(zip(pdq, self._pdq.query(pdq, reach), strict=True)) if pdq and len(self._pdq) else {}
        found = []
        for hashes in media:
            here: list[_Near] = []
            for kind, value in hashes:
                if kind == "vpdq":
                    here += self._near_videos(value, reach)
                    continue
                if kind == "pdq":
                    pairs = [(match.key, match.distance) for match in near.get(value, ())]
                elif kind == "tlsh":
                    pairs = self._near_tlsh(value)
                else:
                    pairs = [(key, 0) for key in self._exact.get(kind, {}).get(_key(kind, value), ())]
                here += [one for key, distance in pairs if (one := self._unpacked(key, kind, distance)) is not None]
            found.append(_settled(here))
        return found

    def _near_videos(self, value: str, reach: int) -> list[_Near]:
        """The videos that share enough with one, as `normal` writes it, for their banks."""
        frames = vpdq.telling(vpdq.read(value)) if len(self._videos) else []
        found = []
        for seen in self._videos.near(frames, reach, self._reach_of) if frames else ():
            one = self._unpacked(seen.key, "vpdq", seen.distance, seen.shares)
            if one is not None and all(
                share >= least for share, least in zip(seen.shares, one.bank.video_shares, strict=True)
            ):
                found.append(one)
        return found

    def _reach_of(self, key: int) -> int:
        bank = self._bank_of(key)
        return -1 if bank is None else bank.pdq_distance

    def _near_tlsh(self, value: str) -> list[tuple[int, int]]:
        if not self._tlsh:
            return []
        # The number is read first: rows made while an item arrives are of the change before, and are made anew.
        changes, rows = self._tlsh_changes, self._tlsh_rows
        if rows is None or rows[0] != changes:
            held = dict(self._tlsh)
            rows = self._tlsh_rows = (changes, list(held), tlsh.rows(list(held.values())))
        _, keys, digests = rows
        apart = tlsh.distances(value, digests)
        reach = max((bank.tlsh_distance for bank in self.banks.values()), default=0)
        return [(keys[at], int(apart[at])) for at in np.flatnonzero(apart <= reach).tolist()]

    def _packed(self, item: Item, form: str = "") -> int:
        key = item.number << _FORM_BITS | FORMS.index(form)
        key = key << _BANK_BITS | self._places[item.bank]
        return (key << _POINT_BITS | point(item.value)) << 1 | item.negative

    def _bank_of(self, key: int) -> BankView | None:
        """None for one that is gone."""
        return self.banks.get(self._names[key >> _POINT_BITS + 1 & (1 << _BANK_BITS) - 1])

    def _unpacked(self, key: int, kind: str, distance: int, shares: Shares | None = None) -> _Near | None:
        """None for an item that is too far for its bank, or whose bank is gone."""
        bank = self._bank_of(key)
        if bank is None or distance > bank.within(kind):
            return None
        negative, key = bool(key & 1), key >> 1
        place, key = key & (POINTS - 1), key >> _POINT_BITS + _BANK_BITS
        form, number = FORMS[key & (1 << _FORM_BITS) - 1], key >> _FORM_BITS
        return _Near(bank, number, kind, distance, negative, place < bank.ratio * POINTS, form, shares)


def _settled(near: Sequence[_Near]) -> Found:
    """What of the items near one medium counts. A negative bank settles it for all banks; a negative item for its bank,
    against items that are not nearer. One that only a canary holds back settles nothing."""
    nearest: dict[int, _Near] = {}
    for one in sorted(near, key=lambda one: (one.distance, one.item)):
        nearest.setdefault(one.item, one)  # it may be near several forms, or frames
    near = list(nearest.values())
    innocent = [one for one in near if one.bank.negative and not one.negative and one.enabled]
    cleared: dict[str, int] = {}
    for one in near:
        if one.negative and not one.bank.negative:
            cleared.setdefault(one.bank.name, one.distance)
    matches: list[Match] = []
    held_back: list[Match] = []
    for one in near:
        if one.bank.negative or one.negative:
            continue
        silent = bool(innocent) or one.distance >= cleared.get(one.bank.name, 1 << 30)
        why = "negative" if silent else "" if one.enabled else "canary"
        (held_back if why else matches).append(_match(one, why))
    excused = [_match(one, "") for one in near if one in innocent or (one.negative and not one.bank.negative)]
    return Found(matches, held_back, excused)


def _match(one: _Near, why: str) -> Match:
    return Match(one.bank.name, one.item, one.kind, one.distance, one.bank.categories, why, one.form, one.shares)


def _key(kind: str, value: str) -> bytes:
    return value.encode() if kind == "url" else bytes.fromhex(value)
