"""Workers that open media, and how they are watched: who is too slow is killed, who is gone is replaced, and everybody else
goes on. The gateway's upload and the media signals ask a pool from any thread.
"""

import contextlib
import os
import queue
import socket
import subprocess
import sys
import time
from pathlib import Path

import safehold
from safehold.signals.media.workers.messages import READY, Answer, Job, Missing, Refused, receive_answer, send_job

#: Seconds that somebody waits for a worker to be free, beyond those that the work itself may take.
PATIENCE = 5.0
#: Files after which a worker is replaced, so that what a decoder leaks doesn't pile up.
_FILES_EACH = 500
_PROGRAM = Path(__file__).with_name("process.py")
#: Seconds that a worker may take to start.
_START = 60.0
_COULD_NOT = "the media could not be opened"
#: All that a worker is told about where it runs: nothing of the settings or secrets of its parent.
_ENVIRONMENT = {
    "PATH": os.defpath,
    "PYTHONPATH": str(Path(safehold.__file__).parents[1]),
    "PYTHONDONTWRITEBYTECODE": "1",
    "LANG": "C.UTF-8",
    # One thread each: threads reserve address space, and there are as many workers as processors.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}


class Unreadable(Exception):
    """The media can't be opened within its bounds. The message is a sentence for moderators."""


class Unavailable(Exception):
    """Nothing is wrong with the media as far as anybody knows: no worker was free, or a package isn't installed."""


class NotInstalled(Unavailable):
    """A package that this needs isn't installed: it will not be there in a moment either."""


class _Worker:
    """One process and the line to it. It is started when it is first needed."""

    def __init__(self, megabytes: int, program: Path) -> None:
        self._megabytes, self._program = megabytes, program
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._files = 0

    def run(self, job: Job, data: bytes) -> Answer:
        """Have one file opened. Raises Unreadable if the worker dies of it or doesn't answer in time."""
        line = self._ready()
        self._files += 1
        until = time.monotonic() + job.bounds.seconds
        try:
            line.settimeout(job.bounds.seconds)
            send_job(line, job, data)
            return receive_answer(line, until)
        except TimeoutError:
            self.end()
            raise Unreadable(f"{_COULD_NOT}: it took longer than {job.bounds.seconds:g} seconds") from None
        except (EOFError, OSError):
            self.end()
            raise Unreadable(
                f"{_COULD_NOT}: it took too much memory or processor time, or broke what opened it"
            ) from None
        except ValueError:
            self.end()
            raise Unreadable(f"{_COULD_NOT}: what opened it gave no sensible answer") from None

    def _ready(self) -> socket.socket:
        """The line to a living process. Raises Unavailable if none can be started."""
        alive = self._process is not None and self._process.poll() is None
        if self._line is not None and alive and self._files < _FILES_EACH:
            return self._line
        self.end()
        ours, theirs = socket.socketpair()
        self._line, self._files = ours, 0
        with theirs:
            command = [sys.executable, "-P", str(self._program), str(theirs.fileno()), str(self._megabytes)]
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and program
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                cwd="/",
            )
        ours.settimeout(_START)
        with contextlib.suppress(OSError):
            if ours.recv(len(READY), socket.MSG_WAITALL) == READY:
                return ours
        self.end()
        raise Unavailable("the process that opens media could not be started")

    def end(self) -> None:
        """Kill it. The next file gets another."""
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._line = self._process = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None


class Pool:
    """`size` workers of `megabytes` of address space each. Every caller has one for itself while its file is open."""

    def __init__(self, size: int, megabytes: int, program: Path = _PROGRAM) -> None:
        self._free: queue.LifoQueue[_Worker] = queue.LifoQueue()  # who worked last is warm
        self._all = [_Worker(megabytes, program) for _ in range(size)]
        for worker in self._all:
            self._free.put(worker)

    def run(self, job: Job, data: bytes) -> Answer:
        """Have one file opened by the next free worker.

        Raises Unreadable if it can't be opened within its bounds, Unavailable if no worker gets free in time, and
        NotInstalled if a package is missing.
        """
        try:
            worker = self._free.get(timeout=PATIENCE + job.bounds.seconds)
        except queue.Empty:
            raise Unavailable("too much media is being opened at once; try again") from None
        try:
            answer = worker.run(job, data)
        finally:
            self._free.put(worker)
        if isinstance(answer, Refused):
            raise Unreadable(f"{_COULD_NOT}: {answer.reason}")
        if isinstance(answer, Missing):
            raise NotInstalled(answer.reason)
        return answer

    @property
    def pids(self) -> list[int]:
        """The processes there are."""
        return [pid for worker in self._all if (pid := worker.pid) is not None]

    def close(self) -> None:
        """End all of them."""
        for worker in self._all:
            worker.end()
