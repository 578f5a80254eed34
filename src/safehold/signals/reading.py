"""What of an event the text signals look at: its subject's text, bounded, and fit to be written as UTF-8."""

import re
from typing import NamedTuple

from safehold.engine.event import Event
from safehold.engine.signal import SignalFailed

#: Characters of a text that are looked at. What stands behind them is not, and every result says so (`truncated`).
#: 20,000 characters of the worst text cost each signal less than 100 ms; a chat message of 100 costs about 0.1 ms.
LIMIT = 20_000

_SURROGATES = re.compile("[\ud800-\udfff]")


def written(text: str) -> str:
    """The text as it can be written in UTF-8: lone surrogates, which JSON can carry, become U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


class Reading(NamedTuple):
    """The text to look at; an event without a text is read as an empty one. Places are counted in code points."""

    text: str
    truncated: bool


def read(event: Event) -> Reading:
    """The text of the event's subject. Lone surrogates, which JSON can carry and UTF-8 cannot, become U+FFFD.

    Raises SignalFailed if the engine was given something else than text.
    """
    text = event.text
    if text is None:
        return Reading("", False)
    if not isinstance(text, str):
        raise SignalFailed(f"the event's text must be a string, not {type(text).__name__}")
    return Reading(_SURROGATES.sub("\ufffd", text[:LIMIT]), len(text) > LIMIT)
