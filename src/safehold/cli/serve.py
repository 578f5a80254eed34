"""`safehold serve` and `safehold worker`: the two kinds of process there are."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    workers: Annotated[
        bool, typer.Option(help="Carry decisions on in this process; without it run `safehold worker` beside it.")
    ] = True,
) -> None:
    """Serve the API, the console and the portal from one process.

    The tables have to be there (`safehold up` makes them). Ends on SIGTERM after what was taken is answered.

    Example: safehold serve --host 0.0.0.0 --port 8000
    """
    if not workers:
        os.environ["SAFEHOLD_WORKERS"] = "0"
    import uvicorn

    from safehold.site.asgi import application

    uvicorn.run(
        application,
        host=host,
        port=port,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        lifespan="on",
        access_log=False,  # Django's request_log and the gateway's metrics say more
        proxy_headers=False,  # the gateway has to know who is really on this machine
        server_header=False,
        log_config=None,  # ours is set up by the settings
        timeout_graceful_shutdown=30,
    )


def worker() -> None:
    """Carry decisions on: outbox, webhooks, leases, checkpoints. Several at once do no harm on PostgreSQL.

    Example: safehold worker
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    import django

    django.setup()
    from safehold.site.workers import Workers

    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    running = Workers()
    running.start()
    ended.wait()
    running.stop()
