"""A PdqIndex as a file that can be mapped into memory: a head, then the arrays of one segment, each at a multiple of 64.

The file is a copy to start from sooner, never the truth: whoever can't read it builds the index again from the record.
"""

import mmap
import os
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np

from safehold.signals.media.index.segment import BUCKETS, CHUNKS, FEW, Segment

#: Little-endian throughout; the arrays are in the machine's order, so a big-endian machine refuses the file.
_HEAD = struct.Struct("<16sQI")
_MAGIC = b"safehold-pdq-v1" + (b"<" if np.little_endian else b">")
_ALIGN = 64


def write(path: Path, segment: Segment) -> None:
    """Write a segment without removed rows beside `path` and move it there."""
    checksum = 0
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(bytes(_ALIGN))
            for array in segment:
                for piece in (array.data.cast("B") if array.size else b"", bytes(-array.nbytes % _ALIGN)):
                    out.write(piece)
                    checksum = zlib.crc32(piece, checksum)
            out.seek(0)
            out.write(_HEAD.pack(_MAGIC, len(segment.keys), checksum))
            out.flush()
            os.fsync(out.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def read(path: Path) -> Segment:
    """Map the file. Raises ValueError if it isn't a whole one."""
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            raise ValueError(_damaged(path))
        magic, n, checksum = _HEAD.unpack(head)
        if magic != _MAGIC:
            raise ValueError(f"{path} is no PDQ index that this version reads; build it again from the hashes")
        shapes = _shapes(n)
        length = _ALIGN + sum(_padded(size * dtype.itemsize) for size, dtype in shapes)
        if os.fstat(file.fileno()).st_size != length:
            raise ValueError(_damaged(path))
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if zlib.crc32(memoryview(whole)[_ALIGN:]) != checksum:
        raise ValueError(_damaged(path))
    arrays, at = [], _ALIGN
    for size, dtype in shapes:
        arrays.append(np.frombuffer(whole, dtype, size, at))
        at += _padded(size * dtype.itemsize)
    keys, hashes, *rest = arrays
    return Segment(keys, hashes.reshape(-1, 4), *rest)


def _shapes(n: int) -> list[tuple[int, np.dtype[np.generic]]]:
    """Size and type of each of a segment's arrays."""
    tables = CHUNKS if n > FEW else 0
    return [
        (n, np.dtype(np.int64)),
        (4 * n, np.dtype(np.uint64)),
        (n, np.dtype(np.bool_)),
        (tables * n, np.dtype(np.uint32)),
        (tables * n, np.dtype(np.uint16)),
        (tables * (BUCKETS + 1), np.dtype(np.uint32)),
    ]


def _padded(size: int) -> int:
    return size + -size % _ALIGN


def _damaged(path: Path) -> str:
    return f"{path} is damaged or not whole; build it again from the hashes"
