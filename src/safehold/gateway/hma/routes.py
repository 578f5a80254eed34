"""Hasher-Matcher-Actioner's endpoints, so that its clients work: `/h` hashes, `/m` matches, `/c` reads banks and puts hashes
into them. Addresses, parameters and answers are those of HMA 1.0 (facebook/ThreatExchange); only the key is ours. Who calls:
`application`, by ROUTES. docs/reference/hma.md says what is not there.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import msgspec

from safehold.gateway.banks import BankKeeper
from safehold.gateway.cloudevents import read_json
from safehold.gateway.hma.described import DESCRIBED
from safehold.gateway.hma.media import hashes_of_upload, hashes_of_url
from safehold.gateway.problems import Refusal
from safehold.gateway.requests import Reply, Request
from safehold.gateway.routes import Handler, Parts, Route
from safehold.gateway.store import Key, Unavailable
from safehold.signals.hashes import tlsh
from safehold.signals.hashes.kinds import KINDS, MOST_PDQ_DISTANCE, BadHash, normal
from safehold.signals.hashes.matching import Match
from safehold.signals.media import vpdq

MATCH_HASHES = "hashes:match"
WRITE_BANKS = "banks:write"
#: Bytes of a JSON body.
MOST_BYTES = 1024 * 1024
#: How far two TLSH digests may be apart to be called the same, as threatexchange has it.
TLSH_DISTANCE = 30

_encode = msgspec.json.Encoder().encode
T = TypeVar("T")


class HmaError(msgspec.Struct, frozen=True):
    """What HMA says is wrong: a sentence."""

    message: str


def _refused(refusal: Refusal) -> Reply:
    """A refusal in HMA's words. What its clients look at is the status."""
    status = 400 if refusal.status in (413, 415, 422) else refusal.status
    return Reply(status, _encode(HmaError(refusal.detail)), headers=refusal.headers)


async def off_loop(parts: Parts, function: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(parts.readers, function, *arguments)


async def hash_url(parts: Parts, request: Request) -> Reply:
    """Fetch a file from a public address and say its hashes."""
    authorized(parts, request, MATCH_HASHES)
    return Reply(200, _encode(await _hashed_url(parts, request)))


async def hash_upload(parts: Parts, request: Request) -> Reply:
    """The hashes of an uploaded file, one multipart part named `photo`, `video` or `file`."""
    authorized(parts, request, MATCH_HASHES)
    return Reply(200, _encode(await _hashed_upload(parts, request)))


async def hashes_of_request(parts: Parts, request: Request) -> dict[str, str]:
    """The hashes of the file at `url`, else of the one that is uploaded. Raises Refusal."""
    if request.query.get("url"):
        return await _hashed_url(parts, request)
    if not request.headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data"):
        raise Refusal("invalid-hash", "Neither `url` nor multipart file upload was received")
    return await _hashed_upload(parts, request)


async def _hashed_url(parts: Parts, request: Request) -> dict[str, str]:
    url = request.query.get("url", "")
    if not url:
        raise Refusal("invalid-hash", "url is required")
    return _wanted(request, await parts.looker.run(partial(hashes_of_url, url, parts.fetch_private_hosts)))


async def _hashed_upload(parts: Parts, request: Request) -> dict[str, str]:
    return _wanted(request, await hashes_of_upload(request, parts.looker, parts.room))


def _wanted(request: Request, hashes: dict[str, str]) -> dict[str, str]:
    """Only the `types` that were asked for."""
    asked = [name.strip() for name in request.query.get("types", "").split(",") if name.strip()]
    if unknown := [name for name in asked if name not in KINDS]:
        raise Refusal("invalid-hash", f"signal type '{unknown[0]}' doesn't exist or is disabled")
    return {name: value for name, value in hashes.items() if not asked or name in asked}


async def raw_lookup(parts: Parts, request: Request) -> Reply:
    """The items near a hash, whatever share of their bank counts."""
    authorized(parts, request, MATCH_HASHES)
    kind, value = _asked(request)
    found = await _found(parts, {kind: value}, everything=True)
    matches = _of_banks(request, found[kind])
    if request.query.get("include_distance", "false").lower() in ("true", "1"):
        said: list[Any] = [{"bank_content_id": each.item, "distance": _apart(each)} for each in matches]
    else:
        said = [each.item for each in matches]
    return Reply(200, _encode({"matches": said}))


async def lookup(parts: Parts, request: Request) -> Reply:
    """What counts near a hash, or near the hashes of the file at `url`, by bank."""
    authorized(parts, request, MATCH_HASHES)
    if request.query.get("url"):
        hashes = await _hashed_url(parts, request)
        said = _by_kind(request, await _found(parts, hashes))
        kind = request.query.get("signal_type")
        return Reply(200, _encode(said.get(kind, {}) if kind else said))
    kind, value = _asked(request)
    return Reply(200, _encode(_by_kind(request, await _found(parts, {kind: value}))[kind]))


async def lookup_upload(parts: Parts, request: Request) -> Reply:
    """What counts near the hashes of an uploaded file, by kind of hash and bank."""
    authorized(parts, request, MATCH_HASHES)
    hashes = await _hashed_upload(parts, request)
    everything = request.query.get("bypass_coinflip", "false") == "true"
    return Reply(200, _encode(_by_kind(request, await _found(parts, hashes, everything=everything))))


async def compare(parts: Parts, request: Request) -> Reply:
    """Whether two hashes of a kind, `{"pdq": [a, b]}`, are the same thing, and how far they are apart."""
    authorized(parts, request, MATCH_HASHES)
    said: dict[str, Any] = {}
    for kind, pair in (await read_object(request)).items():
        if kind not in KINDS:
            raise Refusal("invalid-hash", f"No such SignalType '{kind}'")
        if not isinstance(pair, list) or len(pair) != 2:
            raise Refusal("invalid-hash", "Comparison hash list length must be exactly 2")
        left, right = (_normal(kind, str(each)) for each in pair)
        if kind == "pdq":
            apart = (int(left, 16) ^ int(right, 16)).bit_count()
            said[kind] = [apart <= MOST_PDQ_DISTANCE, {"distance": apart}]
        elif kind == "tlsh":
            apart = int(tlsh.distances(left, tlsh.rows([right]))[0])
            said[kind] = [apart <= TLSH_DISTANCE, {"distance": apart}]
        elif kind == "vpdq":
            said[kind] = _compared(left, right)
        else:
            said[kind] = [left == right, {"distance": 0 if left == right else 1}]
    return Reply(200, _encode(said))


async def index_status(parts: Parts, request: Request) -> Reply:
    """How many hashes of each kind are looked up."""
    authorized(parts, request, MATCH_HASHES)
    shelf = (await ready(parts)).shelf
    return Reply(200, _encode({kind: {"present": True, "built_to": -1, "size": shelf.count(kind)} for kind in KINDS}))


async def add_signals(parts: Parts, request: Request) -> Reply:
    """Hashes into a bank, where they wait to be activated unless the bank wants no second person."""
    key = authorized(parts, request, WRITE_BANKS)
    signals = await read_object(request)
    return await add_to_bank(
        parts, request.argument, {kind: _normal(kind, str(value)) for kind, value in signals.items()}, key
    )


async def add_to_bank(parts: Parts, name: str, hashes: dict[str, str], key: Key) -> Reply:
    """Put hashes into a bank. Raises Refusal."""
    if not hashes:
        raise Refusal("invalid-hash", "No signals given")
    banks = await ready(parts)
    try:
        added = await off_loop(parts, banks.add, name, hashes, key.id)
    except Unavailable as reason:
        raise Refusal("busy", str(reason), headers=((b"retry-after", b"2"),)) from None
    if added is None:
        raise Refusal("not-found", f"bank '{name[:60]}' not found")
    return Reply(200, _encode({"id": added, "signals": hashes}))


def authorized(parts: Parts, request: Request, scope: str) -> Key:
    """The key of a request, of which one is spent. Raises Refusal."""
    key = parts.keyring.check(request.headers.get(b"authorization"), scope)
    parts.keyring.spend(key, 1)
    return key


async def ready(parts: Parts) -> BankKeeper:
    """The banks of this process, filled: where another process decides, at the first look-up."""
    banks = parts.banks
    if banks is None:
        raise Refusal("not-ready", "index not yet ready")
    if not banks.shelf.ready:
        await off_loop(parts, banks.load)
        banks.start()
    return banks


async def _found(parts: Parts, hashes: dict[str, str], *, everything: bool = False) -> dict[str, list[Match]]:
    """kind -> what is near; `everything`: also what a canary holds back."""
    shelf = (await ready(parts)).shelf
    media = [[(kind, value)] for kind, value in hashes.items()]
    found = await off_loop(parts, shelf.look_up, media)
    return {
        kind: [*one.matches, *(each for each in one.held_back if everything and each.why == "canary")]
        for kind, one in zip(hashes, found, strict=True)
    }


def _asked(request: Request) -> tuple[str, str]:
    for name in ("signal", "signal_type"):
        if not request.query.get(name):
            raise Refusal("invalid-hash", f"Required parameter '{name}' is missing")
    kind = request.query["signal_type"]
    if kind not in KINDS:
        raise Refusal("invalid-hash", f"No such SignalType '{kind[:30]}'")
    return kind, _normal(kind, request.query["signal"])


def _normal(kind: str, value: str) -> str:
    try:
        return normal(kind, value)
    except BadHash as error:
        raise Refusal("invalid-hash", f"invalid signal: {error}") from None


def _compared(left: str, right: str) -> list[Any]:
    """Two videos, as the package `threatexchange` compares them."""
    shares = vpdq.compare(vpdq.read(left), vpdq.read(right)) or vpdq.Shares(0.0, 0.0)
    percent = {"query_match_percent": 100 * shares.query, "compared_match_percent": 100 * shares.compared}
    return [shares.matches, percent]


def _apart(match: Match) -> str:
    """As HMA writes it: bits, and of videos how much of each is in the other."""
    return str(match.shares or match.distance)


def _of_banks(request: Request, matches: Iterable[Match]) -> list[Match]:
    asked = request.query.get("banks")
    return [match for match in matches if not asked or match.bank in asked.split(",")]


def _by_kind(request: Request, found: dict[str, list[Match]]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    said: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for kind, matches in found.items():
        banks = said.setdefault(kind, {})
        for match in _of_banks(request, matches):
            one = {"bank_content_id": match.item, "distance": _apart(match)}
            banks.setdefault(match.bank, []).append(one)
    return said


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object in a body. Raises Refusal."""
    found = read_json(await request.body(MOST_BYTES))
    if not isinstance(found, dict):
        raise Refusal("malformed-json", "Request input was not a dict")
    return found


def hma_route(method: str, path: str, handle: Handler, scope: str | None = MATCH_HASHES, status: int = 200) -> Route:
    """A route of this API; one without a scope needs no key."""
    return Route(
        method=method, path=path, handle=handle, answers={status: dict}, scope=scope or "", key=scope is not None,
        drop_in="hma", refuse=_refused, described=DESCRIBED[method, path],
    )  # fmt: skip


HMA_ROUTES = (
    hma_route("GET", "/h/hash", hash_url),
    hma_route("POST", "/h/hash", hash_upload),
    hma_route("GET", "/m/raw_lookup", raw_lookup),
    hma_route("GET", "/m/lookup", lookup),
    hma_route("POST", "/m/lookup", lookup_upload),
    hma_route("POST", "/m/compare", compare),
    hma_route("GET", "/m/index/status", index_status),
    hma_route("POST", "/c/bank/{name}/signal", add_signals, WRITE_BANKS),
)
