"""The kinds of hashes that banks hold, by ThreatExchange's names, and the one way each is written. Whoever takes a hash in
(imports, exchanges, the shell, HMA's endpoints, the signal) writes it by `normal`, so that equal hashes are equal texts.

No kind keeps what it is a hash of: a `raw_text` is kept as SHA-256 of the text without its disguises. A `vpdq` is many
hashes, one a frame: it is known by a digest of them (`key_of`).
"""

import hashlib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import ada_url

from safehold.signals.media import vpdq
from safehold.signals.text.normalise import bare, normalise

#: Exact recall of the PDQ index ends here: see docs/reference/banks.md.
MOST_PDQ_DISTANCE = 31
#: TLSH differences are open-ended; above this two files have nothing to do with each other.
MOST_TLSH_DISTANCE = 100
#: Characters of a URL that is listed.
LONGEST = 2_000
#: Frames of a video that is kept or looked up: an hour and twenty minutes of it.
MOST_FRAMES = 5_000


class BadHash(ValueError):
    """It is no hash of its kind. The message says what one looks like."""


@dataclass(frozen=True)
class Kind:
    """One kind: `name` as ThreatExchange writes it, `title` for people, and `read`, which raises BadHash."""

    name: str
    title: str
    read: Callable[[str], str]
    near: bool = False


def _digits(name: str, length: int) -> Callable[[str], str]:
    pattern = re.compile(rf"[0-9a-f]{{{length}}}")

    def read(text: str) -> str:
        found = text.strip().lower()
        if not pattern.fullmatch(found):
            raise BadHash(f"{name} is {length} hexadecimal digits; this is {len(found)} characters")
        return found

    return read


def _tlsh(text: str) -> str:
    found = text.strip().upper().removeprefix("T1")
    if not re.fullmatch(r"[0-9A-F]{70}", found):
        raise BadHash("tlsh is T1 and 70 hexadecimal digits, as TLSH 4 writes it")
    return f"T1{found}"


def _url(text: str) -> str:
    """WHATWG's spelling, without a fragment: what a browser would send."""
    written = text.strip()
    try:
        url = ada_url.URL(written if "://" in written else f"https://{written}")
    except ValueError:
        raise BadHash("this is no URL; write it as https://host/path") from None
    if url.protocol not in ("http:", "https:") or not url.hostname:
        raise BadHash("a url is http:// or https:// with a host")
    url.hash = ""
    if len(url.href) > LONGEST:
        raise BadHash(f"a url may have {LONGEST:,} characters")
    return str(url.href)


_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


def text_digest(text: str) -> str:
    """SHA-256 of a text's letters and digits without homoglyphs, leet, spacing, case and punctuation; empty for a text
    that has none."""
    signs = "".join(filter(str.isalnum, bare(normalise(text).text)))
    return hashlib.sha256(signs.encode()).hexdigest() if signs else ""


def _raw_text(text: str) -> str:
    """`sha256:` and 64 digits is one that is hashed already, as exports and exchanges between Safeholds write it."""
    if (known := _DIGEST.fullmatch(text.strip().lower())) is not None:
        return known[1]
    digest = text_digest(text)
    if not digest:
        raise BadHash("a raw_text needs letters or digits")
    return digest


def _vpdq(text: str) -> str:
    """As the package `threatexchange` writes it, without blanks."""
    try:
        frames = vpdq.read(text)
    except ValueError as error:
        raise BadHash(f"vpdq: {error}") from None
    if len(frames) > MOST_FRAMES:
        raise BadHash(f"a vpdq may have {MOST_FRAMES:,} frames; this has {len(frames):,}")
    if not vpdq.telling(frames):
        raise BadHash(f"no frame of this vpdq has a quality of {vpdq.QUALITY} or more: nothing of it can be matched")
    return vpdq.write(frames)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("pdq", "PDQ (images, frames)", _digits("pdq", 64), near=True),
        Kind("vpdq", "vPDQ (video, by its frames)", _vpdq, near=True),
        Kind("video_md5", "MD5 of a video", _digits("video_md5", 32)),
        Kind("md5", "MD5 of a file", _digits("md5", 32)),
        Kind("sha1", "SHA-1 of a file", _digits("sha1", 40)),
        Kind("sha256", "SHA-256 of a file", _digits("sha256", 64)),
        Kind("tlsh", "TLSH of a file", _tlsh, near=True),
        Kind("raw_text", "Text (its digest)", _raw_text),
        Kind("url", "URL", _url),
    )
}


def normal(kind: str, text: str) -> str:
    """A hash as it is kept. Raises BadHash, also for a kind that banks don't hold."""
    known = KINDS.get(kind)
    if known is None:
        raise BadHash(f"`{kind}` is no kind of hash; there are {', '.join(KINDS)}")
    return known.read(text)


def written(kind: str, value: str) -> str:
    """A kept hash as exports and exchanges write it: `normal` reads it back."""
    return f"sha256:{value}" if kind == "raw_text" else value


def key_of(kind: str, value: str) -> str:
    """What a kept hash is known by, in a bank and in a canary's line: itself, or the SHA-256 of a video's frames."""
    return hashlib.sha256(value.encode()).hexdigest() if kind == "vpdq" else value


#: A hash's place in the line of a canary: one of so many.
POINTS = 4096


def point(value: str) -> int:
    """Where a hash stands in the line that a canary's share cuts: 0 to POINTS - 1, by CRC-32 of it."""
    return zlib.crc32(value.encode()) % POINTS


def in_share(value: str, ratio: float) -> bool:
    """Whether a hash is among the `ratio` (0 to 1) of a bank that is enabled: always the same hashes, and those of a
    smaller share are among those of a larger one."""
    return point(value) < ratio * POINTS
