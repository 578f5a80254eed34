"""The hashes of a file that a client of HMA uploads or names by its URL. The file itself is kept nowhere. Who calls: `hma`."""

from collections.abc import Collection
from contextlib import suppress
from functools import partial

from safehold import outgoing
from safehold.gateway.problems import Refusal
from safehold.gateway.requests import Request
from safehold.gateway.room import Room
from safehold.gateway.scoring import Scorer
from safehold.signals.hashes.kinds import BadHash
from safehold.signals.hashes.signal import video_of
from safehold.signals.media import hashing, kinds, vpdq
from safehold.signals.media.workers import ask

#: Bytes of a file, and seconds for fetching one.
MOST_BYTES, SECONDS = 64 * 1024 * 1024, 30.0
#: HMA's names of what is uploaded.
FIELDS = ("photo", "video", "file")


async def hashes_of_upload(request: Request, looker: Scorer, room: Room) -> dict[str, str]:
    """The hashes of the one file of a multipart body, found on threads of `looker`. Raises Refusal; 503 where too many files,
    or too large ones, are in hand already, before anything of this one is read."""
    header = request.headers.get(b"content-type", b"")
    if not header.lower().startswith(b"multipart/form-data"):
        raise Refusal("invalid-hash", "Missing multipart/form-data file upload")
    with room.hold(request, MOST_BYTES), looker.place():
        body = await request.body(MOST_BYTES)
        return await looker.run(partial(_hashes_of_form, header, body))


def _hashes_of_form(header: bytes, body: bytes) -> dict[str, str]:
    files = _files(header, body)
    if len(files) != 1:
        raise Refusal("invalid-hash", "Only one file allowed per request" if files else "Missing file upload")
    [(field, data)] = files
    if field not in FIELDS:
        raise Refusal("invalid-hash", f"no such content_type: '{field[:30]}'; there are {', '.join(FIELDS)}")
    return hashes_of(data)


def hashes_of_url(url: str, private_hosts: Collection[str]) -> dict[str, str]:
    """The hashes of the file at a public address. Raises Refusal."""
    try:
        answer = outgoing.get(
            url, {}, private=(outgoing.host_of(url) in private_hosts), seconds=SECONDS, most_bytes=MOST_BYTES,
            allowed_by="SAFEHOLD_FETCH_PRIVATE_HOSTS",
        )  # fmt: skip
    except outgoing.Refused:
        # Not why: what our name service says of a host, and what is on our networks, is nobody's business.
        raise Refusal("invalid-hash", "url: files are fetched by https from public addresses only") from None
    except outgoing.Unreachable:
        raise Refusal("invalid-hash", "url: the file could not be fetched") from None
    if answer.status != 200:
        raise Refusal("invalid-hash", f"url: it answers {answer.status}")
    if answer.cut:
        raise Refusal("invalid-hash", f"url: the file has more than {MOST_BYTES:,} bytes")
    return hashes_of(answer.body)


def hashes_of(data: bytes) -> dict[str, str]:
    """ThreatExchange's names -> hashes: of a picture PDQ (unless it is too flat to be matched), of a video `vpdq` (unless all of
    it is) and its MD5 under `video_md5`, of each file MD5, SHA-1 and SHA-256. Raises Refusal where a picture or video can't be
    opened: nobody may take it for one that was looked up.
    """
    return hashes_and_variants(data)[0]


def hashes_and_variants(data: bytes, variants: Collection[str] = ()) -> tuple[dict[str, str], dict[str, str]]:
    """What `hashes_of` gives, and name -> PDQ of a picture's `variants` that can be matched (groups of `forms.VARIANTS`)."""
    if not data:
        raise Refusal("invalid-hash", "the file is empty")
    kind = kinds.kind_of(data)
    found = dict(hashing.digests(data)._asdict())
    if kind.medium == "file":
        return found, {}
    if kind.medium == "video":
        found["video_md5"] = found["md5"]
    try:
        measured = ask.measure(kind, data, variants=tuple(variants))
    except ask.Unreadable as reason:
        raise Refusal("invalid-hash", f"the {kind.medium} can't be opened: {reason}") from None
    except ask.Unavailable as reason:
        raise Refusal("busy", str(reason), headers=((b"retry-after", b"1"),)) from None
    if kind.medium == "image" and measured.quality >= vpdq.QUALITY:
        found["pdq"] = measured.pdq
    if measured.frames:
        with suppress(BadHash):  # nothing of it can be matched
            found["vpdq"] = video_of(measured.frames)
    return found, {name: value for name, (value, quality) in measured.variants.items() if quality >= vpdq.QUALITY}


def _files(header: bytes, body: bytes) -> list[tuple[str, bytes]]:
    """(field, bytes) of each file of a multipart body (RFC 7578). Raises Refusal for one that is cut off."""
    boundary = _parameter(header, b"boundary")
    if not boundary:
        raise Refusal("invalid-hash", "the multipart Content-Type names no boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise Refusal("incomplete-body", "the multipart body has no end")
    found = []
    for piece in pieces[1:-1]:
        head, blank, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disposition:")]
        if blank and lines and b"filename" in lines[0]:
            found.append((_parameter(lines[0], b"name").decode("latin-1"), data))
    return found


def _parameter(header: bytes, name: bytes) -> bytes:
    for part in header.split(b";")[1:]:
        key, _, value = part.strip().partition(b"=")
        if key.strip().lower() == name:
            return value.strip().strip(b'"')
    return b""
