"""How many bytes of large requests are in hand at once: uploads and images inside of JSON would otherwise be read, all together,
before any bound on how many are worked on counts. Who calls: the routes that take bodies of many megabytes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from safehold.gateway.problems import Refusal
from safehold.gateway.requests import Request

#: Bytes of all of them together.
MOST_BYTES = 256 * 1_048_576


class Room:
    """A budget of bytes, of one process. Used on the event loop only."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._held = most_bytes, 0

    @contextmanager
    def hold(self, request: Request, limit: int) -> Iterator[None]:
        """Room for a body of at most `limit` bytes, from before it is read until its request is answered: as much as its
        Content-Length says, all of `limit` where there is none. Raises Refusal 503."""
        said = request.headers.get(b"content-length", b"")
        size = min(int(said), limit) if said.isdigit() and len(said) < 19 else limit
        if self._held + size > self._most:
            raise Refusal(
                "busy",
                "too much is being received already",
                headers=((b"retry-after", b"1"), (b"connection", b"close")),
            )
        self._held += size
        try:
            yield
        finally:
            self._held -= size
