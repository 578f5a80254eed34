"""One sorted, unchanging part of a PdqIndex: the hashes, and sixteen tables that find neighbours without looking at all.

A hash of 256 bits is cut into a ring of 16 chunks of 16 bits. If two hashes differ in at most 31 bits, then from some
chunk on around the ring every run of chunks differs in no more than its share: that chunk in at most 31/16 bits, so
one, and that chunk with the one after it in at most 2 * 31/16, so three. (Start after the chunk where the differences
seen so far stand furthest above their share.) So each table holds its rows by the value of one chunk, and beside each
row the value of the chunk after it. A query looks into the 17 buckets of each table that are at most one bit away, drops
the rows whose next chunk is too far, which is all but one in 200, and compares what is left in full.
"""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]  # (n, 4)
Rows = npt.NDArray[np.int64]

CHUNKS = 16
BUCKETS = 1 << 16
#: The greatest distance at which the tables find everything. Further away, all hashes are looked at.
REACH = 31
#: Rows that one step of a query looks at together: some MB, however many queries were asked at once.
_TOGETHER = 1 << 18

#: Rows that need no tables: to look at all of them takes 15 microseconds.
FEW = 1024

_FLIPS = np.concatenate([[0], 1 << np.arange(16)]).astype(np.uint16)
_AFTER = np.arange(1, CHUNKS + 1) % CHUNKS
_TABLES = (np.arange(CHUNKS) * (BUCKETS + 1))[:, None]


class Near(NamedTuple):
    """Neighbours, as three arrays of one length: which query, which key, how many bits apart."""

    queries: Rows
    keys: Keys
    distances: Rows

    @classmethod
    def none(cls) -> Self:
        empty = np.empty(0, np.int64)
        return cls(empty, empty, empty)


class Probes(NamedTuple):
    """Where queries look, the same in every segment: the buckets that are near enough, and each query's chunk after them."""

    queries: Hashes  # (m, 4)
    distance: int
    each: int  # buckets of one chunk: its own, and those one bit away
    buckets: Rows  # (m, 16 * each)
    nexts: npt.NDArray[np.uint16]  # (m, 16 * each)

    @classmethod
    def of(cls, queries: Hashes, distance: int) -> Self:
        flips = _FLIPS if distance >= CHUNKS else _FLIPS[:1]
        chunks = queries.view(np.uint16)
        buckets = ((chunks[:, :, None] ^ flips) + _TABLES).reshape(len(queries), -1)
        return cls(queries, distance, len(flips), buckets, chunks[:, _AFTER].repeat(len(flips), axis=1))

    def some(self, which: Rows | slice) -> Self:
        """Those of some of the queries."""
        return self._replace(queries=self.queries[which], buckets=self.buckets[which], nexts=self.nexts[which])


class Segment(NamedTuple):
    """Rows in the order of their keys, each key once; nothing in it is ever changed. A few rows have no tables."""

    keys: Keys  # (n), ascending
    hashes: Hashes  # (n, 4)
    alive: npt.NDArray[np.bool_]  # (n): False for a row that was taken out
    rows: npt.NDArray[np.uint32]  # (16 * n): each table's rows, by chunk
    nexts: npt.NDArray[np.uint16]  # (16 * n): the chunk after that one, of the same row
    offsets: npt.NDArray[np.uint32]  # (16 * 65537): where each bucket begins in its table

    @classmethod
    def build(cls, keys: Keys, hashes: Hashes) -> Self:
        """Sort rows into tables: about half a second for a million. Keys must ascend."""
        n = len(keys)
        alive = np.ones(n, np.bool_)
        if n <= FEW:
            return cls(keys, hashes, alive, np.empty(0, np.uint32), np.empty(0, np.uint16), np.empty(0, np.uint32))
        chunks = np.ascontiguousarray(hashes).view(np.uint16).reshape(n, CHUNKS)
        rows = np.empty(CHUNKS * n, np.uint32)
        nexts = np.empty(CHUNKS * n, np.uint16)
        offsets = np.zeros(CHUNKS * (BUCKETS + 1), np.uint32)
        for table in range(CHUNKS):
            column = np.ascontiguousarray(chunks[:, table])
            order = np.argsort(column, kind="stable")  # a radix sort for 16 bits
            here = slice(table * n, (table + 1) * n)
            rows[here] = order
            nexts[here] = chunks[:, (table + 1) % CHUNKS][order]
            ends = offsets[table * (BUCKETS + 1) : (table + 1) * (BUCKETS + 1)]
            np.cumsum(np.bincount(column, minlength=BUCKETS), out=ends[1:])
        return cls(keys, hashes, alive, rows, nexts, offsets)

    @property
    def living(self) -> int:
        """How many rows were not taken out."""
        return int(np.count_nonzero(self.alive))

    @property
    def bytes(self) -> int:
        """What the arrays take."""
        return sum(array.nbytes for array in self)

    def without(self, keys: Keys) -> Self:
        """The same segment with the rows of these keys taken out; itself if it has none of them."""
        at = self.keys.searchsorted(keys)
        at = at[at < len(self.keys)]
        at = at[self.alive[at] & np.isin(self.keys[at], keys)]
        if not len(at):
            return self
        alive = self.alive.copy()
        alive[at] = False
        return self._replace(alive=alive)

    def near(self, probes: Probes) -> Near:
        """All living rows near enough to a query."""
        if probes.distance > REACH or not len(self.rows):
            return self._scan(probes.queries, probes.distance)
        starts, counts = self._ranges(probes)
        each = counts.sum(axis=1)
        most = len(self.keys)
        if len(each) == 1 and each[0] <= most:
            return self._look(probes, starts, counts)
        many = each > most  # hashes that pile up in few buckets: looking at all of them once is cheaper
        if not many.any():
            return self._in_steps(probes, starts, counts, each)
        few = np.flatnonzero(~many)
        some = self._in_steps(probes.some(few), starts[few], counts[few], each[few])
        crowded = np.flatnonzero(many)
        rest = self._scan(probes.queries[crowded], probes.distance)
        return together([some._replace(queries=few[some.queries]), rest._replace(queries=crowded[rest.queries])])

    def _ranges(self, probes: Probes) -> tuple[Rows, Rows]:
        """Where each bucket begins among all tables' rows, and how many rows are in it."""
        starts = self.offsets.take(probes.buckets).astype(np.int64)
        counts = self.offsets.take(probes.buckets + 1) - starts
        tables = np.arange(CHUNKS).repeat(probes.each) * len(self.keys)
        return starts + tables, counts

    def _in_steps(self, probes: Probes, starts: Rows, counts: Rows, each: Rows) -> Near:
        if int(each.sum()) <= _TOGETHER:
            return self._look(probes, starts, counts)
        found = []
        for begin, end in _steps(each):
            here = slice(begin, end)
            part = self._look(probes.some(here), starts[here], counts[here])
            found.append(part._replace(queries=part.queries + begin))
        return together(found)

    def _look(self, probes: Probes, starts: Rows, counts: Rows) -> Near:
        """Look at the rows of these buckets."""
        flat = counts.ravel()
        ends = flat.cumsum()
        at = (starts.ravel() - ends + flat).repeat(flat)
        at += np.arange(len(at))
        bits = np.bitwise_count(self.nexts.take(at) ^ probes.nexts.ravel().repeat(flat))
        share = 2 * probes.distance // CHUNKS
        close = (bits <= share).nonzero()[0]
        if not len(close):
            return Near.none()
        probe = ends.searchsorted(close, "right")
        enough = bits[close] + (probe % probes.each > 0) <= share  # a flipped bit is a difference too
        close, query = close[enough], probe[enough] // starts.shape[1]
        if not len(close):
            return Near.none()
        rows = self.rows[at[close]].astype(np.int64)
        distances = _distances(self.hashes[rows], probes.queries[query])
        kept = ((distances <= probes.distance) & self.alive[rows]).nonzero()[0]
        if len(kept) > 1:  # the same row comes through every chunk that is near enough
            kept = kept[np.unique(query[kept] * len(self.keys) + rows[kept], return_index=True)[1]]
        return Near(query[kept], self.keys[rows[kept]], distances[kept])

    def _scan(self, queries: Hashes, distance: int) -> Near:
        """Compare queries with every row: for few rows, far distances, and hashes that pile up in few buckets."""
        found = []
        for number, query in enumerate(queries):
            for begin in range(0, len(self.keys), _TOGETHER):
                here = slice(begin, begin + _TOGETHER)
                distances = _distances(self.hashes[here], query)
                rows = np.flatnonzero((distances <= distance) & self.alive[here])
                if len(rows):
                    found.append(Near(np.full(len(rows), number), self.keys[here][rows], distances[rows]))
        return together(found)


def together(found: list[Near]) -> Near:
    """Several answers as one."""
    if not found:
        return Near.none()
    return found[0] if len(found) == 1 else Near(*map(np.concatenate, zip(*found, strict=True)))


def _distances(hashes: Hashes, queries: Hashes) -> Rows:
    distances: Rows = np.bitwise_count(hashes ^ queries).sum(axis=1, dtype=np.int64)
    return distances


def _steps(each: Rows) -> Iterator[tuple[int, int]]:
    """Cut queries into runs of at most _TOGETHER rows, or one query."""
    begin, total = 0, 0
    for place, count in enumerate(each.tolist()):
        if place > begin and total + count > _TOGETHER:
            yield begin, place
            begin, total = place, 0
        total += count
    yield begin, len(each)
