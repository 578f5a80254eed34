"""Every address of the gateway: what it takes, what it answers, who may ask. `application` dispatches by this table and
`openapi` describes it, so neither can say something else than the other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import get_args

import msgspec

from safehold.gateway import cloudevents, metrics
from safehold.gateway.ahead import Ahead
from safehold.gateway.akismet.counted import Counted
from safehold.gateway.answers import (
    Answer,
    BatchAnswer,
    EventTypesAnswer,
    EventTypeView,
    Health,
    ProblemKind,
    Sealed,
    SealedBatch,
    SealedItem,
)
from safehold.gateway.banks import BankKeeper
from safehold.gateway.cloudevents import CloudEvent
from safehold.gateway.curating import Curator
from safehold.gateway.deciding import Decider
from safehold.gateway.described import Described
from safehold.gateway.inbox import Result, not_ready
from safehold.gateway.keys import STALE_SECONDS, Keyring
from safehold.gateway.limits import Limits
from safehold.gateway.media import MediaAnswer, Uploads
from safehold.gateway.metrics import Tally
from safehold.gateway.moderations.categories import read_thresholds
from safehold.gateway.perspective.calibration import Calibrations
from safehold.gateway.perspective.upstream import Upstream
from safehold.gateway.problems import KINDS, Problem, Refusal, type_uri
from safehold.gateway.requests import Reply, Request
from safehold.gateway.room import Room
from safehold.gateway.scoring import Scorer
from safehold.gateway.shipped import Shipped
from safehold.gateway.store import Conflict, DecisionView, Failed, Incoming, Store
from safehold.signals.community.seat import Seat
from safehold.signals.media.store import Keep

CLOUDEVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"
BYTES = "application/octet-stream"
WRITE_EVENTS = "events:write"
READ_DECISIONS = "decisions:read"

_encode = msgspec.json.Encoder().encode
_NOT_TAKEN = "this event could not be decided; it is not in the record"


def _unprepared(service: str, event: CloudEvent, received_at: datetime) -> Incoming:
    """Before the event types are known."""
    raise not_ready()


@dataclass(slots=True, kw_only=True)
class Parts:
    """What the handlers work with."""

    store: Store
    keyring: Keyring
    decider: Decider
    ahead: Ahead
    tally: Tally
    limits: Limits
    base_url: str
    readers: ThreadPoolExecutor
    uploads: Uploads
    openapi: bytes = b""
    #: Check an event against its declared type and say what it is about. Raises Refusal 422.
    prepare: Callable[[str, CloudEvent, datetime], Incoming] = field(default=_unprepared)
    event_types_body: bytes = b""
    #: The hash banks, for look-ups; those that decide are the same where this process decides.
    banks: BankKeeper | None = None
    curator: Curator | None = None
    counted: Counted = field(default_factory=Counted)
    #: Hosts on private networks from which files may be fetched to be hashed.
    fetch_private_hosts: frozenset[str] = frozenset()
    scorer: Scorer = field(default_factory=Scorer)
    shipped: Shipped = field(default_factory=Shipped)
    #: Looks at images: fewer may wait, since each takes seconds and megabytes; and hosts on private networks that have some.
    looker: Scorer = field(default_factory=lambda: Scorer(4, 32))
    image_hosts: frozenset[str] = frozenset()
    room: Room = field(default_factory=Room)
    #: From which score on each of OpenAI's categories is flagged.
    thresholds: Mapping[str, float] = field(default_factory=lambda: read_thresholds(""))
    calibrations: Calibrations = field(default_factory=lambda: Calibrations(None))
    upstream: Upstream | None = None
    #: The community model that answers the drop-in APIs beside the shipped one; None: the shipped one alone.
    community: Seat | None = None


def event_types_body(event_types: Sequence[EventTypeView]) -> bytes:
    """What `GET /v1/event-types` answers, ready to be sent."""
    return _encode(EventTypesAnswer(event_types=list(event_types)))


Handler = Callable[[Parts, Request], Awaitable[Reply]]


async def take_event(parts: Parts, request: Request) -> Reply:
    """Decide on one event.

    Structured mode (`application/cloudevents+json`) or binary mode (`ce-` headers and the data as an
    `application/json` body). The answer is sent after the verdict is on disk. Sending the same event again gives the
    same decision, marked `duplicate`.
    """
    key = parts.keyring.check(request.headers.get(b"authorization"), WRITE_EVENTS)
    headers = parts.keyring.spend(key, 1)
    media_type = request.media_type()
    binary = b"ce-specversion" in request.headers
    if media_type != CLOUDEVENT and not (media_type == "application/json" or (binary and media_type.endswith("+json"))):
        raise _unsupported(media_type, f"{CLOUDEVENT}, or application/json")
    body = await request.body(parts.limits.body)
    now = datetime.now(UTC)
    if binary and media_type != CLOUDEVENT:
        event = cloudevents.binary(request.headers, body, now)
    else:
        event = cloudevents.structured(body, now)
    incoming = await parts.ahead.known(parts.prepare(key.service, event, now))
    [result] = await parts.decider.submit([incoming])
    return Reply(200, _answered(result).body, headers=headers)


async def take_batch(parts: Parts, request: Request) -> Reply:
    """Decide on up to 1,000 events, in order.

    A JSON array (`application/cloudevents-batch+json`) or one event a line (`application/x-ndjson`). Each event has
    its own result; a wrong one doesn't hold up the others. The status is 200 if all were taken and 207 if some were
    not. Everything that is taken is written in one commit.
    """
    key = parts.keyring.check(request.headers.get(b"authorization"), WRITE_EVENTS)
    media_type = request.media_type()
    if media_type not in {BATCH, "application/json", NDJSON}:
        raise _unsupported(media_type, f"{BATCH} or {NDJSON}")
    body = await request.body(parts.limits.body)
    items = cloudevents.ndjson_items(body) if media_type == NDJSON else cloudevents.batch_items(body)
    if len(items) > parts.limits.batch:
        raise Refusal("too-large", f"the batch has {len(items):,} events; {parts.limits.batch:,} is the most at once")
    headers = parts.keyring.spend(key, len(items))
    now = datetime.now(UTC)
    results: list[SealedItem | None] = []
    taken: list[Incoming] = []
    for index, item in enumerate(items):
        try:
            taken.append(parts.prepare(key.service, cloudevents.structured(item, now), now))
            results.append(None)
        except Refusal as refusal:
            results.append(_refused(parts, index, refusal))
        if index % 64 == 63:
            await asyncio.sleep(0)  # others' requests go on meanwhile
    decided = await parts.decider.submit(await parts.ahead.all_known(taken)) if taken else []
    outcomes = iter(decided)
    whole = [item or _result(parts, index, next(outcomes)) for index, item in enumerate(results)]
    answers = [result for result in decided if isinstance(result, Sealed)]
    refused = len(whole) - len(answers)
    body_out = SealedBatch(
        taken=len(answers),
        duplicates=sum(one.duplicate for one in answers),
        refused=refused,
        results=whole,
    )
    return Reply(207 if refused else 200, _encode(body_out), headers=headers)


async def read_decision(parts: Parts, request: Request) -> Reply:
    """One decision of the key's service, by rules or by a person, with its actions and what overrides it."""
    key = parts.keyring.check(request.headers.get(b"authorization"), READ_DECISIONS)
    headers = parts.keyring.spend(key, 1)
    found = None
    if request.argument.startswith("dec_") and len(request.argument) <= 40 and request.argument.isascii():
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(parts.readers, parts.store.decision, key.service, request.argument)
    if found is None:
        raise Refusal("not-found", "there is no such decision in this key's service", headers=headers)
    return Reply(200, _encode(found), headers=headers)


async def take_media(parts: Parts, request: Request) -> Reply:
    """Take a file: its hashes, what it is by its own bytes, and how large, for an event's `data.media`.

    The body is the file as it is, with its own Content-Type, which is only compared with what the bytes say. The file is
    opened by a process of its own, within limits; one that can't be opened is answered too, with its digests and `unreadable`.
    `keep` says for how long the bytes are kept: `standard` (90 days), `short` (7), `none`. They are never served back here.
    """
    key = parts.keyring.check(request.headers.get(b"authorization"), WRITE_EVENTS)
    headers = parts.keyring.spend(key, 1)
    if request.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise _compressed()
    return Reply(200, _encode(await parts.uploads.take(request)), headers=headers)


async def list_event_types(parts: Parts, request: Request) -> Reply:
    """Every event type with the JSON Schema of its data. Any key may ask."""
    key = parts.keyring.check(request.headers.get(b"authorization"), None)
    return Reply(200, parts.event_types_body, headers=parts.keyring.spend(key, 1))


async def describe(parts: Parts, request: Request) -> Reply:
    """This description (OpenAPI 3.1)."""
    return Reply(200, parts.openapi)


async def explain_problem(parts: Parts, request: Request) -> Reply:
    """What a kind of problem means and what to do: where a problem document's `type` leads."""
    kind = KINDS.get(request.argument)
    if kind is None:
        raise Refusal("not-found", "there is no such kind of problem")
    uri = type_uri(parts.base_url, request.argument)
    return Reply(200, _encode(ProblemKind(type=uri, title=kind.title, status=kind.status, about=kind.about)))


async def health(parts: Parts, request: Request) -> Reply:
    """Whether the process lives. Nothing else is looked at: a restart would not mend it."""
    return Reply(200, _encode(Health(status="ok", checks={})))


async def readiness(parts: Parts, request: Request) -> Reply:
    """Whether events can be decided now: the engine knows the record, the keys are fresh, there is room to wait."""
    full = parts.decider.waiting >= parts.limits.waiting
    checks = {
        "engine": "ok"
        if parts.decider.ready
        else f"not ready: {parts.decider.reading or 'reading the record, or stopping'}",
        "keys": "ok" if parts.keyring.age <= STALE_SECONDS else "not readable from the database",
        "queue": "full" if full else "ok",
    }
    good = all(state == "ok" for state in checks.values())
    # Not a reason to send events elsewhere: they are decided, and policies say how.
    if (windows := parts.decider.windows()) is not None and windows.store != "memory":
        checks["windows"] = windows.state
    body = _encode(Health(status="ok" if good else "unavailable", checks=checks))
    return Reply(200 if good else 503, body, headers=() if good else ((b"retry-after", b"1"),))


async def expose_metrics(parts: Parts, request: Request) -> Reply:
    """Counters for Prometheus. Without a key only from this machine and not through a proxy, else with decisions:read."""
    if not request.from_this_machine:
        parts.keyring.check(request.headers.get(b"authorization"), READ_DECISIONS)
    return Reply(200, await parts.decider.exposition(), media_type=metrics.CONTENT_TYPE)


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One address. `answers` maps statuses to what is in them: a struct, or a media type for other than JSON. `query` maps
    parameters of the query string to their values.

    `drop_in` names the API of somebody else that it answers: `described` says what it takes and answers, and `refuse` says in
    its words what is wrong. `body` is the struct of a JSON body that is no event; `texts` are parameters of the query string
    that are any text, with what they say.
    """

    method: str
    path: str
    handle: Handler
    answers: dict[int, type | str]
    problems: tuple[str, ...] = ()
    scope: str | None = None
    key: bool = False
    takes: tuple[str, ...] = ()
    query: dict[str, tuple[str, ...]] = {}
    body: type | None = None
    texts: dict[str, str] = {}
    drop_in: str = ""
    described: Described | None = None
    refuse: Callable[[Refusal], Reply] | None = None


_KEYED = ("unauthorized", "rate-limited", "not-ready")
_POSTED = (
    "malformed-json", "incomplete-body", *_KEYED, "forbidden", "too-large", "unsupported-media-type", "internal",
    "busy", "not-written",
)  # fmt: skip

ROUTES: tuple[Route, ...] = (
    Route(
        method="POST", path="/v1/events", handle=take_event, scope=WRITE_EVENTS, key=True,
        takes=(CLOUDEVENT, "application/json"), answers={200: Answer},
        problems=(*_POSTED, "event-conflict", "invalid-event", "unknown-event-type"),
    ),
    Route(
        method="POST", path="/v1/events:batch", handle=take_batch, scope=WRITE_EVENTS, key=True,
        takes=(BATCH, NDJSON, "application/json"), answers={200: BatchAnswer, 207: BatchAnswer},
        problems=(*_POSTED, "malformed-batch"),
    ),
    Route(
        method="POST", path="/v1/media", handle=take_media, scope=WRITE_EVENTS, key=True, takes=(BYTES,),
        answers={200: MediaAnswer}, query={"keep": get_args(Keep)},
        problems=(
            "invalid-media", "incomplete-body", *_KEYED, "forbidden", "too-large", "unsupported-media-type", "internal",
            "no-room", "busy",
        ),
    ),
    Route(
        method="GET", path="/v1/decisions/{id}", handle=read_decision, scope=READ_DECISIONS, key=True,
        answers={200: DecisionView}, problems=(*_KEYED, "forbidden", "not-found", "internal"),
    ),
    Route(
        method="GET", path="/v1/event-types", handle=list_event_types, key=True, answers={200: EventTypesAnswer},
        problems=_KEYED,
    ),
    Route(
        method="GET", path="/v1/problems/{kind}", handle=explain_problem, answers={200: ProblemKind},
        problems=("not-found",),
    ),
    Route(method="GET", path="/v1/openapi.json", handle=describe, answers={200: dict}),
    Route(method="GET", path="/healthz", handle=health, answers={200: Health}),
    Route(method="GET", path="/readyz", handle=readiness, answers={200: Health, 503: Health}),
    Route(
        method="GET", path="/metrics", handle=expose_metrics, answers={200: "text/plain"}, scope=READ_DECISIONS,
        problems=("unauthorized", "forbidden"),
    ),
)  # fmt: skip


def _compressed() -> Refusal:
    return Refusal(
        "unsupported-media-type",
        "compressed bodies are not taken; send it as it is",
        headers=((b"accept-encoding", b"identity"),),
    )


def _unsupported(media_type: str, wanted: str) -> Refusal:
    accept = ((b"accept-post", ", ".join((CLOUDEVENT, BATCH, NDJSON, "application/json")).encode()),)
    # The type that came is not said again: a header can hold anything.
    said = "the Content-Type header is missing" if not media_type else "this Content-Type is not taken here"
    return Refusal("unsupported-media-type", f"{said}; send {wanted}", headers=accept)


def _answered(result: Result) -> Sealed:
    if isinstance(result, Conflict):
        raise Refusal(
            "event-conflict",
            "an event with this source and id came before, with another content",
            decision=result.decision,
        )
    if isinstance(result, Failed):
        raise Refusal("internal", _NOT_TAKEN)
    return result


def _result(parts: Parts, index: int, result: Result) -> SealedItem:
    try:
        return SealedItem(index=index, status=200, answer=msgspec.Raw(_answered(result).body))
    except Refusal as refusal:
        return _refused(parts, index, refusal)


def _refused(parts: Parts, index: int, refusal: Refusal) -> SealedItem:
    parts.tally.problem(refusal.kind)
    problem: Problem = refusal.problem(parts.base_url)
    return SealedItem(index=index, status=problem.status, problem=problem)
