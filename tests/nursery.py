"""Servers that begin in a third of the time: a process that has imported what they need, without Django's settings, and forks
for each. `tests.gateway_server` asks for them; `born` gives back what `subprocess.Popen` would.

Starting Python and importing the product is most of what a server's start costs, and the tests start more than a hundred.
The start as it is for a user, from nothing, is what the tests in tests/e2e and those of several processes have.
"""

import atexit
import importlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
#: What takes a server long to import and does without settings.
NEEDED = (
    "django.contrib.auth.hashers", "django.core.asgi", "django.core.management", "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base", "django.db.models", "django.forms", "django.template", "django.views.generic",
    "httptools", "numpy.random", "phonenumbers", "uvicorn", "uvloop", "safehold.gateway.application", "safehold.site.serving",
)  # fmt: skip

_nursery: "Nursery | None" = None


class Born:
    """A server's process, which is this one's grandchild: `pid`, and what `subprocess.Popen` has to end it and to wait for it."""

    def __init__(self, pid: int, ending: int) -> None:
        self.pid, self._ending = pid, ending
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"server {self.pid}", timeout or 0)
        return code

    def _ended(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._ending], [], [], seconds)[0]:
            told = os.read(self._ending, 4)
            self.returncode = struct.unpack("i", told)[0] if len(told) == 4 else -signal.SIGKILL
            os.close(self._ending)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that forks, and the socket on which it is asked to."""

    def __init__(self) -> None:
        self._asking, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"from tests.nursery import main; main({theirs.fileno()})"],
                cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def born(self, environment: dict[str, str], log: Path, port: int) -> Born:
        said = json.dumps({"environment": environment, "log": str(log), "port": port}).encode()
        ending, theirs = os.pipe()
        socket.send_fds(self._asking, [struct.pack("I", len(said))], [theirs])
        os.close(theirs)
        self._asking.sendall(said)
        return Born(struct.unpack("i", os.read(ending, 4))[0], ending)

    def close(self) -> None:
        self._asking.close()
        self._process.wait(60)


def born(environment: dict[str, str], log: Path, port: int) -> Born:
    """`safehold serve` with this environment and nothing else, its output in `log`."""
    global _nursery
    if _nursery is None:
        _nursery = Nursery()
        atexit.register(_nursery.close)
    return _nursery.born(environment, log, port)


def main(descriptor: int) -> None:
    """Fork whenever it is asked for, and tell how each ended, until nobody is left who could ask."""
    _import_what_servers_need()
    asked = socket.socket(fileno=descriptor)
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks; it ends the servers itself
    endings: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([asked, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell(endings)
        if asked not in ready:
            continue
        head, given, _, _ = socket.recv_fds(asked, 4, 1)
        if not head:
            return
        [ending] = given
        (size,) = struct.unpack("I", head)
        wanted = json.loads(asked.recv(size, socket.MSG_WAITALL))
        pid = os.fork()
        if not pid:
            for each in (woken, waker, *endings.values(), ending):
                os.close(each)
            asked.close()
            _serve(wanted)
            return
        endings[pid] = ending
        os.write(ending, struct.pack("i", pid))


def _import_what_servers_need() -> None:
    for name in NEEDED:
        importlib.import_module(name)
    from django.conf import settings

    from safehold.engine import load_bundle

    with TemporaryDirectory() as folder:  # what the engine reads once in its life, it has read
        shutil.copytree(ROOT / "policies" / "events", Path(folder) / "events")
        load_bundle(Path(folder))
    assert not settings.configured, "settings are each server's own"


def _tell(endings: dict[int, int]) -> None:
    while endings:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        ending = endings.pop(pid)
        with suppress(BrokenPipeError):  # nobody asks how it ended
            os.write(ending, struct.pack("i", os.waitstatus_to_exitcode(status)))
        os.close(ending)


def _serve(wanted: dict[str, object]) -> None:
    """In the new process: be `safehold serve`."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    time.tzset()
    log = os.open(str(wanted["log"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    from safehold.cli.serve import serve

    serve(port=wanted["port"])
