"""The list that a policy asks: what its files say and, for a managed one, what the database says, as of a version.

The engine keeps one PolicyList for as long as it lives; new contents are put in with one assignment (`contents`), between
two events, so that one event sees one version of a list.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

from safehold.engine.lists.entry import Entry, Match, Origin, over
from safehold.engine.lists.past import Past
from safehold.engine.lists.table import SMALL, Table

#: Characters of an item that a match repeats: it is often a whole message that has a pattern.
SHOWN = 300


class Clock(Protocol):
    """Whoever knows the event's time, in nanoseconds since 1970: the Reading of an event."""

    @property
    def now(self) -> int: ...


class Layer(msgspec.Struct, frozen=True):
    """A table, and the positions in it that count no longer because a later layer says otherwise. With a `past` the table only
    says which values were ever in effect; when, and what was known of them then, is the past's."""

    table: Table
    gone: frozenset[int] = frozenset()
    past: Past | None = None

    def entry(self, position: int, now: int | None) -> Entry | None:
        """The entry that counts at a time; without `now`, expired or not."""
        if position in self.gone or (now is not None and self.table.expired(position, now)):
            return None
        if self.past is None:
            return self.table.entry(position)
        found = self.past.entry(position, now)
        return None if found is None or (now is not None and over(found, now)) else found

    def counts(self, position: int, now: int | None) -> bool | None:
        """Whether the entry counts at a time, without making it: None for an exception that does."""
        if self.past is not None:
            found = self.entry(position, now)
            return None if found is not None and found.allow else found is not None
        if position in self.gone or (now is not None and self.table.expired(position, now)):
            return False
        return None if self.table.allows(position) else True


class Contents:
    """What a list holds at one version: an immutable stack of layers. `holds(item, clock)` is whether an item is in it at the
    clock's time; what is no text never is."""

    __slots__ = ("holds", "layers", "timeless", "version")

    def __init__(self, layers: tuple[Layer, ...], version: str = "") -> None:
        self.layers = tuple(layer for layer in layers if len(layer.table))
        self.version = version
        #: Whether neither time nor exceptions nor later layers matter.
        self.timeless = all(layer.table.plain and not layer.gone and not layer.past for layer in self.layers)
        self.holds: Callable[[Any, Clock], bool] = self._test()

    def __len__(self) -> int:
        return sum(len(layer.table) - len(layer.gone) for layer in self.layers)

    def _test(self) -> Callable[[Any, Clock], bool]:
        tests: list[Callable[..., bool]] = [layer.table.has for layer in self.layers]
        place = self._place

        def is_in_one(item: Any, _: Clock) -> bool:
            for test in tests:  # noqa: SIM110 - `any` takes twice as long
                if test(item):
                    return True
            return False

        def is_in_now(item: Any, clock: Clock) -> bool:
            for number, test in enumerate(tests):
                if test(item):
                    return place(item, clock.now, number) is not None
            return False

        if not self.timeless:
            return is_in_now
        return tests[0] if len(tests) == 1 else is_in_one

    def find(self, item: str, now: int | None) -> Entry | None:
        """The entry that puts the item into the list, the most specific one; None if none does or an exception keeps it
        out. Without `now` entries that have expired count."""
        found = self._place(item, now)
        return found[0].entry(found[1], now) if found is not None else None

    def _place(self, item: str, now: int | None, first: int = 0) -> tuple[Layer, int] | None:
        """In the layers from `first` on: those before it are known not to match the item."""
        found: tuple[Layer, int] | None = None
        for layer in self.layers[first:]:
            for position in layer.table.all(item):
                counts = layer.counts(position, now)
                if counts is None:
                    return None
                if counts and found is None:
                    found = layer, position
        return found

    def entries(self) -> Iterator[Entry]:
        """All entries, in no order."""
        for layer in self.layers:
            for position in range(len(layer.table)):
                entry = layer.entry(position, None)
                if entry is not None:
                    yield entry


class PolicyList:
    """`item in list` for one of the kinds; `seeds` are the entries of its files.

    A managed list has the database's entries besides; until they are put in, the seeds are all it knows (`loaded`).
    """

    is_policy_list = True

    def __init__(
        self, name: str, seeds: Table, *, managed: bool = False, title: str = "", source: str = "", licence: str = "",
        description: str = "",
    ) -> None:  # fmt: skip
        self.name, self.kind, self.fold = name, seeds.kind, seeds.fold
        self.managed, self.title, self.source, self.licence = managed, title, source, licence
        self.description = description
        self.seeds = seeds
        self.loaded = not managed
        #: Whether an item, a text, is in the list at a clock's time: of the contents, which generated code asks directly.
        self.holds: Callable[[Any, Clock], bool]
        self._contain(Contents((Layer(seeds),)))
        #: The entries as a set, where looking into it is all there is to a lookup: what generated code asks directly.
        self.plain: frozenset[str] | None = None
        if self.kind == "exact" and not self.fold and not managed and seeds.plain and len(seeds) <= SMALL:
            self.plain = frozenset(seeds.values())
        self._bare = self.plain is not None and all(origin == Origin() for origin in seeds.origins)

    @property
    def contents(self) -> Contents:
        return self._contents

    @property
    def version(self) -> str:
        """Which state of the database's entries is in force; empty for a list that is all in files."""
        return self._contents.version

    def put(self, layers: tuple[Layer, ...], version: str) -> None:
        """Let these be the database's entries from now on. Raises ValueError for a list that is not managed."""
        if not self.managed:
            raise ValueError(f"the list `{self.name}` is not managed: its entries are in its files")
        self._contain(Contents((Layer(self.seeds), *layers), version))
        self.loaded = True

    def afresh(self) -> "PolicyList":
        """The same declaration, with no more than what its files say."""
        return PolicyList(
            self.name, self.seeds, managed=self.managed, title=self.title, source=self.source, licence=self.licence,
            description=self.description,
        )  # fmt: skip

    def _contain(self, contents: Contents) -> None:
        self._contents = contents
        self.holds = contents.holds

    def at(self, now: int) -> "AsOf":
        """The list at a time, in nanoseconds since 1970: something that `in` can be asked of."""
        return AsOf(self, now)

    def match(self, item: Any, now: int | None) -> Match | None:
        """How the item is in the list, for people to read; a long item is cut."""
        if not isinstance(item, str):
            return None
        if self._bare and self.plain is not None:  # nothing more is known of an entry than that it is one
            if item not in self.plain:
                return None
            return Match(list=self.name, item=_cut(item), entry=item, source=self.source)
        contents = self._contents
        entry = contents.find(item, now)
        if entry is None:
            return None
        return Match(
            list=self.name,
            item=_cut(item),
            entry=entry.value,
            source=entry.source or self.source,
            added_at=entry.added_at,
            expires_at=entry.expires_at,
            version=contents.version,
        )

    def __contains__(self, item: object) -> bool:
        """Without regard to time: entries that have expired count."""
        return isinstance(item, str) and self._contents.find(item, None) is not None

    def __len__(self) -> int:
        return len(self._contents)

    @property
    def entries(self) -> frozenset[str]:
        """The values of all entries that are no exceptions."""
        return frozenset(entry.value for entry in self._contents.entries() if not entry.allow)

    def digest(self) -> str:
        """SHA-256 of what the files say: the kind and the sorted entries. It is part of the bundle's hash."""
        lines = sorted(self.seeds.values() if self.seeds.plain else map(_line, self.seeds))
        head = [self.kind, *(["fold"] if self.fold else []), *(["managed"] if self.managed else [])]
        return hashlib.sha256("\n".join((*head, *lines)).encode()).hexdigest()


class AsOf:
    """A list at one time. `found` collects the matches, for whoever explains."""

    __slots__ = ("_list", "_now", "found")

    is_policy_list = True

    def __init__(self, policy_list: PolicyList, now: int, found: list[Match] | None = None) -> None:
        self._list, self._now, self.found = policy_list, now, found

    def noting(self, found: list[Match]) -> "AsOf":
        """The same, adding each match to `found`."""
        return AsOf(self._list, self._now, found)

    def __contains__(self, item: object) -> bool:
        match = self._list.match(item, self._now)
        if match is not None and self.found is not None:
            self.found.append(match)
        return match is not None


def _cut(item: str) -> str:
    return item if len(item) <= SHOWN else item[: SHOWN - 1] + "…"


def _line(entry: Entry) -> str:
    """An entry as the digest sees it: its value, and what else can change an answer, only where there is something."""
    marks = ["allow"] if entry.allow else []
    marks += [entry.expires_at.isoformat()] if entry.expires_at else []
    return "\t".join((entry.value, *marks))
