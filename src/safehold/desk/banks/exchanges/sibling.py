"""Another Safehold as an exchange: its bank's changes page by page, and opinions back to it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from safehold import outgoing
from safehold.desk.banks.exchanges.pages import Away, NotTaken, Page, Shared
from safehold.signals.hashes.kinds import normal

MOST_BYTES, SECONDS = 16 * 1024 * 1024, 60.0


class _Shared(msgspec.Struct):
    id: int
    type: str
    value: str
    state: str


class _Changes(msgspec.Struct):
    items: list[_Shared]
    next: str
    more: bool


class Sibling:
    """See `pages.Source`. The checkpoint is the other's own `next`."""

    def __init__(self, config: Mapping[str, Any], secret: Mapping[str, str], private_hosts: Collection[str]) -> None:
        self._at = f"{str(config['url']).rstrip('/')}/v1/banks/{config['bank']}"
        self._private = outgoing.host_of(self._at) in private_hosts
        self._headers = {"authorization": f"Bearer {secret['key']}"}

    def stale(self, checkpoint: Any) -> bool:
        return False  # items stay there for ever, whatever their state

    def pages(self, checkpoint: Any) -> Iterator[Page]:
        after, more = str(checkpoint or ""), True
        while more:
            answer = self._asked("GET", f"{self._at}?after={after}")
            try:
                found = msgspec.json.decode(answer.body, type=_Changes)
                records = {str(each.id): _shared(each) for each in found.items}
            except (msgspec.DecodeError, ValueError) as error:
                raise ValueError(f"the other Safehold answers something that can't be read: {error}") from None
            after, more = found.next, found.more
            yield Page(records, after)

    def report(self, kind: str, value: str, keys: Sequence[str], belief: str) -> None:
        for key in keys:
            body = msgspec.json.encode({"item": int(key), "belief": belief})
            self._asked("POST", self._at, body)

    def _asked(self, method: str, url: str, body: bytes = b"") -> outgoing.Response:
        more: dict[str, Any] = {
            "private": self._private, "seconds": SECONDS, "most_bytes": MOST_BYTES,
            "allowed_by": "SAFEHOLD_EXCHANGE_PRIVATE_HOSTS",
        }  # fmt: skip
        try:
            if method == "GET":
                answer = outgoing.get(url, self._headers, **more)
            else:
                headers = {**self._headers, "content-type": "application/json", "content-length": str(len(body))}
                answer = outgoing.post(url, headers, body, **more)
        except outgoing.Unreachable as reason:
            raise Away(str(reason)) from None
        if answer.status == 429 or answer.status >= 500 or answer.status in (401, 403):
            after = answer.headers.get("retry-after", "")
            raise Away(f"the other Safehold answers {answer.status}", float(after) if after.isdigit() else None)
        if answer.status >= 300:
            raise NotTaken(f"the other Safehold refuses the request ({answer.status})")
        if answer.cut:
            raise ValueError("the other Safehold's answer is too long")
        return answer


def _shared(each: _Shared) -> list[Shared]:
    belief = {"active": "positive", "negative": "negative", "disputed": "disputed"}.get(each.state)
    return [Shared(each.type, normal(each.type, each.value), belief)] if belief else []
