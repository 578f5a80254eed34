"""What is said between a process and the workers that open media for it: a job and the file's bytes, and a typed answer.

A worker may have been taken over by the file that it opened, so nothing that it says is unpickled or run, and its answer
has a greatest size.
"""

import socket
import struct
import time
from typing import Literal

import msgspec

#: The greatest answer that is read: a video's frames, or the text of a page.
MOST_ANSWERED = 1 << 20
_HEAD = struct.Struct("<IQ")
#: What a worker says once, when it can begin.
READY = b"ready"
_LENGTH = struct.Struct("<I")


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much opening one file may take. What would take more fails, or is looked at in part and says so."""

    processor_seconds: float = 10.0  # what bounds work: it is the same on a busy machine
    seconds: float = 40.0  # by the clock, for what hangs instead of working
    pixels: int = 50_000_000  # of an image, or a frame: looked up before anything is decoded
    side: int = 30_000  # pixels
    stills: int = 600  # frames of a video or animation that are looked at, one a second
    frames: int = 20_000  # frames that are decoded for that


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One file to be opened. `medium` is `image` or `video`, `form` the short name of its type. `variants`: groups of
    what others may make of an image (`forms.VARIANTS`), to be hashed too and indexed."""

    what: Literal["measure", "nudity", "text"]
    medium: str
    form: str
    bounds: Bounds = Bounds()
    variants: tuple[str, ...] = ()


class Measured(msgspec.Struct, frozen=True, kw_only=True, tag="measured"):
    """What a picture or video is. `pdq` and what follows it are of the first frame; `frames` are vPDQ features of the others.

    `truncated` says that not all of it was looked at.
    """

    width: int
    height: int
    pdq: str
    quality: int
    forms: list[str] = []
    variants: dict[str, tuple[str, int]] = {}
    animated: bool = False
    seconds: float | None = None
    frames: list[str] = []
    truncated: bool = False


class Nudity(msgspec.Struct, frozen=True, kw_only=True, tag="nudity"):
    """How likely nudity is, 0 to 1: the greatest of the stills that were looked at."""

    score: float
    stills: int


class Text(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """The text that is in a picture, line by line, with how sure the reading is of each, 0 to 1."""

    lines: list[str]
    confidence: list[float]
    truncated: bool = False


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """The file can't be opened; the reason ends the sentence "the media could not be opened: ..."."""

    reason: str


class Missing(msgspec.Struct, frozen=True, kw_only=True, tag="missing"):
    """A package isn't installed."""

    reason: str


Answer = Measured | Nudity | Text | Refused | Missing

_job = msgspec.json.Decoder(Job)
_answer = msgspec.json.Decoder(Answer)


def send_job(link: socket.socket, job: Job, data: bytes) -> None:
    head = msgspec.json.encode(job)
    link.sendall(_HEAD.pack(len(head), len(data)) + head)
    link.sendall(data)


def receive_job(link: socket.socket) -> tuple[Job, bytes]:
    """The next job. Raises EOFError when the other side has gone."""
    told, size = _HEAD.unpack(_exactly(link, _HEAD.size))
    return _job.decode(_exactly(link, told)), _exactly(link, size)


def send_answer(link: socket.socket, answer: Answer) -> None:
    body = msgspec.json.encode(answer)
    link.sendall(_LENGTH.pack(len(body)) + body)


def receive_answer(link: socket.socket, until: float) -> Answer:
    """Raises TimeoutError when the monotonic clock says `until`, EOFError if the worker died, ValueError if it says what no
    worker says."""
    [size] = _LENGTH.unpack(_exactly(link, _LENGTH.size, until))
    if size > MOST_ANSWERED:
        raise ValueError("an answer of this size")
    answer: Answer = _answer.decode(_exactly(link, size, until))
    return answer


def _exactly(link: socket.socket, size: int, until: float | None = None) -> bytes:
    """So many bytes, however slowly they drip in before `until`."""
    whole = bytearray(size)
    view, at = memoryview(whole), 0
    while at < size:
        if until is not None:
            link.settimeout(max(0.001, until - time.monotonic()))
        came = link.recv_into(view[at:])
        if not came:
            raise EOFError
        at += came
    return bytes(whole)
