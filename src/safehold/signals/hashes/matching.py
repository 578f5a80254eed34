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
from safehold.signals.media.index import PdqIndex

_POINT_BITS, _BANK_BITS = 12, 10
#: Kinds of which what is near counts too; of all others only what is the same.
_NEAR = frozenset({"pdq", "tlsh"})
#: Items that are put onto the shelf at once.
CHUNK = 50_000


class Item(NamedTuple):
    """An item of a bank that counts. `negative`: what is near it is no match of its bank."""

    number: int
    bank: str
    kind: str
    value: str
    negative: bool = False


class BankView(NamedTuple):
    """What matching asks of a bank. `ratio` is the share of its hashes that count."""

    name: str
    negative: bool
    ratio: float
    categories: tuple[str, ...]
    pdq_distance: int
    tlsh_distance: int
    number: int
    version: str

    def within(self, kind: str) -> int:
        """How far a hash of this kind may be from an item."""
        return {"pdq": self.pdq_distance, "tlsh": self.tlsh_distance}.get(kind, 0)


class Match(NamedTuple):
    """An item that is near a hash. `why` is empty for one that counts, else `canary` or `negative`."""

    bank: str
    item: int
    kind: str
    distance: int
    categories: tuple[str, ...]
    why: str = ""


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


class Shelf:
    """The items of all banks. `ready` is false until all of them are there: then nobody may say that nothing matches."""

    def __init__(self) -> None:
        self.ready = False
        self.banks: Mapping[str, BankView] = {}
        self._places: dict[str, int] = {}
        self._names: list[str] = []
        self._pdq = PdqIndex()
        # All kinds from the beginning: who asks goes through it while somebody else fills it.
        self._exact: dict[str, dict[bytes, tuple[int, ...]]] = {kind: {} for kind in KINDS if kind not in _NEAR}
        self._tlsh: dict[int, str] = {}
        self._tlsh_changes = 0
        #: Of which change they are, the items, and their digests in rows.
        self._tlsh_rows: tuple[int, list[int], tlsh.Bytes] | None = None

    def __len__(self) -> int:
        return (
            len(self._pdq) + len(self._tlsh) + sum(len(keys) for held in self._exact.values() for keys in held.values())
        )

    def count(self, kind: str) -> int:
        """How many different hashes of a kind there are."""
        if kind == "pdq":
            return len(self._pdq)
        return len(self._tlsh) if kind == "tlsh" else len(self._exact.get(kind, {}))

    def kinds(self) -> frozenset[str]:
        """The kinds of which there are items."""
        found = {kind for kind, held in self._exact.items() if held}
        found |= {"pdq"} if len(self._pdq) else set()
        return frozenset(found | ({"tlsh"} if self._tlsh else set()))

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
            pdq = [item for item in chunk if item.kind == "pdq"]
            if pdq:
                hashes = np.frombuffer(bytes.fromhex("".join(item.value for item in pdq)), np.uint8)
                keys = [self._packed(item) for item in pdq]
                self._pdq.add(keys, hashes.reshape(-1, 32))
                if not fresh:
                    self._pdq.remove([key ^ 1 for key in keys])
            for item in chunk:
                key = self._packed(item)
                if item.kind == "tlsh":
                    self._tlsh[key] = item.value
                    self._tlsh.pop(key ^ 1, None)
                    self._tlsh_changes += 1
                elif item.kind != "pdq":
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
                pdq += both
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

    def look_up(self, media: Sequence[Sequence[tuple[str, str]]]) -> list[Found]:
        """What is known of each medium by its hashes, (kind, value) as `kinds.normal` writes them."""
        pdq = [value for hashes in media for kind, value in hashes if kind == "pdq"]
        reach = max((bank.pdq_distance for bank in self.banks.values()), default=0)
        near = dict(zip(pdq, self._pdq.query(pdq, reach), strict=True)) if pdq and len(self._pdq) else {}
        found = []
        for hashes in media:
            here: list[_Near] = []
            for kind, value in hashes:
                if kind == "pdq":
                    pairs = [(match.key, match.distance) for match in near.get(value, ())]
                elif kind == "tlsh":
                    pairs = self._near_tlsh(value)
                else:
                    pairs = [(key, 0) for key in self._exact.get(kind, {}).get(_key(kind, value), ())]
                here += [one for key, distance in pairs if (one := self._unpacked(key, kind, distance)) is not None]
            found.append(_settled(here))
        return found

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

    def _packed(self, item: Item) -> int:
        key = item.number << _BANK_BITS | self._places[item.bank]
        return (key << _POINT_BITS | point(item.value)) << 1 | item.negative

    def _unpacked(self, key: int, kind: str, distance: int) -> _Near | None:
        """None for an item that is too far for its bank, or whose bank is gone."""
        negative, key = bool(key & 1), key >> 1
        place, key = key & (POINTS - 1), key >> _POINT_BITS
        bank = self.banks.get(self._names[key & ((1 << _BANK_BITS) - 1)])
        if bank is None or distance > bank.within(kind):
            return None
        return _Near(bank, key >> _BANK_BITS, kind, distance, negative, place < bank.ratio * POINTS)


def _settled(near: Sequence[_Near]) -> Found:
    """What of the items near one medium counts. A negative bank settles it for all banks; a negative item for its bank,
    against items that are not nearer. One that only a canary holds back settles nothing."""
    near = sorted(near, key=lambda one: (one.distance, one.item))
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
    return Match(one.bank.name, one.item, one.kind, one.distance, one.bank.categories, why)


def _key(kind: str, value: str) -> bytes:
    return value.encode() if kind == "url" else bytes.fromhex(value)
