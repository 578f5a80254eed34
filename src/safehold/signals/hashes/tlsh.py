"""How different TLSH digests are, of one against many at once: the distance of the reference implementation (TLSH 4, T1)
with lengths not counted, as exchanges compare, over NumPy. J. Oliver, C. Cheng, Y. Chen: TLSH, a locality sensitive hash (2013).
"""

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


def _pairs() -> npt.NDArray[np.uint8]:
    """The distance of two bytes of a body, each four quartiles of two bits: 0, 1, 2, and 6 for the two ends."""
    quartiles = (np.arange(256)[:, None] >> np.arange(0, 8, 2)) & 3
    apart = np.abs(quartiles[:, None, :] - quartiles[None, :, :])
    apart[apart == 3] = 6
    return np.asarray(apart.sum(axis=2), np.uint8)


_PAIRS = _pairs()


def rows(digests: list[str]) -> Bytes:
    """Digests (`T1` and 70 digits) as rows of 35 bytes."""
    whole = bytes.fromhex("".join(digest[2:] for digest in digests))
    return np.frombuffer(whole, np.uint8).reshape(-1, 35)


def distances(one: str, many: Bytes) -> npt.NDArray[np.int64]:
    """The distance of a digest to each row."""
    asked = rows([one])[0]
    found: npt.NDArray[np.int64] = (many[:, 0] != asked[0]).astype(np.int64)
    for shift in (0, 4):
        ratio = _around(_nibble(many[:, 2], shift), _nibble(asked[2:3], shift), 16)
        found += np.where(ratio <= 1, ratio, (ratio - 1) * 12)
    found += _PAIRS[many[:, 3:], asked[3:]].sum(axis=1, dtype=np.int64)
    return found


def _nibble(values: Bytes, shift: int) -> Bytes:
    return np.asarray((values >> shift) & 15, np.uint8)


def _around(many: Bytes, one: Bytes, ring: int) -> npt.NDArray[np.int64]:
    """How far apart on a ring."""
    apart = np.abs(many.astype(np.int64) - one.astype(np.int64))
    return np.asarray(np.minimum(apart, ring - apart), np.int64)
