"""`/v1/banks/NAME`: a bank as another Safehold reads it: what changed, page by page, and its opinions. Who calls: `application`,
by ROUTES; the other side is `safehold.desk.banks.exchanges.sibling`.
"""

import asyncio
import re
from typing import Annotated, Literal

import msgspec

from safehold.gateway.banks import BankKeeper, SharedPage
from safehold.gateway.problems import Refusal
from safehold.gateway.requests import Reply, Request
from safehold.gateway.routes import Parts, Route

READ_BANKS, WRITE_BANKS = "banks:read", "banks:write"
#: Items of a page.
PAGE = 1_000
MOST_BYTES = 16 * 1024
#: `next`: the number of a change, and of an item. Databases count to 19 digits.
_PLACE = re.compile(r"([0-9]{0,18})(?:\.([0-9]{0,18}))?")

_encode = msgspec.json.Encoder().encode


class SharedOpinion(msgspec.Struct, frozen=True):
    """What a member thinks of an item."""

    item: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    belief: Literal["positive", "negative", "seed", "disputed"]


async def read_bank(parts: Parts, request: Request) -> Reply:
    """The items of a bank that changed after a place, oldest first; from the beginning without one."""
    key = parts.keyring.check(request.headers.get(b"authorization"), READ_BANKS)
    headers = parts.keyring.spend(key, 1)
    place = _PLACE.fullmatch(request.query.get("after", ""))
    if place is None:
        raise Refusal("invalid-hash", "`after` is what `next` said before")
    banks = _banks(parts)
    loop = asyncio.get_running_loop()
    page = await loop.run_in_executor(
        parts.readers, banks.page, request.argument, int(place[1] or 0), int(place[2] or 0), PAGE
    )
    if page is None:
        raise Refusal("not-found", "there is no such bank", headers=headers)
    return Reply(200, _encode(page), headers=headers)


async def take_opinion(parts: Parts, request: Request) -> Reply:
    """Keep what another installation thinks of an item. Its state stays as it is."""
    key = parts.keyring.check(request.headers.get(b"authorization"), WRITE_BANKS)
    headers = parts.keyring.spend(key, 1)
    try:
        said = msgspec.json.decode(await request.body(MOST_BYTES), type=SharedOpinion)
    except msgspec.ValidationError as error:
        raise Refusal("invalid-hash", str(error), headers=headers) from None
    except msgspec.DecodeError as error:
        raise Refusal("malformed-json", f"the body is not JSON: {error}", headers=headers) from None
    loop = asyncio.get_running_loop()
    kept = await loop.run_in_executor(
        parts.readers, _banks(parts).opine, request.argument, said.item, said.belief, key.id
    )
    if not kept:
        raise Refusal("not-found", "there is no such item in this bank", headers=headers)
    return Reply(200, b"{}", headers=headers)


def _banks(parts: Parts) -> BankKeeper:
    if parts.banks is None:
        raise Refusal("not-ready", "the banks are not there yet", headers=((b"retry-after", b"1"),))
    return parts.banks


_PROBLEMS = ("unauthorized", "forbidden", "rate-limited", "not-ready", "not-found", "invalid-hash", "internal")

SHARING_ROUTES = (
    Route(
        method="GET", path="/v1/banks/{name}", handle=read_bank, scope=READ_BANKS, key=True, answers={200: SharedPage},
        problems=_PROBLEMS, texts={"after": "What `next` of the page before said; from the beginning without it."},
    ),
    Route(
        method="POST", path="/v1/banks/{name}", handle=take_opinion, scope=WRITE_BANKS, key=True, answers={200: dict},
        takes=("application/json",), body=SharedOpinion, problems=(*_PROBLEMS, "malformed-json", "incomplete-body", "too-large"),
    ),
)  # fmt: skip
