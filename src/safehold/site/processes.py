"""The processes beside the first one of `safehold serve --processes N`: one that decides and writes, and others that answer
requests on the same socket. They are started again when they die, and ended in their order: first those that answer, then
the one that decides. Who calls: `serving`.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import structlog

log = structlog.get_logger("safehold.site")

#: A process that died is started again after so many seconds; and how long one may take to end.
AGAIN_SECONDS, END_SECONDS = 1.0, 40.0


class Processes:
    """The others. `start` returns when the decider has loaded the policies."""

    def __init__(self, listener: socket.socket, answering: int) -> None:
        self._folder = tempfile.mkdtemp(prefix="safehold-")  # only its owner may enter
        self.path = str(Path(self._folder) / "decider")
        self._listener = listener
        self._ending = threading.Event()
        self._decider = self._start_decider()
        self._others = [self._start_other() for _ in range(answering)]
        self._watch = threading.Thread(target=self._keep, name="processes", daemon=True)

    def start(self) -> None:
        """Raises SystemExit with the decider's code if it could not begin; it has said why."""
        while not Path(self.path).exists():
            if (code := self._decider.poll()) is not None:
                self.stop()
                sys.exit(code)
            time.sleep(0.02)
        self._watch.start()

    def stop(self) -> None:
        """End them, those that answer first; what was taken is answered."""
        self._ending.set()
        if self._watch.is_alive():  # it may be starting one again
            self._watch.join()
        for other in self._others:
            other.terminate()
        for process in (*self._others, self._decider):
            if process is self._decider:
                process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                log.error("process_killed", pid=process.pid)
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self) -> None:
        while not self._ending.wait(AGAIN_SECONDS):
            if self._decider.poll() is not None:
                log.error("decider_died", code=self._decider.returncode)
                self._decider = self._start_decider()
            for place, other in enumerate(self._others):
                if other.poll() is not None:
                    log.error("process_died", code=other.returncode)
                    self._others[place] = self._start_other()

    def _start_decider(self) -> "subprocess.Popen[bytes]":
        return _started("safehold.site.decider", self.path)

    def _start_other(self) -> "subprocess.Popen[bytes]":
        number = self._listener.fileno()
        return _started("safehold.site.serving", str(number), pass_fds=(number,), SAFEHOLD_DECIDER=self.path)


def _started(
    module: str, argument: str, *, pass_fds: tuple[int, ...] = (), **environment: str
) -> "subprocess.Popen[bytes]":
    """Its standard input ends when this process does, however that ends."""
    return subprocess.Popen(  # noqa: S603  our own modules
        [sys.executable, "-m", module, argument],
        stdin=subprocess.PIPE, pass_fds=pass_fds, env=os.environ | environment | {"SAFEHOLD_WORKERS": "0"},
    )  # fmt: skip
