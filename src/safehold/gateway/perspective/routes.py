"""Perspective's API (`comments:analyze`, `comments:suggestscore`) over our own model, policies and record: a client changes the
address and the key. docs/reference/perspective-api.md says what is the same and what is not. Who calls: `application`.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from safehold.gateway.cloudevents import read_json
from safehold.gateway.learned import answers_by
from safehold.gateway.perspective.analysis import Analysis, analyse, check_comment, plain_text
from safehold.gateway.perspective.attributes import OFFERED, model_name, primary
from safehold.gateway.perspective.calibration import Calibration, apply
from safehold.gateway.perspective.described import ANALYZED, DISCOVERY, PREFLIGHT, SUGGESTED
from safehold.gateway.perspective.discovery import discovery_document
from safehold.gateway.perspective.errors import (
    CORS,
    ApiError,
    Violation,
    no_key,
    not_for_browsers,
    refuse,
    unreadable,
    wrong_request,
)
from safehold.gateway.perspective.masks import Mask, chosen, read_mask
from safehold.gateway.perspective.messages import read_message
from safehold.gateway.perspective.texts import plain
from safehold.gateway.perspective.upstream import Upstream, pairs_of, scores_of
from safehold.gateway.problems import Refusal
from safehold.gateway.requests import Headers, Reply, Request
from safehold.gateway.routes import Parts, Route
from safehold.gateway.scoring import SCORE_TEXTS, WRITE_LABELS, decide_on, records
from safehold.gateway.store import Key, LabelSubmission, Unavailable
from safehold.signals.language import identify

ANALYZE = "/v1alpha1/comments:analyze"
SUGGEST = "/v1alpha1/comments:suggestscore"
#: What a publisher's tool (Coral) says a comment's fate was, as if it were an attribute. It doesn't say why, so no model can
#: learn from it: it is taken and not kept.
_FATES = frozenset({"APPROVED", "DELETED"})
#: Of the other service's answer.
_ANSWERED = frozenset({"attributeScores", "languages", "detectedLanguages"})
_REFERENCE = 190  # characters that a label's reference may have
#: Labels that one request may bring: each is of a text of its own.
_MOST_LABELS = 500

_encode = msgspec.json.Encoder().encode
_JSON = b"application/json; charset=UTF-8"


async def analyze(parts: Parts, request: Request) -> Reply:
    """Score a comment. Unless the request says `doNotStore`, and if the key may write events, what was scored is decided on
    and recorded like any event before it is answered."""
    key = _key(parts, request, SCORE_TEXTS)
    spent = parts.keyring.spend(key, 1)
    mask = _mask(request, "AnalyzeCommentResponse")
    message = await _message(parts, request, "AnalyzeCommentRequest")
    calibration = parts.calibrations.in_force()
    kept = not message.get("doNotStore")
    answers = answers_by(parts.community, parts.shipped, recorded=kept and records(key))
    work = partial(analyse, message, partial(apply, calibration), answers)
    if parts.upstream is not None and parts.upstream.answers:
        found, model = await _theirs(parts, parts.upstream, key, message, work)
    else:
        found = await parts.scorer.run(work)
        model = _model(calibration, found)
        if parts.upstream is not None and kept:
            parts.upstream.beside(key.service, message, found.raw, found.language)
    if records(key) and kept:
        await _record(parts, key, message, found, model)
    return _reply(request, mask, {**found.answer, **_token(message)}, spent)


async def suggestscore(parts: Parts, request: Request) -> Reply:
    """Say what a comment's scores should be: labels, from which community models learn."""
    key = _key(parts, request, WRITE_LABELS)
    spent = parts.keyring.spend(key, 1)
    mask = _mask(request, "SuggestCommentScoreResponse")
    message = await _message(parts, request, "SuggestCommentScoreRequest")
    labels = await parts.scorer.run(partial(_labels, message, key))
    text, _ = check_comment(message)
    if labels:
        work = partial(parts.store.submit_labels, key.service, labels)
        try:
            await asyncio.get_running_loop().run_in_executor(parts.readers, work)
        except ValueError as error:
            raise wrong_request(str(error)) from None
        except Unavailable:
            raise Refusal("not-written", "labels can't be written now", headers=((b"retry-after", b"1"),)) from None
    detected = await parts.scorer.run(partial(identify, text))
    answer = {
        "detectedLanguages": [language for language, _ in detected],
        "requestedLanguages": message.get("languages", []),
    }
    told = {name: value for name, value in answer.items() if value}
    return _reply(request, mask, {**told, **_token(message)}, spent)


async def preflight(parts: Parts, request: Request) -> Reply:
    """A browser asks whether its page may ask: it may, with a key that can only score."""
    headers: Headers = (
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", b"POST"),
        (
            b"access-control-allow-headers",
            b"content-type, authorization, x-goog-api-key, x-goog-api-client, x-goog-fieldmask, x-requested-with",
        ),
        (b"access-control-max-age", b"3600"),
    )
    return Reply(204, b"", _JSON, headers)


async def discover(parts: Parts, request: Request) -> Reply:
    """The discovery document, from which Google's client libraries build themselves."""
    version = request.query.get("version", "v1alpha1")
    if version != "v1alpha1":
        raise ApiError("not-found", 404, "Discovery document not found for this version; there is v1alpha1.", [])
    return Reply(200, discovery_document(parts.base_url), _JSON, CORS)


def _model(calibration: Calibration | None, found: Analysis) -> str:
    """What scored, as the record names it."""
    named = [model_name()]
    if calibration is not None:
        named.append(f"calibration {calibration.version}")
    if found.community:
        named.append(f"community {found.community}")
    return ", ".join(named)


async def _theirs(
    parts: Parts, upstream: Upstream, key: Key, message: dict[str, Any], work: Callable[[], Analysis]
) -> tuple[Analysis, str]:
    """The other service's answer where it has one, else ours, and who scored. What the comment itself forbids is refused."""
    check_comment(message)
    asked = asyncio.ensure_future(upstream.answer(message))
    refused: Refusal | None = None
    ours: Analysis | None = None
    try:
        ours = await parts.scorer.run(work)
    except Refusal as refusal:  # perhaps the other service can: it reads more languages
        refused = refusal
    answer, failed = await asked
    scores = scores_of(answer) if answer is not None else None
    if ours is not None and not message.get("doNotStore"):
        text: str = message["comment"]["text"]
        size = len(text.encode("utf-8", "replace"))
        upstream.keep(key.service, pairs_of(ours.raw, scores, failed=failed, language=ours.language, size=size), text)
    if answer is not None and scores is not None:
        told = {name: value for name, value in answer.items() if name in _ANSWERED}
        languages = answer.get("detectedLanguages") or answer.get("languages") or [""]
        return Analysis(told, scores, {}, plain_text(message), primary(str(languages[0]))), "upstream"
    if ours is None:
        raise refused or Refusal("internal", "nothing was scored")
    return ours, _model(parts.calibrations.in_force(), ours)


def _key(parts: Parts, request: Request, scope: str) -> Key:
    """The key of `?key=`, `X-Goog-Api-Key` or Authorization. A browser's may do nothing but score. Raises Refusal."""
    if secret := request.query.get("key"):
        key = parts.keyring.check_secret(secret.strip().encode(), scope)
    elif header := request.headers.get(b"x-goog-api-key"):
        key = parts.keyring.check_secret(header.strip(), scope)
    elif authorization := request.headers.get(b"authorization"):
        key = parts.keyring.check(authorization, scope)
    else:
        raise no_key()
    if b"origin" in request.headers and key.scopes != {SCORE_TEXTS}:
        raise not_for_browsers()
    return key


async def _message(parts: Parts, request: Request, name: str) -> dict[str, Any]:
    """The request's body as a message, whatever its Content-Type says: clients send none, or a form's."""
    if request.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise wrong_request("Compressed bodies are not taken; send it as it is.")
    body = await request.body(parts.limits.body)
    try:
        document = read_json(body) if body.strip() else {}
    except Refusal as refusal:
        text = f"Invalid JSON payload received. {refusal.detail}"
        raise unreadable([Violation("", text)]) from None
    return read_message(name, document)


async def _record(parts: Parts, key: Key, message: Mapping[str, Any], found: Analysis, model: str) -> None:
    context = message.get("context", {})
    pair = context.get("articleAndParentComment", {})
    entries = [*context.get("entries", []), *(pair[part] for part in ("article", "parentComment") if part in pair)]
    data = {
        "api": "perspective",
        "text": _kept(found.text),
        "content_type": message["comment"].get("type"),
        "replies_to": [_kept(entry.get("text", "")) for entry in entries] or None,
        "language": found.language or None,
        "reference": message.get("clientToken"),
        "community": message.get("communityId"),
        "scores": found.scores,
        "model": model,
    }
    session = message.get("sessionId")
    await decide_on(parts, key, ANALYZE, data, context={"session": session} if session else None)


def _kept(text: str) -> str:
    """A text as the record can keep it: PostgreSQL has no U+0000."""
    return text.replace("\0", "\ufffd")


def _labels(message: Mapping[str, Any], key: Key) -> list[LabelSubmission]:
    """The request's scores as labels of the whole text and of its parts. Raises Refusal 400."""
    written, kind = check_comment(message)
    suggested: Mapping[str, Mapping[str, Any]] = message.get("attributeScores", {})
    if not suggested:
        raise wrong_request("Missing attribute_scores")
    if sum(1 + len(scores.get("spanScores", [])) for scores in suggested.values()) > _MOST_LABELS:
        raise wrong_request(f"Too many scores: {_MOST_LABELS} of attributes and spans are the most of one request")
    token = message.get("clientToken", "")
    reference = token if len(token) <= _REFERENCE else hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
    labels = []
    for name, scores in suggested.items():
        if name in _FATES:
            continue
        if name not in OFFERED:
            shown = name if name.isidentifier() and len(name) <= 64 else "(not a name)"
            raise wrong_request(f"Unknown requested attribute: {shown}")
        for text, value in _said(name, written, kind, scores):
            labels.append(
                LabelSubmission(
                    text=text,
                    attribute=OFFERED[name].scores,
                    value=value,
                    source="suggestscore",
                    at=datetime.now(UTC),
                    reference=reference,
                    key=key.id,
                )
            )
    return labels


def _said(name: str, written: str, kind: str, scores: Mapping[str, Any]) -> list[tuple[str, float]]:
    """(text, value) of an attribute's summary and of its parts."""
    summary, spans = scores.get("summaryScore"), scores.get("spanScores", [])
    if summary is None and not spans:
        raise wrong_request(f"Attribute {name} has neither summary_score nor span_scores")
    units = written.encode("utf-16-le", "surrogatepass")
    pieces = [(written, summary)] if summary is not None else []
    for span in spans:
        begin, end = span.get("begin"), span.get("end")
        if begin is None or end is None or not 0 <= begin < end <= len(units) // 2:
            raise wrong_request(
                f"A span of {name} must have begin and end, in UTF-16 code units, inside of the comment"
            )
        pieces.append((units[2 * begin : 2 * end].decode("utf-16-le", "replace"), span.get("score", {})))
    said = []
    for text, score in pieces:
        value = score.get("value", 0.0)
        if not 0.0 <= value <= 1.0:
            raise wrong_request(f"The score of {name} must be between 0 and 1")
        said.append((_kept(plain(text)[0] if kind == "HTML" else text), value))
    return said


def _token(message: Mapping[str, Any]) -> dict[str, Any]:
    return {"clientToken": message["clientToken"]} if message.get("clientToken") else {}


def _mask(request: Request, message: str) -> Mask | None:
    """The parts of the answer that are wanted: `?fields=`, or the header of Google's newer clients."""
    header = request.headers.get(b"x-goog-fieldmask", b"").decode("ascii", "replace")
    return read_mask(request.query.get("fields", request.query.get("$fields", header)), message)


def _reply(request: Request, mask: Mask | None, answer: dict[str, Any], spent: Headers) -> Reply:
    body = _encode(answer if mask is None else chosen(answer, mask))
    if request.query.get("prettyPrint", "false").lower() in ("true", "1"):
        body = msgspec.json.format(body, indent=2) + b"\n"
    return Reply(200, body, _JSON, (*CORS, *spent))


_API = "perspective"
_ANSWER: dict[int, type | str] = {200: dict}
_NOTHING: dict[int, type | str] = {204: "text/plain"}

PERSPECTIVE_ROUTES: tuple[Route, ...] = tuple(
    Route(
        method=method, path=path, handle=handle, scope=scope, answers=answers, drop_in=_API, refuse=refuse,
        described=described,
    )
    for method, path, handle, scope, answers, described in (
        ("POST", ANALYZE, analyze, SCORE_TEXTS, _ANSWER, ANALYZED),
        ("POST", SUGGEST, suggestscore, WRITE_LABELS, _ANSWER, SUGGESTED),
        ("OPTIONS", ANALYZE, preflight, None, _NOTHING, PREFLIGHT),
        ("OPTIONS", SUGGEST, preflight, None, _NOTHING, PREFLIGHT),
        ("GET", "/$discovery/rest", discover, None, _ANSWER, DISCOVERY),
        ("GET", "/discovery/v1/apis/commentanalyzer/v1alpha1/rest", discover, None, _ANSWER, DISCOVERY),
    )
)  # fmt: skip
