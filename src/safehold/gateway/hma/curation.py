"""The rest of Hasher-Matcher-Actioner's `/c`, and what its clients ask to learn what they talk to: banks made and turned up or
down, content put in by its file and taken out, exchanges and how they stand, kinds of hashes and of files. Who calls:
`application`, by CURATION_ROUTES. docs/reference/hma.md says what is not there, and why.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from safehold.gateway.curating import BankShare, Cannot, Content, Curator, ExchangeView, Taken
from safehold.gateway.hma.media import FIELDS
from safehold.gateway.hma.routes import (
    HMA_ROUTES,
    MATCH_HASHES,
    WRITE_BANKS,
    add_to_bank,
    authorized,
    hashes_of_request,
    hma_route,
    off_loop,
    read_object,
    ready,
)
from safehold.gateway.problems import Refusal
from safehold.gateway.requests import Reply, Request
from safehold.gateway.routes import Parts
from safehold.gateway.store import Unavailable
from safehold.signals.hashes.kinds import KINDS

#: HMA's figures for content that is looked up and that is not.
ENABLED, DISABLED = 1, 0
#: Databases count to 19 digits.
_DIGITS = 18

_encode = msgspec.json.Encoder().encode
T = TypeVar("T")


async def hma_status(parts: Parts, request: Request) -> Reply:
    """Whether hashes can be looked up, for load balancers. It needs no key."""
    try:
        await ready(parts)
    except Refusal:
        return Reply(503, b"INDEX-NOT-LOADED", b"text/plain; charset=utf-8")
    return Reply(200, b"I-AM-ALIVE", b"text/plain; charset=utf-8")


async def site_map(parts: Parts, request: Request) -> Reply:
    """The addresses of this API. It needs no key."""
    return Reply(200, _encode(sorted({route.path.translate(_ANGLES) for route in (*HMA_ROUTES, *CURATION_ROUTES)})))


async def list_banks(parts: Parts, request: Request) -> Reply:
    """The banks, and the share of each that counts."""
    authorized(parts, request, MATCH_HASHES)
    return Reply(200, _encode([_of(bank) for bank in await _curated(parts, lambda curator: curator.banks())]))


async def show_bank(parts: Parts, request: Request) -> Reply:
    """A bank, and the share of it that counts."""
    authorized(parts, request, MATCH_HASHES)
    for bank in await _curated(parts, lambda curator: curator.banks()):
        if bank.name == request.argument:
            return _bank(bank)
    raise Refusal("not-found", f"bank '{request.argument[:60]}' not found")


async def create_bank(parts: Parts, request: Request) -> Reply:
    """A new bank: `name`, and `enabled_ratio` or `enabled`. What is put in waits to be activated by a person."""
    key = authorized(parts, request, WRITE_BANKS)
    wanted = await read_object(request)
    name = wanted.get("name")
    if not isinstance(name, str) or not name or "\0" in name:
        raise Refusal("invalid-hash", "Field `name` is required: a text")
    ratio = _ratio(wanted)
    return _bank(
        await _curated(parts, lambda curator: curator.create(name, 1.0 if ratio is None else ratio, key.id)), 201
    )


async def update_bank(parts: Parts, request: Request) -> Reply:
    """Change what share of a bank counts: `enabled_ratio`, or `enabled`. A bank keeps its name."""
    key = authorized(parts, request, WRITE_BANKS)
    wanted = await read_object(request)
    name = request.argument
    if wanted.get("name", name) not in (name, None):
        raise Refusal("forbidden", "a bank keeps its name, which decisions name")
    ratio = _ratio(wanted)
    if ratio is None:
        raise Refusal("invalid-hash", "send `enabled_ratio`, a share from 0 to 1, or `enabled`")
    changed = await _curated(parts, lambda curator: curator.set_ratio(name, ratio, key.id))
    return _bank(_there(changed, name))


async def delete_bank(parts: Parts, request: Request) -> Reply:
    """Refused: decisions rest on what was in it."""
    authorized(parts, request, WRITE_BANKS)
    raise Refusal("forbidden", "a bank stays, because decisions rest on it; set its `enabled_ratio` to 0")


async def add_content(parts: Parts, request: Request) -> Reply:
    """Put the hashes of a file into a bank: of the one at `url`, or of the one that is uploaded. The file is kept nowhere."""
    key = authorized(parts, request, WRITE_BANKS)
    hashes = await hashes_of_request(parts, request)
    return await add_to_bank(parts, request.argument, hashes, key)


async def show_content(parts: Parts, request: Request) -> Reply:
    """An item of a bank; with `include_signals=true` its hash too."""
    authorized(parts, request, MATCH_HASHES)
    bank, item = _item(request)
    found = await _curated(parts, lambda curator: curator.content(bank, item))
    if found is None:
        raise Refusal("not-found", f"content '{item}' not found")
    said = _content(found)
    if request.query.get("include_signals", "").lower() == "true":
        said["signals"] = {found.kind: found.value}
    return Reply(200, _encode(said))


async def delete_content(parts: Parts, request: Request) -> Reply:
    """Let an item no longer match: it is retired, and what it led to stays known."""
    key = authorized(parts, request, WRITE_BANKS)
    bank, item = _item(request)
    gone = await _curated(parts, lambda curator: curator.retire(bank, item, key.id))
    return Reply(200, _encode({"deleted": _there(gone, bank)}))


async def update_content(parts: Parts, request: Request) -> Reply:
    """Disable an item: with `disable_until_ts` 0 it is disputed, and counts no more until a person has settled it. Content has no
    time until which it is off, and a person activates."""
    key = authorized(parts, request, WRITE_BANKS)
    bank, item = _item(request)
    until = (await read_object(request)).get("disable_until_ts")
    if isinstance(until, bool) or not isinstance(until, int):
        raise Refusal("invalid-hash", "Field `disable_until_ts` is required: 0 to disable, 1 to enable")
    if until not in (ENABLED, DISABLED):
        raise Refusal(
            "forbidden", "content is not disabled for a time here: send 0, and a person settles it in the console"
        )
    if until == DISABLED:
        await _curated(parts, lambda curator: curator.dispute(bank, item, key.id))
    found = await _curated(parts, lambda curator: curator.content(bank, item))
    if found is None:
        raise Refusal("not-found", f"content '{item}' not found")
    if until == ENABLED and not found.counts:
        raise Refusal("forbidden", "a person activates content, in the console or at the shell")
    return Reply(200, _encode(_content(found)))


async def list_exchanges(parts: Parts, request: Request) -> Reply:
    """The names of all exchanges."""
    authorized(parts, request, MATCH_HASHES)
    return Reply(
        200, _encode([exchange.name for exchange in await _curated(parts, lambda curator: curator.exchanges())])
    )


async def list_exchange_kinds(parts: Parts, request: Request) -> Reply:
    """The kinds of exchanges that can be added in the console or at the shell."""
    authorized(parts, request, MATCH_HASHES)
    return Reply(200, _encode(list(await _curated(parts, lambda curator: curator.kinds()))))


async def show_exchange_kind(parts: Parts, request: Request) -> Reply:
    """Whether a kind of exchange takes credentials, and whether an exchange of it has some."""
    authorized(parts, request, MATCH_HASHES)
    kinds = await _curated(parts, lambda curator: curator.kinds())
    if request.argument not in kinds:
        raise Refusal("invalid-hash", f"no such Exchange API '{request.argument[:60]}'")
    asked = kinds[request.argument]
    there = any(one.kind == request.argument for one in await _curated(parts, lambda curator: curator.exchanges()))
    return Reply(200, _encode({"supports_authentification": asked, "has_set_authentification": asked and there}))


async def show_exchange(parts: Parts, request: Request) -> Reply:
    """An exchange: its kind, the bank it fills, whether it is fetched. Its configuration is shown in the console."""
    authorized(parts, request, MATCH_HASHES)
    found = await _exchange(parts, request.argument)
    said = {"name": found.name, "api": found.kind, "enabled": found.enabled, "bank": found.bank}
    return Reply(200, _encode(said))


async def update_exchange(parts: Parts, request: Request) -> Reply:
    """Have an exchange fetched or not: `enabled`. Its bank and its configuration stay: the console changes these."""
    key = authorized(parts, request, WRITE_BANKS)
    wanted = await read_object(request)
    enabled = wanted.get("enabled")
    if other := sorted(set(wanted) - {"enabled", "name"}):
        raise Refusal(
            "forbidden",
            f"`{other[0][:30]}` of an exchange is changed in the console or at the shell; only `enabled` is here",
        )
    if not isinstance(enabled, bool):
        raise Refusal("invalid-hash", "Field `enabled` is required: true or false")
    name = request.argument
    if not await _curated(parts, lambda curator: curator.switch_exchange(name, enabled, key.id)):
        raise Refusal("not-found", f"Exchange '{name[:60]}' not found")
    return await show_exchange(parts, request)


async def refuse_exchanges(parts: Parts, request: Request) -> Reply:
    """Refused: credentials are sealed where people put them in, and a fetch fills a bank that decisions rest on."""
    authorized(parts, request, WRITE_BANKS)
    raise Refusal(
        "forbidden",
        "exchanges are added, given credentials and removed in the console or at the shell: safehold exchanges",
    )


async def refuse_signal_type(parts: Parts, request: Request) -> Reply:
    """Refused: what counts is said for a bank, and each decision names the version of its banks."""
    authorized(parts, request, WRITE_BANKS)
    if request.argument not in KINDS:
        raise Refusal("not-found", f"No such signal type '{request.argument[:30]}'")
    raise Refusal(
        "forbidden", "a kind of hash is not switched off by itself; set the `enabled_ratio` of the banks that have it"
    )


async def show_exchange_status(parts: Parts, request: Request) -> Reply:
    """When an exchange was last fetched, and whether that went well."""
    authorized(parts, request, MATCH_HASHES)
    found = await _exchange(parts, request.argument)
    at = int(found.fetched_at.timestamp()) if found.fetched_at else None
    return Reply(
        200,
        _encode(
            {
                "checkpoint_ts": at,
                "running_fetch_start_ts": None,
                "last_fetch_complete_ts": at,
                "last_fetch_succeeded": not found.failing if at or found.failing else None,
                "up_to_date": at is not None and not found.failing and not found.fetching,
                "fetched_items": found.items,
            }
        ),
    )


async def list_signal_types(parts: Parts, request: Request) -> Reply:
    """The kinds of hashes."""
    authorized(parts, request, MATCH_HASHES)
    return Reply(200, _encode([{"name": kind, "enabled_ratio": 1.0} for kind in KINDS]))


async def list_content_types(parts: Parts, request: Request) -> Reply:
    """The kinds of files, by which uploads are named."""
    authorized(parts, request, MATCH_HASHES)
    return Reply(200, _encode([{"name": name, "enabled": True} for name in FIELDS]))


async def show_index(parts: Parts, request: Request) -> Reply:
    """How many hashes of each kind are looked up; `signal_type` asks for one. What is put in is looked up within a second."""
    authorized(parts, request, MATCH_HASHES)
    wanted = request.query.get("signal_type")
    if wanted is not None and wanted not in KINDS:
        raise Refusal("invalid-hash", f"No such signal type '{wanted[:30]}'")
    shelf = (await ready(parts)).shelf
    said = {
        kind: {
            "db_size": size,
            "index_size": size,
            "index_out_of_date": False,
            "newest_db_item": -1,
            "index_built_to": -1,
        }
        for kind in ([wanted] if wanted else KINDS)
        for size in [shelf.count(kind)]
    }
    return Reply(200, _encode(said))


async def _curated(parts: Parts, work: Callable[[Curator], T]) -> T:
    """What the database says, on a reading thread. Raises Refusal."""
    if parts.curator is None:
        raise Refusal("not-ready", "the banks are not there yet", headers=((b"retry-after", b"1"),))
    try:
        return await off_loop(parts, work, parts.curator)
    except Taken as reason:
        raise Refusal("forbidden", str(reason)) from None
    except Cannot as reason:
        raise Refusal("invalid-hash", str(reason)) from None
    except Unavailable as reason:
        raise Refusal("busy", str(reason), headers=((b"retry-after", b"2"),)) from None


async def _exchange(parts: Parts, name: str) -> ExchangeView:
    for exchange in await _curated(parts, lambda curator: curator.exchanges()):
        if exchange.name == name:
            return exchange
    raise Refusal("not-found", f"Exchange '{name[:60]}' not found")


def _ratio(wanted: Mapping[str, Any]) -> float | None:
    """`enabled_ratio`, else `enabled` as 1 or 0; None where neither is said."""
    ratio, enabled = wanted.get("enabled_ratio"), wanted.get("enabled")
    if ratio is None:
        if not isinstance(enabled, bool | None):
            raise Refusal("invalid-hash", "Field `enabled` must be true or false")
        return None if enabled is None else float(enabled)
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio <= 1:
        raise Refusal("invalid-hash", "Field `enabled_ratio` must be a share from 0 to 1")
    return float(ratio)


def _item(request: Request) -> tuple[str, int]:
    bank, number = request.arguments
    if not (number.isascii() and number.isdigit() and len(number) <= _DIGITS):
        raise Refusal("not-found", f"content '{number[:60]}' not found")
    return bank, int(number)


def _content(found: Content) -> dict[str, Any]:
    return {
        "id": found.id,
        "disable_until_ts": ENABLED if found.counts else DISABLED,
        "collab_metadata": found.known_as,
        "original_media_uri": None,
        "bank": _of(found.bank),
    }


def _there(found: T | None, bank: str) -> T:
    if found is None:
        raise Refusal("not-found", f"bank '{bank[:60]}' not found")
    return found


def _of(bank: BankShare) -> dict[str, Any]:
    return {"name": bank.name, "matching_enabled_ratio": bank.ratio}


def _bank(bank: BankShare, status: int = 200) -> Reply:
    return Reply(status, _encode(_of(bank)))


_ANGLES = str.maketrans("{}", "<>")

CURATION_ROUTES = (
    hma_route("GET", "/status", hma_status, None),
    hma_route("GET", "/site-map", site_map, None),
    hma_route("GET", "/c/banks", list_banks),
    hma_route("GET", "/c/bank/{name}", show_bank),
    hma_route("POST", "/c/banks", create_bank, WRITE_BANKS, 201),
    hma_route("PUT", "/c/bank/{name}", update_bank, WRITE_BANKS),
    hma_route("DELETE", "/c/bank/{name}", delete_bank, WRITE_BANKS),
    hma_route("POST", "/c/bank/{name}/content", add_content, WRITE_BANKS),
    hma_route("GET", "/c/bank/{name}/content/{item}", show_content),
    hma_route("PUT", "/c/bank/{name}/content/{item}", update_content, WRITE_BANKS),
    hma_route("DELETE", "/c/bank/{name}/content/{item}", delete_content, WRITE_BANKS),
    hma_route("GET", "/c/exchanges", list_exchanges),
    hma_route("POST", "/c/exchanges", refuse_exchanges, WRITE_BANKS),
    hma_route("GET", "/c/exchanges/apis", list_exchange_kinds),
    hma_route("GET", "/c/exchanges/api/{name}", show_exchange_kind),
    hma_route("POST", "/c/exchanges/api/{name}", refuse_exchanges, WRITE_BANKS),
    hma_route("GET", "/c/exchange/{name}", show_exchange),
    hma_route("PUT", "/c/exchange/{name}", update_exchange, WRITE_BANKS),
    hma_route("DELETE", "/c/exchange/{name}", refuse_exchanges, WRITE_BANKS),
    hma_route("GET", "/c/exchange/{name}/status", show_exchange_status),
    hma_route("GET", "/c/signal_type", list_signal_types),
    hma_route("GET", "/c/signal_type/index", show_index),
    hma_route("PUT", "/c/signal_type/{name}", refuse_signal_type, WRITE_BANKS),
    hma_route("GET", "/c/content_type", list_content_types),
)
