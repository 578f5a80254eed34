"""Texts that came through a drop-in API: scored off the event loop, then made an event that is decided and recorded like any
other, so that a comment scored can become a task, a decision, a statement. Who calls: the routes of those APIs.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from safehold.gateway import cloudevents
from safehold.gateway.answers import Sealed
from safehold.gateway.problems import Refusal
from safehold.gateway.store import Conflict, Failed, Key
from safehold.ids import new_id

if TYPE_CHECKING:
    from safehold.gateway.routes import Parts

#: What a key must have for what it scores to be recorded; one that can only score leaves nothing behind.
WRITE_EVENTS = "events:write"
SCORE_TEXTS = "text:score"
WRITE_LABELS = "labels:write"
#: Requests that wait for a thread at most; one more is refused at once rather than answered too late.
MOST_WAITING = 256
#: The event type of a text that came through a drop-in API.
CHECKED = "content.checked"

Found = TypeVar("Found")

_encode = msgspec.json.Encoder().encode


class Scorer:
    """A few threads that score (`safehold.signals.harm.score_texts`). `run` is called on the event loop; where MOST_WAITING
    requests wait, one more is refused."""

    def __init__(self, threads: int | None = None, most_waiting: int = MOST_WAITING) -> None:
        self._pool = ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1), thread_name_prefix="gateway-score")
        self._most, self._waiting = most_waiting, 0

    async def run(self, work: Callable[[], Found]) -> Found:
        """What `work` returns: all that one request needs of a CPU. Raises Refusal 503 where too many requests wait already."""
        with self.place():
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among those that may wait, also for what is still being received. Raises as `run` does."""
        if self._waiting >= self._most:
            raise Refusal("busy", f"{self._waiting} requests wait to be scored", headers=((b"retry-after", b"1"),))
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def stop(self) -> None:
        """End the threads when what they have in hand is done."""
        self._pool.shutdown()


def records(key: Key) -> bool:
    """Whether what this key has scored is recorded and decided on: a key that can only score, as one that a browser shows
    to everybody, must not fill the record or the queues."""
    return WRITE_EVENTS in key.scopes


async def decide_on(
    parts: "Parts",
    key: Key,
    path: str,
    data: Mapping[str, Any],
    *,
    actor: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    time: datetime | None = None,
) -> Sealed:
    """Decide on what was scored, and return when that is on disk.

    `path` is the address it came to; `data` is that of `content.checked` without `content_id`, which is given here unless
    there is one. `time` is when it was written, if the API says so. Raises Refusal: 422 naming the field if it doesn't fit
    or if the policies have no such event type, 503 if it can't be decided or written now.
    """
    now = datetime.now(UTC)
    name = new_id("txt")
    document = {
        "specversion": "1.0",
        "id": name,
        "source": f"{parts.base_url}{path}",
        "type": CHECKED,
        "time": (time or now).isoformat(),
        "data": {
            "content_id": name,
            **{field: value for field, value in data.items() if value is not None},
            **({"actor": actor} if actor else {}),
            **({"context": context} if context else {}),
        },
    }
    event = cloudevents.structured(_encode(document), now)
    incoming = parts.prepare(key.service, event, now)
    incoming = msgspec.structs.replace(incoming, known=parts.shipped.known(data["text"]))
    incoming = await parts.ahead.known(incoming)
    [result] = await parts.decider.submit([incoming])
    if isinstance(result, Conflict | Failed):
        raise Refusal("internal", "this text could not be decided on; it is not in the record")
    return result
