"""What a form is to the gateway: names and values as they were typed, however they were encoded, and never too many."""

import asyncio
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.gateway.problems import Refusal
from safehold.gateway.requests import FORM, MAX_FIELDS, Request

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def _read(body: bytes, media_type: str = FORM, limit: int = 100_000) -> dict[str, list[str]]:
    """A form as `Request` reads it, its body in two pieces."""
    half = len(body) // 2
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": body[:half], "more_body": True},
        {"type": "http.request", "body": body[half:], "more_body": False},
    ]

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop(0)

    headers = [(b"content-type", media_type.encode())]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    return asyncio.run(Request(scope, receive).form(limit))


@given(st.lists(st.tuples(_TEXT.filter(bool), _TEXT), max_size=10))
def test_every_field_comes_back_in_its_order(pairs: list[tuple[str, str]]) -> None:
    read = _read(urlencode(pairs).encode())
    assert read == {name: [value for other, value in pairs if other == name] for name, _ in pairs}


def test_letters_that_were_not_encoded_are_read_and_broken_bytes_are_marked() -> None:
    assert _read("a=größe&b=%C3%A9".encode()) == {"a": ["größe"], "b": ["é"]}
    assert _read(b"a=%FF&b=\xff") == {"a": ["\ufffd"], "b": ["\ufffd"]}


def test_a_charset_may_be_said_if_it_is_utf_8() -> None:
    assert _read(b"a=1", f"{FORM}; charset=UTF-8") == {"a": ["1"]}
    with pytest.raises(Refusal) as refused:
        _read(b"a=1", f"{FORM}; charset=iso-8859-1")
    assert refused.value.status == 415


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"a=1", "", 415),
        (b"a=" + b"x" * 100_000, FORM, 413),
        (b"&".join([b"a=1"] * (MAX_FIELDS + 1)), FORM, 413),
    ],
)
def test_what_is_no_form_or_too_much_is_refused(body: bytes, media_type: str, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        _read(body, media_type)
    assert refused.value.status == status
