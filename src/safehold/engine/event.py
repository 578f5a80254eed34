"""An event, as the engine sees it: one CloudEvent with its actor, target and context lifted out of `data`.

CloudEvents 1.0 allows no objects beside `data`, so on the wire `actor`, `target` and `context` are members of
`data`; inside the engine, and so in every policy, they stand beside it.
"""

from datetime import datetime
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened on the platform. `time` is when it happened there, always with a UTC offset."""

    id: str
    source: str
    type: str
    time: datetime
    subject: str | None = None
    actor: dict[str, Any] = {}
    target: dict[str, Any] = {}
    context: dict[str, Any] = {}
    data: dict[str, Any] = {}
