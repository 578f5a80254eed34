"""Texts that came through a drop-in API: made an event that is decided and recorded like any
other, so that a comment scored can become a task, a decision, a statement. Who calls: the routes of those APIs.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
#: The event type of a text that came through a drop-in API.
CHECKED = "content.checked"

_encode = msgspec.json.Encoder().encode


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
    [result] = await parts.decider.submit([parts.prepare(key.service, event, now)])
    if isinstance(result, Conflict | Failed):
        raise Refusal("internal", "this text could not be decided on; it is not in the record")
    return result
