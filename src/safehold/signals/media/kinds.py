"""What a file is, by its own bytes: what its sender or its name says about it is only ever compared with that."""

import re
from typing import NamedTuple


class Kind(NamedTuple):
    """A type of file: its short name, its media type, and what it is opened as: `image`, `video`, or `file` (not opened)."""

    name: str
    mime: str
    medium: str


_PNG = Kind("png", "image/png", "image")
_JPEG = Kind("jpeg", "image/jpeg", "image")
_GIF = Kind("gif", "image/gif", "image")
_WEBP = Kind("webp", "image/webp", "image")
_AVIF = Kind("avif", "image/avif", "image")
_BMP = Kind("bmp", "image/bmp", "image")
_MP4 = Kind("mp4", "video/mp4", "video")
_MOV = Kind("mov", "video/quicktime", "video")
_WEBM = Kind("webm", "video/webm", "video")
_AVI = Kind("avi", "video/x-msvideo", "video")
_SVG = Kind("svg", "image/svg+xml", "file")
UNKNOWN = Kind("unknown", "application/octet-stream", "file")

#: How files begin. Formats of images that Pillow reads, but hardly anybody sends, are no images here: less to attack.
_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", _PNG),
    (b"\xff\xd8\xff", _JPEG),
    (b"GIF87a", _GIF),
    (b"GIF89a", _GIF),
    (b"BM", _BMP),
    (b"\x1a\x45\xdf\xa3", _WEBM),
    (b"%PDF-", Kind("pdf", "application/pdf", "file")),
    (b"PK\x03\x04", Kind("zip", "application/zip", "file")),
    (b"\x7fELF", Kind("elf", "application/x-elf", "file")),
    (b"MZ", Kind("exe", "application/vnd.microsoft.portable-executable", "file")),
    (b"II*\x00", Kind("tiff", "image/tiff", "file")),
    (b"MM\x00*", Kind("tiff", "image/tiff", "file")),
    (b"OggS", Kind("ogg", "application/ogg", "file")),
    (b"ID3", Kind("mp3", "audio/mpeg", "file")),
)
_BRANDS = {b"avif": _AVIF, b"avis": _AVIF, b"qt  ": _MOV, b"heic": Kind("heic", "image/heic", "file")}
#: Other names of the same types, and what a browser sends when it doesn't know.
_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png", "image/x-ms-bmp": "image/bmp",
            "video/x-matroska": "video/webm", "video/x-m4v": "video/mp4", "application/x-zip-compressed": "application/zip",
            "video/avi": "video/x-msvideo"}  # fmt: skip
_SAYS_NOTHING = {"", "application/octet-stream", "binary/octet-stream"}
_ELEMENT = re.compile(rb"<([A-Za-z][\w:.-]*)")
_MARKUP = re.compile(rb"<(?:!doctype|html|script|svg|iframe|body)\b", re.IGNORECASE)


def kind_of(data: bytes) -> Kind:
    """The file's type."""
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], _MP4)
    if data[:4] == b"RIFF":
        return {b"WEBP": _WEBP, b"AVI ": _AVI}.get(data[8:12], UNKNOWN)
    found = next((kind for start, kind in _STARTS if data.startswith(start)), UNKNOWN)
    return _SVG if found is UNKNOWN and _is_drawing(data[:4096]) else found


def is_not_opened(kind: Kind) -> bool:
    """Whether it is a picture or video of a type that is not opened here: nobody may take it for a file that shows nothing."""
    return kind.medium == "file" and kind.mime.startswith(("image/", "video/"))


def _is_drawing(start: bytes) -> bool:
    """Markup whose first element is `svg`, after a declaration, a document type with entities, and comments."""
    first = _ELEMENT.search(start)
    return start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" and first is not None and first[1].lower() == b"svg"


def disagrees(declared: str | None, kind: Kind) -> bool:
    """Whether a declared media type says something else than the bytes. Nothing declared, or a type of which we do not know
    the bytes, disagrees with nothing, unless the bytes are known to be something else."""
    said = (declared or "").partition(";")[0].strip().lower()
    said = _ALIASES.get(said, said)
    if said in _SAYS_NOTHING:
        return False
    return said != kind.mime if kind != UNKNOWN else said in _KNOWN


def also(data: bytes, kind: Kind) -> list[str]:
    """What else the same bytes can be read as: a picture that is an archive, a document or a page as well was made to be
    two things to two programs. Looks at the beginning, for documents and pages, and at the end, for archives."""
    start, end = data[:1024], data[-66_000:]
    found = {
        "zip": kind.name != "zip" and b"PK\x05\x06" in end,
        "pdf": kind.name != "pdf" and b"%PDF-" in start,
        "html": _MARKUP.search(start) is not None,
    }
    return [name for name, there in found.items() if there]


_KNOWN = {kind.mime for _, kind in _STARTS} | {kind.mime for kind in (_WEBP, _AVIF, _MP4, _MOV, _AVI, _SVG)}
