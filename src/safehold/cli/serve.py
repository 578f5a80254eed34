"""`safehold serve` and `safehold worker`: the two kinds of process there are."""

import os
import signal
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
    processes: Annotated[
        int,
        typer.Option(min=1, help="1: one process does all. More: one of them decides and writes, the others answer."),
    ] = 1,
) -> None:
    """Serve the API, the console and the portal on one port.

    The tables have to be there (`safehold up` makes them). Ends on SIGTERM after what was taken is answered.

    Example: safehold serve --host 0.0.0.0 --port 8000 --processes 4
    """
    if not workers:
        os.environ["SAFEHOLD_WORKERS"] = "0"
    from safehold.site.serving import serve_alone, serve_many

    if processes > 1:
        serve_many(host, port, processes)
    else:
        serve_alone(host, port)


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
