"""One request to an address that somebody else chose, safely: the name is resolved once, every address it has is checked, the
connection goes to a checked address and to no other, redirects are not followed, and neither a slow nor a large answer holds
anything up (ADR 0064). Who calls: webhooks (`desk.decisions.outgoing`), and whoever asks a service elsewhere
(`signals.remote.door`), or looks at what an address leads to (`gateway.moderations.images`).
"""

import functools
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore

#: IPv6 addresses that stand for an IPv4 one, RFC 6052: what counts is where that one leads.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Unreachable(Exception):
    """The message did not get through; the text says why, in words for engineers."""


class Refused(Unreachable):
    """We don't connect to such an address."""


class TooSlow(Unreachable):
    """There was no whole answer in time."""


@dataclass(frozen=True)
class Response:
    """An answer, whatever its status. `headers` are in lower case; `body` is no more than was asked for, and `cut` says
    whether there was more."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool


def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    private: bool,
    seconds: float,
    most_bytes: int,
    allowed_by: str,
) -> Response:
    """Send `body`, return the answer. `private`: the host may be on this machine or a private network, and may go without
    TLS; `allowed_by` is the setting that says so, for the error. Raises `Unreachable`, `Refused` for an address that is not
    public, and `TooSlow`.
    """
    return _exchange("POST", url, headers, body, private, seconds, most_bytes, allowed_by)


def get(
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    private: bool,
    seconds: float,
    most_bytes: int,
    allowed_by: str,
) -> Response:
    """What is at an address; the same, and raises the same, as `post`."""
    return _exchange("GET", url, headers or {}, b"", private, seconds, most_bytes, allowed_by)


def host_of(url: str) -> str:
    """The host that a URL names, in small letters; empty where it names none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    private: bool,
    seconds: float,
    most_bytes: int,
    allowed_by: str,
) -> Response:
    try:
        parts, target = urlsplit(url), httpcore.URL(url)
    except (ValueError, TypeError):  # a port of six digits, letters that nobody has encoded
        raise Refused("this is no URL") from None
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise Refused(f"{parts.scheme}:// is only for hosts in {allowed_by}; use https://")
    backend = _Checked(time.monotonic() + seconds, private)
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
    pool = httpcore.ConnectionPool(ssl_context=_tls(), network_backend=backend, max_keepalive_connections=0)
    try:
        with (
            pool,
            pool.stream(
                method, target, headers=list(headers.items()), content=body, extensions={"timeout": timeout}
            ) as answer,
        ):
            said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            return Response(answer.status, said, *_bounded(answer.iter_stream(), most_bytes))
    except httpcore.TimeoutException:
        raise TooSlow(f"no answer within {seconds:g} seconds") from None
    except ssl.SSLError as error:
        raise Unreachable(f"TLS: {error.reason or error}") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}"[:200]) from None


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _bounded(chunks: Iterable[bytes], most: int) -> tuple[bytes, bool]:
    kept, left = bytearray(), most
    for chunk in chunks:
        kept += chunk[:left]
        left -= len(chunk)
        if left < 0:
            return bytes(kept), True
    return bytes(kept), False


def is_public(address: str) -> bool:
    """True for an address of the public internet: not private, loopback, link-local (where clouds keep their metadata),
    shared, multicast, reserved, or an IPv6 wrapping of one of these."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        teredo = ip.teredo
        wrapped = ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None)
        if wrapped is not None:
            return is_public(str(wrapped))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not ip.is_unspecified


def addresses_of(host: str, port: int, *, private: bool) -> list[str]:
    """Where the host is. Raises `Refused` if any of its addresses is not public (unless `private`): a name that leads
    to both is a trap."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise Unreachable(f"{host} is not known to the name service: {error}") from None
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    if not private and (bad := [address for address in addresses if not is_public(address)]):
        raise Refused(f"{host} leads to {bad[0]}, which is no public address")
    return addresses


class _Checked(httpcore.NetworkBackend):
    """Connects to checked addresses only, and gives up at the deadline."""

    def __init__(self, deadline: float, private: bool) -> None:
        self._deadline, self._private, self._plain = deadline, private, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = Unreachable(f"{host} has no address")
        for address in addresses_of(host, port, private=self._private):
            try:
                left = _left(self._deadline, httpcore.ConnectTimeout)
                return _Hurried(self._plain.connect_tcp(address, port, left, local_address), self._deadline)
            except httpcore.ConnectError as error:
                failure = error
        raise failure

    def sleep(self, seconds: float) -> None:
        self._plain.sleep(seconds)


class _Hurried(httpcore.NetworkStream):
    """A stream with one deadline for all that is done on it: an endpoint can't hold us by sending a byte at a time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        return _Hurried(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, error: type[httpcore.TimeoutException]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise error("the deadline has passed")
    return left
