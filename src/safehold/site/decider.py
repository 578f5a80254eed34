"""The process that decides for those which answer requests: `python -m safehold.site.decider SOCKET`. `processes` starts it.

It ends when it is told to (SIGTERM) or when its standard input does: whoever started it is gone then.
"""

import gc
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType

import structlog

from safehold.site.serving import end_with

log = structlog.get_logger("safehold.site")


def main(path: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    import django

    django.setup()
    from safehold.site.gateway import make_deciding, make_models

    Path(path).unlink(missing_ok=True)  # of one that was killed
    listener = socket.socket(socket.AF_UNIX)
    models = make_models()
    try:
        models.start()
        deciding, inbox = make_deciding(listener)
    except Exception as error:  # as `asgi` says it where one process does all: policies, settings, the database
        log.critical("not_started", reason=str(error))
        sys.exit(3)
    listener.bind(path)  # not before the policies are loaded: whoever can connect knows that they can be
    Path(path).chmod(0o600)
    listener.listen()
    gc.collect()
    gc.freeze()  # what lives as long as the process need not be looked at by the collector at each turn
    ending = threading.Event()

    def end(number: int = 0, frame: FrameType | None = None) -> None:
        if not ending.is_set():
            ending.set()
            threading.Thread(target=deciding.stop).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's; whoever started this one says when
    end_with(sys.stdin.fileno())
    deciding.run()
    inbox.close()
    models.stop()
    Path(path).unlink(missing_ok=True)
    if not ending.is_set():
        sys.exit(1)  # the writer died; it has said why


if __name__ == "__main__":
    main(sys.argv[1])
