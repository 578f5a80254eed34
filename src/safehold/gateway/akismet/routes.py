"""Akismet's API: comments in as forms, `true` or `false` out. A comment becomes an event (`content.checked`) that the policies
decide on; what moderators submit as spam or ham becomes labels. docs/reference/akismet-api.md says all of it.

Source: https://akismet.com/developers/. Clients differ in what they take for an error: some throw at any X-akismet-debug-help
or X-akismet-alert-code, so an answer that is an answer has neither.
"""

import asyncio
from datetime import UTC, datetime
from functools import partial

import msgspec

from safehold.gateway.akismet.comment import CHECK, Comment, read_comment
from safehold.gateway.akismet.described import DESCRIBED
from safehold.gateway.akismet.figures import TEXT, get_stats, key_sites, usage_limit
from safehold.gateway.akismet.key import key_of
from safehold.gateway.akismet.verdict import GONE, WITHHELD
from safehold.gateway.answers import Sealed
from safehold.gateway.learned import answers_by
from safehold.gateway.problems import Refusal
from safehold.gateway.requests import Headers, Reply, Request
from safehold.gateway.routes import Parts, Route
from safehold.gateway.scoring import SCORE_TEXTS, WRITE_LABELS, decide_on, records
from safehold.gateway.store import LabelSubmission, Unavailable

THANKS = "Thanks for making the web a better place."
#: Policies whose removals are spam, by the beginning of their names.
SPAM_POLICIES = ("spam.", "scams.", "phishing.")
#: Attributes of the text model that are spam to Akismet's users; asked where policies are not.
SPAM_ATTRIBUTES = ("spam", "scam", "phishing")
#: From which of their scores on a comment is spam, and is spam that nobody needs to see.
SPAM_FROM, DISCARD_FROM = 0.5, 0.98
#: What Akismet always takes for spam, so that an integration can be tried out.
ALWAYS_SPAM_AUTHOR, ALWAYS_SPAM_MAIL = "viagra-test-123", "akismet-guaranteed-spam@example.com"
#: Codes of X-akismet-alert-code: plugins show the message to the site's administrator. Akismet's own begin at 10001.
_ALERTS = {"forbidden": b"90403", "unauthorized": b"90401"}
_WORDS = {"invalid-event": 400, "malformed-json": 400}


class _Answer(msgspec.Struct, frozen=True):
    """What is read of an `Answer`."""

    decision: str
    action: str
    winner: str | None
    queue: str | None


_read_answer = msgspec.json.Decoder(_Answer).decode


async def check_comment(parts: Parts, request: Request) -> Reply:
    """Whether a comment is spam: `true` or `false`, and `X-akismet-pro-tip: discard` where nobody needs to see it.

    With a key that may write events the policies decide and the record has it. With one that may only score, and with
    `is_test`, the text model answers alone and nothing is kept.
    """
    form = await request.form(parts.limits.body)
    key = key_of(parts, request, form, SCORE_TEXTS)
    headers = parts.keyring.spend(key, 1)
    comment = read_comment(form)
    _require(comment)
    guid = (b"x-akismet-guid", comment.id.encode())
    if comment.role == "administrator":
        return _said("false", (*headers, guid))
    if comment.author == ALWAYS_SPAM_AUTHOR or comment.email == ALWAYS_SPAM_MAIL:
        return _spam(discard=comment.is_test and comment.test_discard, headers=(*headers, guid))
    if comment.is_test or not records(key):
        return await _scored(parts, comment, (*headers, guid))
    try:
        sealed = await decide_on(
            parts, key, request.path, comment.data, actor=comment.actor, context=comment.origin, time=comment.written_at
        )
    except Refusal as refusal:
        if refusal.kind != "unknown-event-type":
            raise
        return await _scored(
            parts, comment, (*headers, guid, (b"safehold-recorded", b"no; content.checked is not declared"))
        )
    return _decided(sealed, (*headers, guid))


def _decided(sealed: Sealed, headers: Headers) -> Reply:
    answer = _read_answer(sealed.body)
    headers = (*headers, (b"safehold-decision", answer.decision.encode()), (b"safehold-action", answer.action.encode()))
    if answer.action not in WITHHELD:
        return _said("false", headers)
    by_spam = answer.winner is not None and answer.winner.startswith(SPAM_POLICIES)
    return _spam(discard=by_spam and answer.action in GONE and answer.queue is None, headers=headers)


async def _scored(parts: Parts, comment: Comment, headers: Headers) -> Reply:
    answers = answers_by(parts.community, parts.shipped, recorded=False)
    [found] = await parts.scorer.run(partial(answers.score, [comment.content]))
    score = max((found.scores[name] for name in SPAM_ATTRIBUTES if name in found.scores), default=None)
    if score is None:  # a language that the model doesn't read: unknown is not spam, and is said not to be measured
        return _said("false", (*headers, (b"safehold-measured", b"no")))
    if score < SPAM_FROM:
        return _said("false", headers)
    return _spam(discard=score >= DISCARD_FROM, headers=headers)


async def submit_spam(parts: Parts, request: Request) -> Reply:
    """A comment that was not taken for spam and is."""
    return await _submitted(parts, request, 1.0)


async def submit_ham(parts: Parts, request: Request) -> Reply:
    """A comment that was taken for spam and is not."""
    return await _submitted(parts, request, 0.0)


async def _submitted(parts: Parts, request: Request, value: float) -> Reply:
    form = await request.form(parts.limits.body)
    key = key_of(parts, request, form, WRITE_LABELS)
    headers = parts.keyring.spend(key, 1)
    comment = read_comment(form)
    _require(comment)
    text = comment.data["text"]
    if not text or comment.is_test:
        return _said(THANKS, (*headers, (b"safehold-labels", b"0")))
    label = LabelSubmission(
        text=text,
        attribute="spam",
        value=value,
        source="akismet",
        at=datetime.now(UTC),
        reference=comment.id,
        key=key.id,
    )
    try:
        new = await asyncio.get_running_loop().run_in_executor(
            parts.readers, parts.store.submit_labels, key.service, [label]
        )
    except Unavailable:
        raise Refusal(
            "not-written", "this could not be written; send it again", headers=((b"retry-after", b"1"),)
        ) from None
    return _said(THANKS, (*headers, (b"safehold-labels", b"%d" % new)))


async def verify_key(parts: Parts, request: Request) -> Reply:
    """Whether a key may check comments: `valid` or `invalid`."""
    form = await request.form(parts.limits.body)
    try:
        key = key_of(parts, request, form, SCORE_TEXTS, fields=("key", "api_key"))
    except Refusal as refusal:
        if refusal.kind != "unauthorized":
            raise
        parts.tally.problem(refusal.kind)
        return _said("invalid")
    return _said("valid", parts.keyring.spend(key, 1))


async def get_subscription(parts: Parts, request: Request) -> Reply:
    """What WordPress' plugin asks before it keeps a key. Nothing is paid for here and nothing ends."""
    form = await request.form(parts.limits.body)
    key = key_of(parts, request, form, SCORE_TEXTS, fields=("key", "api_key"))
    body = msgspec.json.encode(
        {
            "account_id": 0,
            "user_id": 0,
            "account_name": "Safehold",
            "account_type": "self-hosted",
            "status": "active",
            "next_billing_date": False,
            "limit_reached": False,
        }
    )
    return Reply(200, body, headers=parts.keyring.spend(key, 1))


async def deactivate(parts: Parts, request: Request) -> Reply:
    """A site no longer uses its key. Keys end where they were made, so there is nothing to do."""
    form = await request.form(parts.limits.body)
    return _said(
        "deactivated", parts.keyring.spend(key_of(parts, request, form, SCORE_TEXTS, fields=("key", "api_key")), 1)
    )


async def connected(parts: Parts, request: Request) -> Reply:
    """Whether the service can be reached at all."""
    return _said("connected")


def refuse(refusal: Refusal) -> Reply:
    """A refusal in Akismet's words: a key that won't do is the answer `invalid`; for all else the status says it too, so that
    no client takes it for a verdict."""
    headers: Headers = (*refusal.headers, (b"x-akismet-debug-help", refusal.detail.encode("ascii", "replace")))
    if (code := _ALERTS.get(refusal.kind)) is not None:
        alert = (b"x-akismet-alert-msg", b"Safehold: " + refusal.detail.encode("ascii", "replace"))
        headers = (*(one for one in headers if one[0] != b"www-authenticate"), (b"x-akismet-alert-code", code), alert)
        return _said("invalid", headers)
    return Reply(_WORDS.get(refusal.kind, refusal.status), refusal.detail.encode(), TEXT, headers)


def _require(comment: Comment) -> None:
    for name in ("blog", "user_ip"):
        if not getattr(comment, name):
            raise Refusal("invalid-event", f"Missing required field: {name}.")


def _spam(*, discard: bool, headers: Headers) -> Reply:
    return _said("true", (*headers, (b"x-akismet-pro-tip", b"discard")) if discard else headers)


def _said(text: str, headers: Headers = ()) -> Reply:
    return Reply(200, text.encode(), TEXT, headers)


AKISMET_ROUTES = tuple(
    Route(
        method=method,
        path=path,
        handle=handle,
        answers={200: "text/plain"},
        drop_in="akismet",
        refuse=refuse,
        described=DESCRIBED[method, path],
    )
    for method, path, handle in (
        ("POST", CHECK, check_comment),
        ("POST", "/1.1/submit-spam", submit_spam),
        ("POST", "/1.1/submit-ham", submit_ham),
        ("POST", "/1.1/verify-key", verify_key),
        ("POST", "/1.1/get-subscription", get_subscription),
        ("POST", "/1.1/get-stats", get_stats),
        ("POST", "/1.1/deactivate", deactivate),
        ("GET", "/1.1/test", connected),
        ("GET", "/1.2/key-sites", key_sites),
        ("POST", "/1.2/key-sites", key_sites),
        ("GET", "/1.2/usage-limit", usage_limit),
        ("POST", "/1.2/usage-limit", usage_limit),
    )
)
