"""Media as it was sent, by its SHA-256, in a local folder: the file, and beside it a record of what was measured in it.

The gateway's upload writes, the media signals read. The same bytes are kept once, whoever sends them. A file's time of
change is the moment when it may be deleted, so that a sweep needs no index. Nothing here serves a file to anybody.
"""

import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from safehold.signals.media.workers.messages import Measured, Nudity, Text

Keep = Literal["none", "short", "standard"]
#: For how many days the bytes are kept, by retention class, and their record: `none` keeps no bytes, and the record for as
#: long as the event that names it may be late.
DAYS: dict[Keep, int] = {"none": 7, "short": 7, "standard": 90}

_DAY = 86_400
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NEVER = float("-inf")


#: Changes whenever the same bytes could be measured otherwise: what was measured by another is measured again.
MEASURED_BY = "2"


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one file. `unreadable` says why it could not be opened, and `without` why a model was not asked."""

    sha256: str
    sha1: str
    md5: str
    size: int
    type: str
    mime: str
    medium: str
    keep: Keep
    by: str = MEASURED_BY
    also: list[str] = []
    measured: Measured | None = None
    unreadable: str = ""
    nudity: Nudity | None = None
    text: Text | None = None
    tlsh: str = ""
    without: dict[str, str] = {}


class Full(Exception):
    """There is no room for the file, also after what had expired was deleted."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


def folder() -> Path:
    """Where this installation keeps media: `media` under SAFEHOLD_VAR."""
    return Path(os.environ.get("SAFEHOLD_VAR", "var")).resolve() / "media"


class MediaStore:
    """The folder. Methods may be called from several threads and processes."""

    def __init__(self, where: Path, most_bytes: int = 10 << 30) -> None:
        self._where, self._most = where, most_bytes
        self._used = 0
        self._swept = _NEVER
        self._counting = threading.Lock()

    def put(self, record: Record, data: bytes) -> None:
        """Keep the bytes, if the record's class says so, and the record. Sent again, a file is kept for the longer of both times.

        Raises Full, and keeps nothing.
        """
        path = self._path(record.sha256)
        until = time.time() + DAYS[record.keep] * _DAY
        with self._counting:
            if self._swept == _NEVER:
                self._sweep()
            if record.keep != "none" and not path.exists():
                if self._used + len(data) > self._most:
                    self._sweep()
                if self._used + len(data) > self._most:
                    raise Full
                self._used += len(data)
                _write(path, data, until)
            for each in (path, path.with_suffix(".json")):
                with suppress(FileNotFoundError):
                    until = max(until, each.stat().st_mtime)
            if path.exists():
                os.utime(path, (until, until))
            _write(path.with_suffix(".json"), _encode(record), until)

    def record(self, sha256: str) -> Record | None:
        """What is known of a file; None if it was never sent or has expired."""
        if not _SHA256.fullmatch(sha256):
            return None
        path = self._path(sha256).with_suffix(".json")
        try:
            if path.stat().st_mtime < time.time():
                return None
            record = _decode(path.read_bytes())
            return record if record.by == MEASURED_BY else None
        except (FileNotFoundError, msgspec.DecodeError):  # one of another version is as good as none
            return None

    def data(self, sha256: str) -> bytes | None:
        """The bytes of a file, for measuring them anew; None if they are not kept."""
        if self.record(sha256) is None:
            return None
        try:
            return self._path(sha256).read_bytes()
        except FileNotFoundError:
            return None

    def _path(self, sha256: str) -> Path:
        return self._where / sha256[:2] / sha256

    def sweep(self) -> None:
        """Delete what has expired, and count again what there is, other processes' files too. To be called about hourly."""
        with self._counting:
            self._sweep()

    def _sweep(self) -> None:
        now, used = time.time(), 0
        for entry in self._files():
            with suppress(FileNotFoundError):  # another process sweeps too
                stat = entry.stat()
                if stat.st_mtime < now - (_DAY if entry.name.startswith(".") else 0):  # a half-written one of the dead
                    Path(entry).unlink()
                else:
                    used += stat.st_size
        self._used, self._swept = used, time.monotonic()

    def _files(self) -> Iterator[os.DirEntry[str]]:
        if self._where.is_dir():
            for part in os.scandir(self._where):
                if part.is_dir():
                    yield from os.scandir(part.path)


def _write(path: Path, data: bytes, until: float) -> None:
    """Write a file, whole or not at all, which may be deleted after `until`. Nobody else of this machine may read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.utime(beside, (until, until))
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
