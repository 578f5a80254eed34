"""ASGI's HTTP messages as a request that can be read and an answer that can be sent. Nothing here knows what is asked."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from safehold.gateway.problems import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

JSON = b"application/json"
FORM = "application/x-www-form-urlencoded"
#: Fields of one form at most.
MAX_FIELDS = 1_000
_LOOPBACK = ("127.", "::1", "::ffff:127.")
#: Headers by which a proxy says that somebody else is asking.
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


class Request:
    """One HTTP request. `argument` is what the route's `{...}` matched, if it has one, `arguments` if it has several."""

    __slots__ = ("_query", "_receive", "argument", "arguments", "client", "headers", "method", "path")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.client: str | None = scope["client"][0] if scope.get("client") else None
        self.argument, self.arguments = "", tuple[str, ...]()
        self._query: bytes = scope.get("query_string", b"")
        self._receive = receive

    @property
    def query(self) -> dict[str, str]:
        """The query string, decoded; of a name that comes twice the first value, so that every reader sees the same one."""
        pairs = parse_qsl(self._query.decode("utf-8", "replace"), keep_blank_values=True, errors="replace")
        return dict(reversed(pairs))

    @property
    def from_this_machine(self) -> bool:
        """Whether a program on this machine asks, not a proxy on it for somebody else."""
        return (
            self.client is not None
            and self.client.startswith(_LOOPBACK)
            and not any(name in self.headers for name in _FORWARDED)
        )

    def media_type(self) -> str:
        """The Content-Type without parameters, in lower case. Raises Refusal 415 for another charset or a coding."""
        if self.headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise Refusal(
                "unsupported-media-type",
                "compressed bodies are not taken; send it as it is",
                headers=((b"accept-encoding", b"identity"),),
            )
        value = self.headers.get(b"content-type", b"").decode("latin-1").lower()
        media_type, _, parameters = value.partition(";")
        for parameter in parameters.split(";"):
            name, _, charset = parameter.partition("=")
            if name.strip() == "charset" and charset.strip().strip('"') not in {"utf-8", "utf8"}:
                raise Refusal("unsupported-media-type", "another character set than UTF-8 is not taken; send UTF-8")
        return media_type.strip()

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises Refusal 413 beyond `limit` bytes, as soon as that is known."""
        length = self.headers.get(b"content-length")
        if length is not None and (not length.isdigit() or int(length) > limit):
            raise _too_large(limit)
        message = await self._receive()
        if not message.get("more_body") and message["type"] == "http.request":  # nearly always
            whole: bytes = message.get("body", b"")
            if len(whole) > limit:
                raise _too_large(limit)
            return whole
        parts = []
        size = 0
        while True:
            if message["type"] == "http.disconnect":
                raise Refusal("incomplete-body", "the connection closed before the whole body had come")
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)
            message = await self._receive()

    async def form(self, limit: int) -> dict[str, list[str]]:
        """The fields of an `application/x-www-form-urlencoded` body with their values, in the order they came.

        UTF-8; bytes that are none become U+FFFD, since what people paste into a form is not in the sender's hands. Raises
        Refusal 415 for another media type, 413 beyond `limit` bytes or `MAX_FIELDS` fields.
        """
        if self.media_type() != FORM:
            raise Refusal("unsupported-media-type", f"send a form: {FORM}", headers=((b"accept-post", FORM.encode()),))
        # Not decoded as ASCII only: some clients send letters as they are.
        text = (await self.body(limit)).decode("utf-8", "replace")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
        except ValueError:
            raise Refusal("too-large", f"a form may have {MAX_FIELDS:,} fields; send fewer") from None
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            fields.setdefault(name, []).append(value)
        return fields


def _too_large(limit: int) -> Refusal:
    # The rest of the body is not read, so the connection can't be used again.
    return Refusal(
        "too-large", f"a body may have {limit:,} bytes; send less at once", headers=((b"connection", b"close"),)
    )


class Reply(msgspec.Struct, frozen=True):
    """An answer to be sent."""

    status: int
    body: bytes
    media_type: bytes = JSON
    headers: Headers = ()

    async def send(self, send: Send) -> None:
        """Send it. Verdicts tell of people, so no cache may keep them."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [
                    (b"content-type", self.media_type),
                    (b"content-length", b"%d" % len(self.body)),
                    (b"cache-control", b"no-store"),
                    *self.headers,
                ],
            }
        )
        await send({"type": "http.response.body", "body": self.body})
