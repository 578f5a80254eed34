"""A table: an immutable set of entries of one kind, in flat arrays that lie in memory or in a file mapped into it.

`make_table` packs entries, `save` and `load` are the file's two ends: processes of one machine that load the same file
share its memory. A table finds the entries an item matches; whether they hold at some time is asked per position.
"""

import mmap
import os
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec

from safehold.engine.lists import keys, ranges
from safehold.engine.lists.entry import KINDS, Entry, Origin, nanoseconds
from safehold.engine.lists.lookups import All, Has, depths_of, digest_text, digests, endings, key_of, suffixes, texts
from safehold.engine.lists.patterns import Patterns
from safehold.engine.lists.ranges import Ranges

#: What a table's file is like; a file of another format has to be packed anew.
FORMAT = 3
_MAGIC = b"safehold list %d\n" % FORMAT
#: Up to so many entries a dict is kept beside the arrays: it answers sooner and costs little. A table that is loaded is
#: replaced while events are decided, and a large dict takes its time to go.
SMALL, SMALL_LOADED = 1 << 16, 1 << 12
#: Bytes that are copied at once: other threads wait meanwhile.
_AT_ONCE = 1 << 20
_origin = msgspec.json.Decoder(Origin)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Head(msgspec.Struct):
    """What a table's file says at its start. `columns`: name -> (type code, offset behind the head, bytes); `depths` are the
    numbers of labels that the domains in it have, `widest` the bytes of the longest bucket of keys."""

    kind: str
    fold: bool
    count: int
    depths: list[int]
    widest: int
    columns: dict[str, tuple[str, int, int]]


class _Columns:
    """The arrays of a table: columns of numbers by name, and the bytes that a column is: where, from which place on, how many."""

    def __init__(
        self, head: _Head, numbers: dict[str, keys.Numbers], mapped: keys.Blob | None = None, base: int = 0
    ) -> None:
        self.head, self.numbers, self._mapped, self._base = head, numbers, mapped, base

    def bytes_of(self, name: str) -> tuple[keys.Blob, int, int]:
        _, offset, length = self.head.columns[name]
        if self._mapped is None:
            return cast(keys.Blob, self.numbers[name]), 0, length
        return self._mapped, self._base + offset, length


class Table:
    """Entries by position, 0 to `len(table) - 1`. `has` and `all` say what an item matches, expired entries included.

    `plain` is true when no entry expires and none is an exception: then `has(item)` is the whole answer.
    """

    def __init__(self, columns: _Columns, small: int) -> None:
        head, numbers = columns.head, columns.numbers
        self.kind, self.fold = head.kind, head.fold
        self._head = head
        self._expires, self._allows = numbers["expires"], numbers["allows"]
        self._origin_of = numbers["origin_of"]
        self._origin_starts = numbers["origin_starts"]
        self._origins = keys.Texts(*columns.bytes_of("origins")[:2], self._origin_starts)
        self.plain = not len(self._expires) and not len(self._allows)
        self._numbers: dict[bytes, int] | None = None  # of patterns, when somebody asks
        self._texts: keys.Texts | keys.Keys
        self._find: Callable[[bytes], int | None]
        self.has: Has
        self.all: All
        blob, base, length = columns.bytes_of("blob")
        if head.kind in ("cidr", "regex_set"):
            self._texts = keys.Texts(blob, base, numbers["starts"])
            found: Ranges | Patterns = Ranges(numbers) if head.kind == "cidr" else Patterns(self._patterns())
            self._find, self.has, self.all = self._search, found.has, found.all
            return
        index = keys.Keys(blob, base, length, numbers["starts"], numbers["firsts"], head.count)
        self._texts, self._find, has_at = index, index.find, index.has_at
        if not (large := head.count > small):
            known = {keys.line(key): at for at, key in enumerate(index)}
            self._find, has_at = known.get, lambda wanted, _: wanted in known
        if head.kind == "domain_suffix":
            marks, first, size = columns.bytes_of("marks")
            at = keys.Marks(marks, first, 33 - size.bit_length())
            self.has, self.all = suffixes(self._find, index.within(head.widest) if large else has_at, head.depths, at)
        elif head.kind == "hash":
            self.has, self.all = digests(self._find, has_at)
        else:
            self.has, self.all = texts(self._find, has_at, head.fold)

    def _patterns(self) -> list[str]:
        return [text.decode() for text in self._texts]

    def __len__(self) -> int:
        return self._head.count

    @property
    def size(self) -> int:
        """The bytes of the arrays, in memory or in the mapped file."""
        return sum(length for _, _, length in self._head.columns.values())

    def value(self, position: int) -> str:
        """The entry's value in normal form."""
        stored = self._texts[position]
        return digest_text(stored) if self.kind == "hash" else stored.decode()

    def values(self) -> list[str]:
        """The values of all entries, by position."""
        decode = digest_text if self.kind == "hash" else bytes.decode
        return list(map(decode, self._texts))

    def entry(self, position: int) -> Entry:
        origin = self._origin(self._origin_of[position])
        return Entry(
            value=self.value(position),
            allow=self.allows(position),
            expires_at=self.expires_at(position),
            source=origin.source,
            added_at=origin.added_at,
        )

    def _origin(self, number: int) -> Origin:
        return _origin.decode(self._origins[number])

    @property
    def origins(self) -> Iterator[Origin]:
        """Where the entries come from, each once."""
        return map(self._origin, range(len(self._origin_starts) - 1))

    def __iter__(self) -> Iterator[Entry]:
        return map(self.entry, range(len(self)))

    def allows(self, position: int) -> bool:
        """Whether the entry is an exception."""
        return bool(len(self._allows) and self._allows[position])

    def expired(self, position: int, now: int) -> bool:
        """Whether the entry holds no longer at `now`, in nanoseconds since 1970."""
        return bool(len(self._expires)) and 0 != self._expires[position] <= now

    def expires_at(self, position: int) -> datetime | None:
        nanoseconds = self._expires[position] if len(self._expires) else 0
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000) if nanoseconds else None

    def position(self, value: str) -> int | None:
        """Where an entry with this value in normal form stands."""
        return self._find(keys.line(key_of(self.kind, value)))

    def _search(self, wanted: bytes) -> int | None:
        """Of kinds whose positions follow another order than their keys'."""
        if self.kind == "cidr":
            address = wanted[:-1].partition(b"/")[0].decode()
            return next((at for at in self.all(address) if self._texts[at] == wanted[:-1]), None)
        if self._numbers is None:
            self._numbers = {keys.line(self._texts[at]): at for at in range(len(self))}
        return self._numbers.get(wanted)


def make_table(kind: str, entries: Iterable[Entry], *, fold: bool = False) -> Table:
    """Pack entries whose values are in normal form. Of several with one value an exception stays, else the one that holds
    longest. Raises ValueError for a kind that there isn't."""
    head, columns = _packed(kind, entries, fold)
    return Table(_Columns(head, columns), SMALL)


def save(kind: str, entries: Iterable[Entry], path: Path, *, fold: bool = False) -> int:
    """Write the table of these entries as a file, whole or not at all; how many there are."""
    head, columns = _packed(kind, entries, fold)
    encoded = msgspec.json.encode(head)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    with partial.open("wb") as file:
        file.write(_MAGIC + struct.pack("<Q", len(encoded)) + encoded)
        file.write(bytes(-file.tell() % 8))
        for name in head.columns:
            file.write(memoryview(columns[name]).cast("B") if len(columns[name]) else b"")
            file.write(bytes(-file.tell() % 8))
    partial.replace(path)
    return head.count


def load(path: Path) -> Table:
    """Map a table's file into memory. Raises ValueError for a file that is none."""
    with path.open("rb") as file:
        start = file.read(len(_MAGIC) + 8)
        if len(start) < len(_MAGIC) + 8 or not start.startswith(_MAGIC):
            raise ValueError(f"{path} is no table of a list")
        size = struct.unpack("<Q", start[len(_MAGIC) :])[0]
        head = msgspec.json.decode(file.read(size), type=_Head)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    first = len(start) + size
    first += -first % 8
    view = memoryview(mapped)
    numbers: dict[str, keys.Numbers] = {}
    for name, (code, offset, length) in head.columns.items():
        part = view[first + offset : first + offset + length]
        # What every lookup reads is taken out of the file: an array is read twice as fast as a view, and these are short.
        numbers[name] = _copied(code, part) if name in _HOT else part.cast(code)  # type: ignore[call-overload]
    return Table(_Columns(head, numbers, cast(keys.Blob, mapped), first), SMALL_LOADED)


def _copied(code: str, part: memoryview) -> "array[int]":
    numbers: array[int] = array(code)
    for start in range(0, len(part), _AT_ONCE):
        numbers.frombytes(part[start : start + _AT_ONCE])
    return numbers


_HOT = frozenset({"starts", "firsts", "leading"})


def _packed(kind: str, entries: Iterable[Entry], fold: bool) -> tuple[_Head, dict[str, Any]]:
    """The head and the columns of a table."""
    if kind not in KINDS:
        raise ValueError(f"`{kind}` is not a kind of list; one of: {', '.join(KINDS)}")
    rows, columns = _indexed(kind, _distinct(entries))
    origins: dict[Origin, int] = {}
    numbers = [origins.setdefault(Origin(row.source, row.added_at), len(origins)) for row in rows]
    columns["origin_of"] = array("B" if len(origins) < 1 << 8 else "I", numbers)
    packed = keys.pack_texts([msgspec.json.encode(origin) for origin in origins])
    columns["origins"], columns["origin_starts"] = packed["blob"], packed["starts"]
    ends = [nanoseconds(row.expires_at) for row in rows]
    columns["expires"] = array("q", ends if any(ends) else [])
    columns["allows"] = bytes(row.allow for row in rows) if any(row.allow for row in rows) else b""
    depths: list[int] = []
    if kind == "domain_suffix":
        depths = depths_of([row.value for row in rows])
        columns["marks"] = keys.pack_marks((endings(row.value, depths[0]) for row in rows if depths), len(rows))
    described: dict[str, tuple[str, int, int]] = {}
    offset = 0
    for name, values in columns.items():
        length = len(values) * (values.itemsize if isinstance(values, array) else 1)
        described[name] = (values.typecode if isinstance(values, array) else "B", offset, length)
        offset += length + -length % 8
    widest = keys.widest(columns["starts"]) if "firsts" in columns else 0
    return _Head(kind, fold, len(rows), depths, widest, described), columns


def _indexed(kind: str, rows: list[Entry]) -> tuple[list[Entry], dict[str, Any]]:
    """The entries in the order of their positions, and the columns by which they are found."""
    if kind == "cidr":
        spans = [ranges.span_of(row.value) for row in rows]
        order = ranges.in_order(spans)
        index = ranges.pack_ranges([spans[number] for number in order])
        return [rows[number] for number in order], index | keys.pack_texts([rows[at].value.encode() for at in order])
    if kind == "regex_set":
        rows = sorted(rows, key=lambda row: row.value)
        return rows, dict(keys.pack_texts([row.value.encode() for row in rows]))
    found = [key_of(kind, row.value) for row in rows]
    order, spilled = keys.in_order(found)
    return [rows[number] for number in order], dict(keys.pack_keys([found[number] for number in order], spilled))


def _distinct(entries: Iterable[Entry]) -> list[Entry]:
    known: dict[str, Entry] = {}
    for entry in entries:
        before = known.setdefault(entry.value, entry)
        if before is not entry and _lasts(entry) > _lasts(before):
            known[entry.value] = entry
    return list(known.values())


def _lasts(entry: Entry) -> tuple[bool, bool, datetime]:
    return entry.allow, entry.expires_at is None, entry.expires_at or _EPOCH
