"""Who wants to hear what, in the desk. A room tells its topic; rooms above it listen, without the lower one knowing them.

A listener registers in its app's `ready()` (`on("decision.made")(make_task)`) and runs in the transaction of the teller,
in the order of registration: all of them or nothing. The topics, with what a listener is called with:

    notice.filed        (notice, record)     a notice was stored; its receipt is owed
    decision.explain    (decision, record)   its actions and labels are written; answers its statement's URL, or None
    decision.made       (decision, record)   a decision and all its consequences so far are written
    delivery.delivered  (delivery, record)   the platform has acknowledged a webhook

`record` is the open `safehold.record.recording.Record`. A listener that raises undoes the whole: from the outbox it is
tried again later, from `decide()` the person sees the error.
"""

from collections.abc import Callable
from typing import Any, TypeVar

TOPICS = ("notice.filed", "decision.explain", "decision.made", "delivery.delivered")

Listener = TypeVar("Listener", bound=Callable[..., Any])

_listeners: dict[str, list[Callable[..., Any]]] = {topic: [] for topic in TOPICS}


def on(topic: str) -> Callable[[Listener], Listener]:
    """Register a listener; the same function twice is once. Raises `KeyError` for an unknown topic."""
    listeners = _listeners[topic]

    def register(listener: Listener) -> Listener:
        if listener not in listeners:
            listeners.append(listener)
        return listener

    return register


def tell(topic: str, *args: Any) -> list[Any]:
    """Call the topic's listeners, and return what they answered."""
    return [listener(*args) for listener in _listeners[topic]]
