"""How requests are served: by one process, or by several on one socket that hand their events to another one, which decides.
Called by `safehold serve`; as `python -m safehold.site.serving DESCRIPTOR` it is one of the several.
"""

import os
import signal
import socket
import sys
import threading
from types import FrameType
from typing import Any

from safehold.site.processes import Processes


def serve_alone(host: str, port: int) -> None:
    """Answer and decide in this process, until a signal ends it."""
    _run(None, host=host, port=port)


def serve_many(host: str, port: int, processes: int) -> None:
    """Answer in this process and in `processes` - 2 others, and have one decide, until a signal ends all.

    Raises SystemExit where the decider can't begin; it has said why.
    """
    # uvicorn ends what is open and then raises the signal again: leave by an exception, so that the others end too.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _leave)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=2048) as listener:
        others = Processes(listener, processes - 2)
        try:
            others.start()
            os.environ["SAFEHOLD_DECIDER"] = others.path
            _run(listener)
        finally:
            others.stop()


def end_with(parent: int) -> None:
    """End this process as a signal would when this pipe's other end is gone: whoever started it is, then."""

    def wait() -> None:
        while os.read(parent, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _run(listener: socket.socket | None, **where: Any) -> None:
    """On this socket, or on one made for this `host` and `port`."""
    import uvicorn

    from safehold.site.asgi import application

    config = uvicorn.Config(
        application,
        **where,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        lifespan="on",
        access_log=False,  # Django's request_log and the gateway's metrics say more
        proxy_headers=False,  # the gateway has to know who is really on this machine
        server_header=False,
        log_config=None,  # ours is set up by the settings
        timeout_graceful_shutdown=30,
    )
    server = uvicorn.Server(config)
    # The socket itself, not its number, of which uvicorn makes one without TCP_NODELAY: answers then wait for 40 ms.
    server.run(sockets=[listener] if listener is not None else None)
    if not server.started:
        sys.exit(3)  # as uvicorn's own command does; the lifespan has said why


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    end_with(sys.stdin.fileno())
    _run(socket.socket(fileno=int(sys.argv[1])))
