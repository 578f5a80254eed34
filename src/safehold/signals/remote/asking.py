"""Asking one remote service about a text: through the door, kept by what was asked, typed on the way back. Who calls: whoever
takes a second look (`desk.looks`), never the process that decides.
"""

import hashlib
from collections.abc import Callable

import msgspec

from safehold.signals.remote.door import Door, NotAnswered
from safehold.signals.remote.kept import Kept
from safehold.signals.remote.providers import MOST_SCORES, PROVIDERS

#: Changes with what is asked of the services or how their answers are read: what was kept before is asked again.
VERSION = "1"


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """A service's scores, 0 to 1, by its own names; `cached`: it was asked about the same text before."""

    scores: dict[str, float]
    truncated: bool = False
    cached: bool = False


class RemoteService:
    """One of PROVIDERS with its key. `url` '' is the service's own address."""

    def __init__(self, provider: str, key: Callable[[], str], door: Door, kept: Kept, url: str = "") -> None:
        self._provider, self._name = PROVIDERS[provider], provider
        self._url = (url or self._provider.url).rstrip("/")
        self._key, self._door, self._kept = key, door, kept

    def ask(self, text: str) -> Scores:
        """The scores of a text. Raises NotAnswered."""
        sent = text[: self._provider.longest]
        asked = "\0".join((VERSION, self._name, self._url, sent)).encode("utf-8", "surrogatepass")
        key = hashlib.sha256(asked).hexdigest()
        if (before := self._kept.find(key)) is not None:
            return msgspec.structs.replace(msgspec.json.decode(before, type=Scores), cached=True)
        request = self._provider.request(self._url, self._key(), sent.encode("utf-8", "replace").decode())
        answer = self._door.ask(request.url, request.headers, request.document)
        try:
            scores = self._provider.read(answer)
        except (msgspec.ValidationError, ValueError):
            raise NotAnswered(f"{self._door.name}: the answer is not as its documentation says") from None
        if not scores or len(scores) > MOST_SCORES:
            raise NotAnswered(f"{self._door.name}: the answer has {len(scores)} scores")
        found = Scores(scores=scores, truncated=len(sent) < len(text))
        self._kept.keep(key, msgspec.json.encode(found))
        return found
