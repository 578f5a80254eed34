"""A server that starts in a moment, so that it can be killed often: everything is imported once, and each life is a fork.

    python -m tests.kill_server PORT      each line on standard input begins a life; its process id is printed

The listening socket outlives them all, as a supervisor's (systemd's) would. A life is the product's own application.
"""

import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn


def main(port: int) -> None:
    import django

    django.setup()
    import safehold.site.gateway
    import safehold.site.workers  # noqa: F401  what a life imports, imported once
    from safehold.engine import load_bundle
    from safehold.site.asgi import Application

    load_bundle(Path(os.environ["SAFEHOLD_POLICIES"]))  # and what the engine reads once in its life, read once
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    print("ready", flush=True)
    for _ in sys.stdin:
        life = os.fork()
        if life == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            config = uvicorn.Config(Application(), loop="uvloop", http="httptools", lifespan="on", access_log=False,
                                    log_config=None)  # fmt: skip
            uvicorn.Server(config).run(sockets=[listener])
            os._exit(0)
        print(life, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
