"""OpenAI's moderation API: texts and images in, categories of harm with their scores out. With a key that may write events
each text is also an event (`content.checked`) that the policies decide on. docs/reference/openai-moderation.md says all of it.

Source: OpenAI's API reference, "Create moderation". What is ours in an answer stands under `safehold`, which clients ignore.
"""

import asyncio
import re
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from safehold.gateway.answers import Sealed
from safehold.gateway.learned import Answers, answers_by
from safehold.gateway.moderations.categories import CATEGORIES, NAMES, greatest, of_image, of_text
from safehold.gateway.moderations.described import MODERATED
from safehold.gateway.moderations.images import NoImage, score_image
from safehold.gateway.moderations.input import Wanted, read_wanted
from safehold.gateway.problems import Refusal, field_error
from safehold.gateway.requests import Headers, Reply, Request
from safehold.gateway.routes import Parts, Route
from safehold.gateway.scoring import SCORE_TEXTS, decide_on, records
from safehold.gateway.store import Key
from safehold.signals.harm import model_version
from safehold.signals.media.workers import ask

#: Bytes of a request: images may be in it.
MOST_BYTES = 16 * 1_048_576
#: What a client sends that wants nothing kept, though its key may write events: the header `Safehold-Record: no`.
_NO = frozenset({b"no", b"0", b"false", b"never"})
_RATE = re.compile(rb'"events";r=(\d+);t=([\d.]+)')
_POLICY = re.compile(rb'"events";q=(\d+);w=(\d+)')

_encode = msgspec.json.Encoder().encode


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, in OpenAI's words: `param` is the field, `code` what a program looks at."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every refusal."""

    error: ErrorBody


class _Answer(msgspec.Struct, frozen=True):
    """What is read of an `Answer`."""

    decision: str
    action: str
    queue: str | None


_read_answer = msgspec.json.Decoder(_Answer).decode


class _Found(msgspec.Struct, frozen=True):
    """What was measured of one input: scores by category, and which kinds of input each came from."""

    scores: dict[str, float]
    applied: dict[str, list[str]]
    truncated: bool
    unreadable: int


async def moderate(parts: Parts, request: Request) -> Reply:
    """Score one input, several, or the parts of one."""
    key = parts.keyring.check(request.headers.get(b"authorization"), SCORE_TEXTS)
    if request.media_type() != "application/json":
        raise Refusal("unsupported-media-type", "Send the body as application/json.")
    with parts.room.hold(request, MOST_BYTES):
        return await _moderated(parts, request, key)


async def _moderated(parts: Parts, request: Request, key: Key) -> Reply:
    recorded = records(key) and request.headers.get(b"safehold-record", b"").strip().lower() not in _NO
    answers = answers_by(parts.community, parts.shipped, recorded=recorded)
    model = f"safehold-harm-{model_version()}" + (f"-community-{answers.community}" if answers.community else "")
    wanted = read_wanted(await request.body(MOST_BYTES), model)
    headers = _rates(parts.keyring.spend(key, max(1, sum(len(texts) + len(images) for texts, images in wanted.inputs))))
    found, by_text = await _measured(parts, answers, wanted)
    decided = await _decided(parts, key, request.path, wanted, by_text, model) if recorded else [[] for _ in found]
    results = [
        _result(one, answers, wanted.older, parts.thresholds) for one, answers in zip(found, decided, strict=True)
    ]
    missing = ", ".join(name for name in NAMES if not any(one.applied[name] for one in found))
    body = {
        "id": f"modr-{uuid.uuid4().hex}",
        "model": model,
        "results": results,
        "safehold": {"not_measured": missing.split(", ") if missing else []},
    }
    return Reply(200, _encode(body), headers=(*headers, (b"safehold-not-measured", missing.encode())))


async def _measured(
    parts: Parts, answers: Answers, wanted: Wanted
) -> tuple[list[_Found], list[list[Mapping[str, float]]]]:
    """What was found of each input, and the attributes' scores of each of its texts. One call of the model for all texts.

    Raises Refusal 400 for an image that is none.
    """
    texts = [text for texts, _ in wanted.inputs for text in texts]
    scored = iter(await parts.scorer.run(partial(answers.score, texts)) if texts else [])
    found: list[_Found] = []
    by_text: list[list[Mapping[str, float]]] = []
    for texts, images in wanted.inputs:
        own = [next(scored) for _ in texts]
        seen = [await _seen(parts, where, address) for where, address in images]
        measured = [of_image(one) for one in seen]
        by_kind = {"text": greatest(of_text(one.scores) for one in own), "image": greatest(measured)}
        applied = {name: [kind for kind, scores in by_kind.items() if name in scores] for name in NAMES}
        truncated, unreadable = any(one.truncated for one in own), sum(not one.scores for one in own)
        found.append(_Found(greatest(by_kind.values()), applied, truncated, unreadable))
        by_text.append([one.scores for one in own])
    return found, by_text


async def _seen(parts: Parts, where: str, address: str) -> dict[str, float]:
    try:
        return await parts.looker.run(partial(score_image, address, parts.image_hosts))
    except NoImage as error:
        raise Refusal("invalid-event", f"Invalid image: {error}.", [field_error((where,), str(error))]) from None
    except ask.Unavailable as error:
        raise Refusal("busy", str(error), headers=((b"retry-after", b"1"),)) from None


async def _decided(
    parts: Parts, key: Key, path: str, wanted: Wanted, by_text: list[list[Mapping[str, float]]], model: str
) -> list[list[_Answer]]:
    """What the policies say of each text of each input, once that is on disk; nothing where they have no such event type."""
    actor = {"id": wanted.user} if wanted.user else None
    asked = [
        decide_on(parts, key, path, _data(wanted, text, scores, model), actor=actor)
        for (texts, _), own in zip(wanted.inputs, by_text, strict=True)
        for text, scores in zip(texts, own, strict=True)
        if text.strip()
    ]
    try:
        sealed: list[Sealed] = await asyncio.gather(*asked)
    except Refusal as refusal:
        if refusal.kind != "unknown-event-type":
            raise
        return [[] for _ in wanted.inputs]
    answers = (_read_answer(one.body) for one in sealed)
    return [[next(answers) for text in texts if text.strip()] for texts, _ in wanted.inputs]


def _data(wanted: Wanted, text: str, scores: Mapping[str, float], model: str) -> dict[str, Any]:
    # One content may be many texts: only a single input can be the content that the client names.
    about = wanted.about if len(wanted.inputs) == 1 and len(wanted.inputs[0][0]) == 1 else {}
    return {"api": "openai", "text": text.replace("\0", ""), "scores": scores, "model": model, **about}


def _result(found: _Found, decided: list[_Answer], older: bool, thresholds: Mapping[str, float]) -> dict[str, Any]:
    shown = [category.name for category in CATEGORIES if not (older and category.omni)]
    flags = {name: found.scores.get(name, 0.0) >= thresholds[name] for name in shown}
    result: dict[str, Any] = {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": {name: found.scores.get(name, 0.0) for name in shown},
    }
    if not older:
        result["category_applied_input_types"] = {name: found.applied[name] for name in shown}
    ours: dict[str, Any] = {}
    if found.truncated:
        ours["truncated"] = True
    if found.unreadable:
        ours["texts_not_measured"] = found.unreadable
    if decided:
        ours["decisions"] = [{"decision": one.decision, "action": one.action, "queue": one.queue} for one in decided]
    return result | ({"safehold": ours} if ours else {})


def refuse(refusal: Refusal) -> Reply:
    """A refusal in OpenAI's words."""
    kind, code, status = _WORDS.get(refusal.kind, ("invalid_request_error", None, refusal.status))
    param = refusal.errors[0].field if refusal.errors else None
    if param == "model":
        code = "model_not_found"
    error = ErrorBody(message=refusal.detail, type=kind, param=param, code=code)
    return Reply(status, _encode(OpenAIError(error=error)), headers=_rates(refusal.headers))


#: A kind of refusal -> type, code and status. What isn't here is an `invalid_request_error` with its own status.
_WORDS: dict[str, tuple[str, str | None, int]] = {
    "unauthorized": ("invalid_request_error", "invalid_api_key", 401),
    "forbidden": ("invalid_request_error", "insufficient_permissions", 403),
    "rate-limited": ("requests", "rate_limit_exceeded", 429),
    "invalid-event": ("invalid_request_error", None, 400),
    "malformed-json": ("invalid_request_error", None, 400),
    "internal": ("server_error", "internal_error", 500),
    "busy": ("server_error", "overloaded", 503),
    "not-ready": ("server_error", "not_ready", 503),
    "not-written": ("server_error", "not_written", 503),
}


def _rates(headers: Headers) -> Headers:
    """RateLimit headers said in OpenAI's way too."""
    said = []
    for name, value in headers:
        if name == b"ratelimit-policy" and (policy := _POLICY.fullmatch(value)):
            said.append((b"x-ratelimit-limit-requests", policy[1]))
        elif name == b"ratelimit" and (rate := _RATE.fullmatch(value)):
            said.append((b"x-ratelimit-remaining-requests", rate[1]))
            said.append((b"x-ratelimit-reset-requests", rate[2].partition(b".")[0] + b"s"))
    return (*headers, *said)


MODERATION_ROUTES = (
    Route(
        method="POST",
        path="/v1/moderations",
        handle=moderate,
        answers={200: dict},
        drop_in="openai",
        described=MODERATED,
        refuse=refuse,
    ),
)
