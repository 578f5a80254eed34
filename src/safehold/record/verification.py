"""Is the record whole? Every entry against its row, and the tree against every checkpoint ever signed.

`safehold ledger verify` and the console's ledger page call `verify_record`. It reads while others write: it needs no
frozen database, because a row, its entry and its transition are committed together and never change afterwards.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from django.db.models import Exists, OuterRef

from safehold.ledger.canonical import NotCanonical
from safehold.ledger.entry import entry_body, timestamp
from safehold.ledger.tiles import TileBuilder
from safehold.ledger.verify import Finding, LogCheck, SignedRoot
from safehold.record.guards import missing_guards
from safehold.record.log import known_keys
from safehold.record.models import Checkpoint, LedgerEntry, Tile, Tombstone
from safehold.record.moves import check_moves
from safehold.record.registry import RECORDED, RecordedModel

CHUNK = 1000
#: Findings kept; a record that was changed in more places than this is read in another way.
KEPT = 1000

#: Told (what is being done, how much of it is done, how much there is).
Progress = Callable[[str, int, int], None]
_Entry = tuple[int, str, str, datetime, str, bytes | memoryview]


@dataclass
class Report:
    """What was looked at and what was found. `erased` counts rows whose content was erased and has its tombstone."""

    entries: int = 0
    checkpoints: int = 0
    erased: int = 0
    found: int = 0
    findings: list[Finding] = field(default_factory=list)
    missing_guards: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return self.found == 0

    def add(self, findings: Iterator[Finding]) -> None:
        for finding in findings:
            self.found += 1
            if len(self.findings) < KEPT:
                self.findings.append(finding)


class _Head(msgspec.Struct):
    """What an entry says of itself."""

    kind: str
    id: str
    at: str


def verify_record(progress: Progress = lambda step, done, total: None) -> Report:
    """Read the whole record, in memory that does not grow with it, and report every difference found."""
    report = Report()
    total = LedgerEntry.objects.count()
    log = LogCheck(_signed_roots(), known_keys())
    tiles = _TileCheck()
    for chunk in _chunks():
        for index, _, _, _, body, leaf in chunk:
            report.add(log.take(index, body.encode(), bytes(leaf)))
            report.add(tiles.take(index, bytes(leaf)))
        report.add(_check_rows(chunk, report))
        report.entries += len(chunk)
        progress("Entries", report.entries, total)
    report.add(log.finish())
    report.checkpoints = log.checkpoints
    steps = [*((kind, _unrecorded(kind, known)) for kind, known in RECORDED.items()), ("moves", check_moves())]
    for done, (_, findings) in enumerate(steps, 1):
        report.add(findings)
        progress("Rows", done, len(steps))
    report.missing_guards = missing_guards()
    return report


def _chunks() -> Iterator[list[_Entry]]:
    after = -1
    while True:
        entries = LedgerEntry.objects.filter(index__gt=after).order_by("index")
        chunk = list(entries.values_list("index", "kind", "subject_id", "at", "body", "leaf_hash")[:CHUNK])
        if not chunk:
            return
        yield chunk
        after = chunk[-1][0]


def _signed_roots() -> Iterator[SignedRoot]:
    after = -1
    while True:
        rows = Checkpoint.objects.filter(size__gt=after).order_by("size").values_list("size", "root", "note")[:CHUNK]
        if not rows:
            return
        for size, root, note in rows:
            yield SignedRoot(size, bytes(root), note)
            after = size


class _TileCheck:
    """Compares each stored tile with the one that the entries make; a leaf that is not its own names its entry."""

    def __init__(self) -> None:
        self._builder = TileBuilder()
        self._covered = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0

    def take(self, index: int, leaf: bytes) -> Iterator[Finding]:
        missing = [
            self._stored_leaf(gone) for gone in range(self._builder.size, index)
        ]  # so that the rest stays in place
        for tile in self._builder.extend([*missing, leaf]):
            if self._builder.size > self._covered:
                continue  # no checkpoint needs it yet
            stored = Tile.objects.filter(level=tile.level, index=tile.index).values_list("hashes", "root").first()
            name = f"tile {tile.level}/{tile.index}"
            if stored is None:
                yield Finding(name, "is missing")
                continue
            hashes, root = map(bytes, stored)
            if tile.level == 0:
                for offset in range(256):
                    here = slice(offset * 32, offset * 32 + 32)
                    if hashes[here] != tile.hashes[here]:
                        yield Finding(
                            f"entry {tile.index * 256 + offset}", f"is not the one that {name} was built from"
                        )
            elif hashes != tile.hashes:
                yield Finding(name, "differs from what the entries below it make")
            if root != tile.root:
                yield Finding(name, "has another root than the entries make")

    def _stored_leaf(self, index: int) -> bytes:
        tile, offset = divmod(index, 256)
        hashes = Tile.objects.filter(level=0, index=tile).values_list("hashes", flat=True).first()
        return bytes(hashes)[offset * 32 : offset * 32 + 32] if hashes else bytes(32)


def _check_rows(chunk: list[_Entry], report: Report) -> Iterator[Finding]:
    by_kind: dict[str, list[_Entry]] = defaultdict(list)
    for entry in chunk:
        by_kind[entry[1]].append(entry)
    for kind, entries in by_kind.items():
        if (known := RECORDED.get(kind)) is None:
            for index, *_ in entries:
                yield Finding(f"entry {index}", f"is of kind {kind!r}, which nothing in this installation declares")
            continue
        yield from _check_rows_of(known, entries, report)


def _check_rows_of(known: RecordedModel, entries: list[_Entry], report: Report) -> Iterator[Finding]:
    spec, ids = known.spec, [entry[2] for entry in entries]
    columns = [*spec.fields, "salt"]
    found = known.model._base_manager.filter(**{f"{spec.id}__in": ids}).values_list(*columns)
    rows = {row[spec.id]: row for row in (dict(zip(columns, values, strict=True)) for values in found)}
    without_salt = [row_id for row_id in ids if row_id not in rows or not rows[row_id]["salt"]]
    erased = set(
        Tombstone.objects.filter(of_kind=spec.kind, of_id__in=without_salt).values_list("of_id", flat=True)
        if without_salt
        else ()
    )
    for index, _, row_id, at, body, _ in entries:
        name = f"{spec.kind} {row_id}"
        if row_id in erased:
            report.erased += 1
            yield from _check_head(index, spec.kind, row_id, at, body)
        elif row_id not in rows:
            yield Finding(name, f"is gone from {known.model._meta.db_table}, and no tombstone says why (entry {index})")
        elif not (row := rows[row_id])["salt"]:
            yield Finding(name, f"was erased, and no tombstone says why (entry {index})")
        elif _body(known, row) != body.encode():
            yield Finding(name, f"differs from entry {index}: a row of {known.model._meta.db_table} was changed")
        elif at != row[spec.at]:
            yield Finding(f"entry {index}", "has another time in its column than in its text")


def _check_head(index: int, kind: str, row_id: str, at: datetime, body: str) -> Iterator[Finding]:
    """An erased row's entry can only be compared with its own columns."""
    try:
        head = msgspec.json.decode(body, type=_Head)
    except msgspec.DecodeError:
        yield Finding(f"entry {index}", "is no entry of the ledger")
        return
    if (head.kind, head.id, head.at) != (kind, row_id, timestamp(at)):
        yield Finding(f"entry {index}", "has other columns than its text says")


def _body(known: RecordedModel, row: dict[str, object]) -> bytes | None:
    """The entry the stored row makes now; None if it can't make one any more (a salt that is none, a NaN)."""
    try:
        return entry_body(known.spec, row, str(row["salt"]))
    except (NotCanonical, ValueError):
        return None


def _unrecorded(kind: str, known: RecordedModel) -> Iterator[Finding]:
    """Rows that somebody put in behind the ledger's back."""
    entries = LedgerEntry.objects.filter(kind=kind, subject_id=OuterRef(known.spec.id))
    for row_id in known.model._base_manager.filter(~Exists(entries)).values_list(known.spec.id, flat=True).iterator():
        yield Finding(f"{kind} {row_id}", f"has no entry: it was put into {known.model._meta.db_table} past the ledger")
