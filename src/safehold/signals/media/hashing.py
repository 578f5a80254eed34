"""Fingerprints of media and text: PDQ with its variants, cryptographic digests, TLSH.

The worker that opens uploads calls it, hash banks call it for what people put in. Hashes are written as exchanges write
them (lower-case hexadecimal; TLSH with its `T1`), so that they can be compared with anybody's.
"""

import hashlib
import math
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pdqhash
from PIL import Image

from safehold.signals.media.forms import CROPS, DEGREES, SIDES
from safehold.signals.media.vpdq import QUALITY as QUALITY

#: Pixels that are hashed as they are. A larger image is made smaller by a whole factor first: PDQ looks at 64 x 64 means.
_PIXELS = 8_000_000
_TURNED = 500_000  # pixels of what is turned and mirrored
#: TLSH's confident match, as `threatexchange` has it.
TLSH_DISTANCE = 30

_LEAST_TURNED = 32  # pixels of a side; of less nothing is left
_BAR_LIKE = 16  # grey levels around a bar's colour that are still the bar
_BAR_SHARE = 0.95  # of a bar's last line has the bar's colour; between it and the edge may stand a caption
_BAR_MOST = 0.4  # of the image is the most that one bar may take
_LOOKED_AT = 256  # pixels of the longer side at which bars are looked for


class Pdq(NamedTuple):
    """A PDQ hash (64 hexadecimal digits) and its quality, 0 to 100."""

    hash: str
    quality: int


class Digests(NamedTuple):
    """Hashes of the bytes themselves, in lower-case hexadecimal."""

    md5: str
    sha1: str
    sha256: str


def digests(data: bytes) -> Digests:
    """MD5, SHA-1 and SHA-256. The first two are what hash lists have; never use them as proof."""
    return Digests(
        hashlib.md5(data, usedforsecurity=False).hexdigest(),
        hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        hashlib.sha256(data).hexdigest(),
    )


def pdq(image: Image.Image) -> Pdq:
    """The image's PDQ hash. Colour profiles, transparency and the orientation of EXIF are not looked at, as PDQ's own
    implementations don't: `dihedral` finds what was turned."""
    bits, quality = pdqhash.compute(np.asarray(_reduced(image, _PIXELS)))
    return Pdq(_hex(bits), int(quality))


def dihedral(image: Image.Image) -> list[str]:
    """PDQ of the image as it is, turned by 90, 180 and 270 degrees, and of the four mirrored forms of these. Query with
    all eight to find what was turned or mirrored.

    Each form is hashed for itself: what PDQ can work out from the first alone is up to 28 bits off.
    """
    small = _reduced(image, _TURNED)
    return [pdq(image).hash, *(pdq(small.transpose(turned)).hash for turned in Image.Transpose)]


def unbarred(image: Image.Image) -> Image.Image | None:
    """The image without its letter-box and caption bars; None if it has none. Query with it, too: what somebody put bars around
    has other bars each time."""
    box = _without_bars(image)
    return None if box == (0, 0, *image.size) else image.crop(box)


def variants(image: Image.Image, groups: Collection[str] = ("cropped",)) -> dict[str, Pdq]:
    """PDQ of what others may make of the image, to be indexed beside it: PDQ doesn't survive a crop of 2 %, nor 2 degrees.

    `groups` are of `forms.VARIANTS`. `unbarred` is the image without letter-box and caption bars, if it has some; `crop2`,
    `crop5` and `crop10` are the middle of it, without so many per cent at each side; `left4` is without so many per cent at that
    side alone; `turn-2` is turned by so many degrees, with black corners, and `turn-2cut` without them.
    """
    found = {name: pdq(image.crop(box)) for name, box in _boxes(image)} if "cropped" in groups else {}
    if "one_side" in groups or "turned" in groups:
        small = _reduced(image, _TURNED)
        if "one_side" in groups:
            found |= {name: pdq(small.crop(box)) for name, box in _sides(small.size)}
        if "turned" in groups:
            found |= {name: pdq(form) for name, form in _turned(small)}
    return found


def tlsh(data: bytes) -> str | None:
    """TLSH of a file; None for one that is too short (50 bytes) or too uniform. Needs the extra `media`."""
    try:
        import tlsh as library
    except ImportError as missing:
        raise ModuleNotFoundError("TLSH needs py-tlsh: pip install 'safehold[media]'") from missing
    written = str(library.hash(data))
    return None if written == "TNULL" or not written else written


def text_hash(text: str) -> str | None:
    """TLSH of a text, as exchanges share it (HASH_TEXT_TLSH); None for a text too short to have one."""
    return tlsh(text.encode("utf-8", "surrogatepass"))


def tlsh_distance(one: str, other: str) -> int:
    """How far two TLSH hashes are apart, lengths not counted; at most TLSH_DISTANCE is a confident match."""
    import tlsh as library

    return int(library.diffxlen(one, other))


def pdq_distance(one: str, other: str) -> int:
    """How many of 256 bits differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _reduced(image: Image.Image, pixels: int) -> Image.Image:
    """The image in RGB, smaller by the whole factor that brings it to so many pixels."""
    factor = 1
    while image.width * image.height > pixels * factor * factor:
        factor += 1
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return rgb.reduce(factor) if factor > 1 else rgb


def _hex(bits: npt.NDArray[np.generic]) -> str:
    return np.packbits(bits.astype(np.uint8)).tobytes().hex()


def _boxes(image: Image.Image) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    width, height = image.size
    unbarred = _without_bars(image)
    if unbarred != (0, 0, width, height):
        yield "unbarred", unbarred
    for share in CROPS:
        x, y = width * share // 100, height * share // 100
        if x and y:
            yield f"crop{share}", (x, y, width - x, height - y)


def _sides(size: tuple[int, int]) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    width, height = size
    for share in SIDES:
        x, y = round(width * share / 100), round(height * share / 100)
        if x and y:
            yield f"left{share}", (x, 0, width, height)
            yield f"right{share}", (0, 0, width - x, height)
            yield f"top{share}", (0, y, width, height)
            yield f"bottom{share}", (0, 0, width, height - y)


def _turned(image: Image.Image) -> Iterator[tuple[str, Image.Image]]:
    """The image turned a little: as large as it was, with black corners, and the largest middle of its shape without them."""
    width, height = image.size
    if min(width, height) < _LEAST_TURNED:
        return
    for turned in DEGREES:
        form = image.rotate(turned, resample=Image.Resampling.BICUBIC)
        angle = math.radians(abs(turned))
        left = 1 / (math.cos(angle) + max(width / height, height / width) * math.sin(angle))
        x, y = int(width * (1 - left) / 2), int(height * (1 - left) / 2)
        yield f"turn{turned}", form
        yield f"turn{turned}cut", form.crop((x, y, width - x, height - y))


def _without_bars(image: Image.Image) -> tuple[int, int, int, int]:
    """The box that is left when bars of one colour, with a caption in them or not, are taken from the four sides."""
    small = image.convert("L")
    small.thumbnail((_LOOKED_AT, _LOOKED_AT), Image.Resampling.BOX)
    grey = np.asarray(small, np.int16)
    top, bottom = _bar(grey), _bar(grey[::-1])
    inner = grey[top : len(grey) - bottom].T
    left, right = _bar(inner), _bar(inner[::-1])
    x, y = image.width / grey.shape[1], image.height / grey.shape[0]
    return (
        round(left * x), round(top * y),
        image.width - round(right * x), image.height - round(bottom * y),
    )  # fmt: skip


def _bar(lines: npt.NDArray[np.int16]) -> int:
    """How many lines at the beginning are a bar: less than two per cent are none, and more than it may take neither."""
    most = int(len(lines) * _BAR_MOST)
    plain = (np.abs(lines[: most + 1] - np.median(lines[0])) <= _BAR_LIKE).mean(axis=1) >= _BAR_SHARE
    if not plain[0]:
        return 0
    thick = int(np.flatnonzero(plain)[-1]) + 1
    return thick if 0.02 * len(lines) <= thick <= most else 0
