"""Policies of an older installation don't declare `content.checked`: texts are still scored, and the answer says that nothing was
recorded. The handlers themselves, without a server: `prepare` is what refuses there.
"""

import asyncio
import json
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any, NoReturn
from urllib.parse import urlencode

import pytest

from safehold.gateway.akismet.routes import check_comment
from safehold.gateway.limits import Limits
from safehold.gateway.moderations.categories import read_thresholds
from safehold.gateway.moderations.routes import moderate
from safehold.gateway.problems import Refusal
from safehold.gateway.requests import FORM, Reply, Request
from safehold.gateway.room import Room
from safehold.gateway.scoring import Scorer
from safehold.gateway.shipped import Shipped
from safehold.gateway.store import Key

KEY = Key(id="key_1", service="plaza", digest="", scopes=frozenset({"text:score", "events:write"}), expires_at=None)


def answer(handle: Any, media_type: str, body: bytes, kind: str, room: Room | None = None) -> Reply:
    """What a handler answers where the event is refused with this kind of problem."""

    def refuse(*_: object) -> NoReturn:
        raise Refusal(kind, "the event was refused")

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    keyring = SimpleNamespace(check=lambda *_: KEY, check_secret=lambda *_: KEY, spend=lambda *_: ())
    parts = SimpleNamespace(
        limits=Limits(), keyring=keyring, prepare=refuse, base_url="http://safehold.example", scorer=Scorer(1), looker=Scorer(1),
        image_hosts=frozenset(), thresholds=read_thresholds(""), decider=SimpleNamespace(submit=refuse),
        ahead=SimpleNamespace(known=refuse), room=room or Room(), community=None, shipped=Shipped(),
    )  # fmt: skip
    headers = [(b"content-type", media_type.encode()), (b"authorization", b"Bearer sh_x")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    try:
        reply: Reply = asyncio.run(handle(parts, Request(scope, receive)))
    finally:
        parts.scorer.stop()
        parts.looker.stop()
    return reply


COMMENT = {"api_key": "sh_x", "blog": "https://blog.example", "user_ip": "203.0.113.7"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("Buy cheap viagra pills online now: http://pills.example/buy", b"true"), ("Good morning", b"false")],
)
def test_a_comment_is_scored_and_not_recorded(text, said):
    body = urlencode(COMMENT | {"comment_content": text}).encode()
    reply = answer(check_comment, FORM, body, "unknown-event-type")
    assert (reply.status, reply.body) == (200, said)
    assert dict(reply.headers)[b"safehold-recorded"].startswith(b"no")


def test_a_moderation_is_scored_and_not_recorded():
    body = json.dumps({"input": ["Good morning"]}).encode()
    reply = answer(moderate, "application/json", body, "unknown-event-type")
    [result] = json.loads(reply.body)["results"]
    assert result["flagged"] is False
    assert "safehold" not in result


@pytest.mark.parametrize("kind", ["busy", "not-written", "not-ready"])
def test_what_could_not_be_recorded_is_not_answered_as_if_it_were(kind):
    with pytest.raises(Refusal, match=kind):
        answer(check_comment, FORM, urlencode(COMMENT | {"comment_content": "Good morning"}).encode(), kind)
    with pytest.raises(Refusal, match=kind):
        answer(moderate, "application/json", b'{"input": "Good morning"}', kind)


def request_of(length: bytes) -> Request:
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", length)] if length else []}
    return Request(scope, None)  # type: ignore[arg-type]


def test_large_requests_have_room_for_so_many_bytes_together():
    room = Room(100)
    with room.hold(request_of(b"60"), 90):
        with room.hold(request_of(b"40"), 90):
            with pytest.raises(Refusal, match="busy") as refused, room.hold(request_of(b"1"), 90):
                pass
            assert dict(refused.value.headers)[b"retry-after"] == b"1"
        for unsaid in (b"", b"x", b"9" * 30):  # may be as large as any: 90 are counted
            with pytest.raises(Refusal), room.hold(request_of(unsaid), 90):
                pass
    with pytest.raises(ZeroDivisionError), room.hold(request_of(b""), 100):
        raise ZeroDivisionError
    with room.hold(request_of(b"100"), 100):
        pass


def test_a_moderation_is_refused_unread_where_there_is_no_room():
    with pytest.raises(Refusal, match="busy"):
        answer(moderate, "application/json", b"never read", "unknown-event-type", Room(0))
