"""The geometry of C2SP tlog-tiles: a tree cut into tiles of 256 hashes, and the addresses they are served at.

A tile at level L holds the roots of 256 complete tiles at level L - 1; at level 0 it holds leaf hashes. Complete tiles
never change, so they are all that needs to be stored.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from safehold.ledger.tree import NodeReader, root_of

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_LEVEL = 63

_PATH = re.compile(r"(?P<level>\d|[1-5]\d|6[0-3]|entries)/(?P<index>(?:x\d{3}/)*\d{3})(?:\.p/(?P<width>[1-9]\d{0,2}))?")


class NoSuchTile(ValueError):
    """A path that names no tile."""


@dataclass(frozen=True, slots=True)
class TilePath:
    """`level` is None for a bundle of entries. `width` counts the hashes, 256 for a complete tile."""

    level: int | None
    index: int
    width: int = WIDTH

    def __str__(self) -> str:
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        path = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"{'entries' if self.level is None else self.level}/{path}{partial}"


def parse_path(path: str) -> TilePath:
    """The tile that `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]` names. Raises NoSuchTile."""
    found = _PATH.fullmatch(path)
    if not found:
        raise NoSuchTile(f"{path!r} names no tile")
    index = int(found["index"].replace("x", "").replace("/", ""))
    width = int(found["width"] or WIDTH)
    tile = TilePath(None if found["level"] == "entries" else int(found["level"]), index, width)
    if width > WIDTH or str(tile) != path:  # `x000/001` is no name of tile 1, `.p/256` none of a complete tile
        raise NoSuchTile(f"{path!r} names no tile")
    return tile


def width_at(level: int, index: int, size: int) -> int:
    """How many hashes tile `index` of `level` has in a tree of `size` leaves: 0 if it isn't there, 256 if complete."""
    return min(max((size >> HEIGHT * level) - index * WIDTH, 0), WIDTH)


@dataclass(frozen=True, slots=True)
class Tile:
    """A complete tile: its 256 hashes, and the root over them."""

    level: int
    index: int
    hashes: bytes
    root: bytes


@dataclass(slots=True)
class TileBuilder:
    """Turns a stream of leaf hashes into complete tiles, from any size on.

    `size` leaves are in already; `pending[level]` are the hashes of that level's incomplete tile.
    """

    size: int = 0
    pending: list[list[bytes]] = field(default_factory=lambda: [[]])

    def extend(self, leaves: Iterable[bytes]) -> Iterator[Tile]:
        """Take leaf hashes; yield each tile they complete, lower levels first. Consume all of it."""
        for leaf in leaves:
            self.size += 1
            level, hash_ = 0, leaf
            while True:
                row = self.pending[level]
                row.append(hash_)
                if len(row) < WIDTH:
                    break
                hash_ = root_of(row)
                yield Tile(level, (self.size >> HEIGHT * (level + 1)) - 1, b"".join(row), hash_)
                row.clear()
                level += 1
                if level == len(self.pending):
                    self.pending.append([])


def resume(size: int, read_row: Callable[[int, int, int], list[bytes]]) -> TileBuilder:
    """A builder that goes on at `size` leaves. `read_row(level, index, width)` reads a tile's first `width` hashes."""
    pending = []
    level = 0
    while True:
        count = size >> HEIGHT * level
        width = count % WIDTH
        pending.append(read_row(level, count // WIDTH, width) if width else [])
        level += 1
        if size >> HEIGHT * level == 0:
            return TileBuilder(size, pending)


def node_reader(read_row: Callable[[int, int, int], list[bytes]], size: int) -> NodeReader:
    """Reads nodes of the tree of `size` leaves out of tiles; `read_row(level, index, width)` as in `resume`."""

    def read(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, HEIGHT)
        first = index << height  # the node's first hash, counted in hashes of its tile's level
        tile, offset = divmod(first, WIDTH)
        row = read_row(tile_level, tile, width_at(tile_level, tile, size))
        return root_of(row[offset : offset + (1 << height)])

    return read
