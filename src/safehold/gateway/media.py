"""`POST /v1/media`: bytes in, hashes out. What it answers is an entry of an event's `data.media` as it stands."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import structlog

from safehold.gateway.faults import described
from safehold.gateway.problems import Refusal
from safehold.gateway.requests import Request
from safehold.signals.media import kinds
from safehold.signals.media.store import DAYS, Full, Keep, MediaStore, Record
from safehold.signals.media.taking import take
from safehold.signals.media.workers.pool import Unavailable

#: Uploads that one process has in hand; more are told to come back. Each may be as large as the limit.
_AT_ONCE = 16
_SWEEP_EVERY = 3600.0  # seconds

log = structlog.get_logger("safehold.gateway")


class MediaAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the file is, by its own bytes, and its hashes: put it into an event's `data.media` as it is.

    `pdq`, `quality` (0 to 100; below 50 it says too little) and `forms`, the eight turned and mirrored forms and those without
    bars if it has some, are of an image; `frames` are a video's or animation's in vPDQ's form, `HASH,QUALITY,SECONDS`, and
    `truncated` says that not all were looked at. `tlsh` is of files that are neither, with the extra `media`. `mismatch`: the
    Content-Type said something else; `also`: what else the bytes can be read as. `unreadable` says why it could not be opened;
    its digests are right all the same.
    """

    sha256: str
    sha1: str
    md5: str
    size: int
    type: str
    mime: str
    mismatch: bool
    kept: Keep
    also: list[str] = []
    tlsh: str = ""
    width: int | None = None
    height: int | None = None
    pdq: str | None = None
    quality: int | None = None
    forms: list[str] = []
    frames: list[str] = []
    seconds: float | None = None
    animated: bool = False
    truncated: bool = False
    unreadable: str = ""


class Uploads:
    """What takes files: the store, the models that are asked about each, and threads that wait for the workers."""

    def __init__(self, folder: Path, *, most_bytes: int, most_kept: int, models: tuple[str, ...]) -> None:
        self.most_bytes, self._models = most_bytes, models
        self._store = MediaStore(folder, most_kept)
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="gateway-media")
        self._in_hand = 0
        self._stopping = threading.Event()

    def start(self) -> None:
        """Delete what has expired, at once and then every hour, also where nothing is sent any more."""
        threading.Thread(target=self._sweep, name="gateway-media-sweep", daemon=True).start()

    def _sweep(self) -> None:
        while True:
            try:
                self._store.sweep()
            except OSError as error:  # a folder that can't be read is told, and tried again
                log.error("media_not_swept", **described(error))
            if self._stopping.wait(_SWEEP_EVERY):
                return

    async def take(self, request: Request) -> MediaAnswer:
        """Read, measure and keep the request's body. Raises Refusal."""
        keep = _keep(request)
        if self._in_hand >= _AT_ONCE:
            raise _busy("too many files are being taken")
        self._in_hand += 1
        try:
            data = await request.body(self.most_bytes)
            if not data:
                raise Refusal("invalid-media", "the body is empty; send the file's bytes as the body")
            record = await asyncio.get_running_loop().run_in_executor(self._threads, self._taken, data, keep)
        except Unavailable as reason:
            raise _busy(str(reason)) from None
        except Full:
            raise Refusal(
                "no-room", "the folder of media is full; raise SAFEHOLD_MEDIA_GB, or send it with keep=none"
            ) from None
        finally:
            self._in_hand -= 1
        return _answer(record, request.headers.get(b"content-type", b"").decode("latin-1"))

    def _taken(self, data: bytes, keep: Keep) -> Record:
        record = take(data, keep, self._models, self._store.record)
        self._store.put(record, data)
        return record

    def stop(self) -> None:
        """Finish what is in hand."""
        self._stopping.set()
        self._threads.shutdown()


def _keep(request: Request) -> Keep:
    asked = request.query.get("keep", "standard")
    for keep in DAYS:
        if asked == keep:
            return keep
    raise Refusal("invalid-media", f"`keep` is one of {', '.join(DAYS)}")


def _busy(detail: str) -> Refusal:
    return Refusal("busy", detail, headers=((b"retry-after", b"1"), (b"connection", b"close")))


def _answer(record: Record, declared: str) -> MediaAnswer:
    measured = record.measured
    answer = MediaAnswer(
        sha256=record.sha256,
        sha1=record.sha1,
        md5=record.md5,
        size=record.size,
        type=record.type,
        mime=record.mime,
        mismatch=kinds.disagrees(declared, kinds.Kind(record.type, record.mime, record.medium)),
        kept=record.keep,
        also=record.also,
        tlsh=record.tlsh,
        unreadable=record.unreadable,
    )
    if measured is None:
        return answer
    return msgspec.structs.replace(
        answer,
        width=measured.width,
        height=measured.height,
        pdq=measured.pdq,
        quality=measured.quality,
        forms=measured.forms,
        frames=measured.frames,
        seconds=measured.seconds,
        animated=measured.animated,
        truncated=measured.truncated,
    )
