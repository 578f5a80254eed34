"""Whatever is sent to a drop-in API, it answers in that API's words and never fails: wrong types, nulls, deep nesting, huge
arrays, bytes that are no UTF-8, halves of surrogate pairs, NUL. Random requests made from right ones, against a running server.
"""

import json
import os
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.banks.changing import create_bank
from tests.gateway_server import database_of_its_own, policy_folder, serving
from tests.world import service

MD5 = "9e107d9d372bb6826bd81d3542a419d6"
#: address -> a request that is taken.
RIGHT: dict[str, Any] = {
    "/v1alpha1/comments:analyze": {
        "comment": {"text": "Good morning", "type": "PLAIN_TEXT"},
        "context": {"entries": [{"text": "Hello", "type": "HTML"}]},
        "requestedAttributes": {"TOXICITY": {"scoreType": "PROBABILITY", "scoreThreshold": 0.1}},
        "spanAnnotations": True,
        "languages": ["en"],
        "doNotStore": False,
        "clientToken": "t",
        "sessionId": "s",
        "communityId": "c",
    },
    "/v1alpha1/comments:suggestscore": {
        "comment": {"text": "Good morning"},
        "attributeScores": {
            "TOXICITY": {
                "summaryScore": {"value": 0.5, "type": "PROBABILITY"},
                "spanScores": [{"begin": 0, "end": 4, "score": {"value": 0.25}}],
            }
        },
        "languages": ["en"],
        "communityId": "c",
        "clientToken": "t",
    },
    "/v1/moderations": {
        "model": "omni-moderation-latest",
        "input": [{"type": "text", "text": "Good morning"}, {"type": "image_url", "image_url": {"url": "data:image/png,x"}}],
        "user": "u",
        "metadata": {"content_id": "c", "url": "https://plaza.example/"},
    },
    "/m/compare": {"pdq": ["0" * 64, "f" * 64], "tlsh": ["T1" + "0" * 70, "T1" + "f" * 70], "md5": [MD5, MD5]},
    "/c/bank/open/signal": {"pdq": "0" * 64, "md5": MD5},
}  # fmt: skip
FORM = {
    "blog": "https://blog.example", "user_ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "comment_author": "Ada",
    "comment_author_email": "ada@mail.example", "comment_author_url": "https://ada.example", "comment_content": "Good morning",
    "permalink": "https://blog.example/1", "comment_type": "comment", "comment_date_gmt": "2026-02-01 09:30:00",
    "comment_context[]": "gardens", "honeypot_field_name": "trap", "trap": "", "blog_lang": "en, fr_CA", "user_role": "editor",
    "recheck_reason": "edit", "is_test": "0", "guid": "a" * 32, "user_ID": "7",
}  # fmt: skip
LOOK_UP = {
    "signal": MD5,
    "signal_type": "md5",
    "banks": "open",
    "include_distance": "true",
    "types": "pdq",
    "seed": "1",
}
FIGURES = {"month": "2026-11", "filter": "blog", "order": "ham", "limit": "5", "offset": "0", "format": "csv"}

ODD_TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["\0", "\ud800", "\udfff\ud800", "a\r\nset-cookie: x=1", "\u202e", "😀" * 40, "x" * 30_000, "9" * 5_000]
    ),
)
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), ODD_TEXTS, st.sampled_from([10**400, -1, [], {}, [None], {"": None}]),
    st.recursive(
        ODD_TEXTS | st.integers(-1, 1), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXTS, inner, max_size=3)
    ),
    st.builds(lambda one, count: [one] * count, ODD_TEXTS, st.sampled_from([65, 1_100])),
)  # fmt: skip
ODD_BYTES = st.sampled_from(
    [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe{}", b"[" * 50_000, b'{"a":' * 50_000, b'{"input": "\xed\xa0\x80"}', b"{}{}",
     b'{"comment": {"text": "\xff"}}', b'{"input": "\\ud800"}', b"\0", b"1e999", b"9" * 60_000]
)  # fmt: skip


def _odder(value: Any, draw: st.DrawFn) -> Any:
    """A document in one place of which stands something odd, or lacks, or has an odd name."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0:
        return draw(ODD)
    if isinstance(value, list):
        index = draw(st.integers(0, len(value) - 1))
        return [_odder(one, draw) if place == index else one for place, one in enumerate(value)]
    name = draw(st.sampled_from(sorted(value)))
    match draw(st.integers(0, 5)):
        case 0:
            return {key: one for key, one in value.items() if key != name}
        case 1:
            return {(draw(ODD_TEXTS) if key == name else key): one for key, one in value.items()}
    return {key: _odder(one, draw) if key == name else one for key, one in value.items()}


@st.composite
def bodies(draw: st.DrawFn, right: Any) -> bytes:
    if draw(st.integers(0, 3)) == 0:
        return draw(ODD_BYTES)
    return json.dumps(_odder(right, draw)).encode()


@st.composite
def forms(draw: st.DrawFn, right: dict[str, str]) -> str:
    """Fields of a form, in one or two of which stands something odd; some come twice, some not at all."""
    said = {**right, draw(st.sampled_from([*right, "odd"])): draw(ODD_TEXTS)}
    names = [*said, *draw(st.lists(st.sampled_from(sorted(said)), max_size=2))]
    left_out = draw(st.sampled_from([*right, "nothing"]))
    pairs = [
        f"{quote_plus(name)}={quote_plus(said[name], errors='surrogatepass')}" for name in names if name != left_out
    ]
    return "&".join([*pairs, *draw(st.lists(st.sampled_from(["%ED%A0%80", "%", "=", "a%00b=%ff", "&&"]), max_size=2))])


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("hostile")
    with database_of_its_own("sqlite", request, folder) as url:
        service()
        _, secret = create_key(None, "all", list(Scope), service="plaza")
        create_bank(None, "open", two_people=False)
        with serving(url, policy_folder(folder / "policies"), folder, rate=0, media_models="none") as server:
            yield SimpleNamespace(http=server.client(secret), secret=secret, server=server)


def _is_googles(answer: httpx.Response) -> bool:
    error = answer.json()["error"]
    return error["code"] == answer.status_code and bool(error["message"]) and error["status"].isupper()


def _is_openais(answer: httpx.Response) -> bool:
    error = answer.json()["error"]
    return set(error) == {"message", "type", "param", "code"} and bool(error["message"])


def _is_hmas(answer: httpx.Response) -> bool:
    return set(answer.json()) == {"message"}


def _is_akismets(answer: httpx.Response) -> bool:
    return answer.headers["content-type"].startswith("text/plain") and bool(answer.headers["x-akismet-debug-help"])


OWN_ERROR = {"/v1alpha1/": _is_googles, "/v1/moderations": _is_openais, "/m/": _is_hmas, "/c/": _is_hmas, "/h/": _is_hmas,
             "/1.": _is_akismets}  # fmt: skip
#: More of them: SAFEHOLD_HOSTILE_EXAMPLES=2000, each time others.
EXAMPLES = os.environ.get("SAFEHOLD_HOSTILE_EXAMPLES", "")
quickly = settings(
    max_examples=int(EXAMPLES or 25), derandomize=not EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None,
    database=None,
)  # fmt: skip


def answered(place: SimpleNamespace, method: str, path: str, **sent: Any) -> None:
    """It is answered, with success or with that API's own error."""
    answer: httpx.Response = place.http.request(method, path, **sent)
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, (sent, answer.status_code, answer.text)
    assert "set-cookie" not in answer.headers
    if answer.status_code != 200:
        [own] = [own for start, own in OWN_ERROR.items() if path.startswith(start)]
        assert own(answer), (sent, answer.status_code, answer.text)


@pytest.mark.parametrize("path", RIGHT)
def test_odd_json_gets_the_apis_own_error(path, place):
    @quickly
    @given(body=bodies(RIGHT[path]))
    def odd(body: bytes) -> None:
        headers = {"content-type": "application/json", "authorization": f"Bearer {place.secret}"}
        answered(place, "POST", path, content=body, headers=headers)

    assert place.http.post(path, json=RIGHT[path] if path != "/v1/moderations" else {"input": "x"}).status_code == 200
    odd()


@pytest.mark.parametrize("path", ["/1.1/comment-check", "/1.1/submit-spam", "/1.2/key-sites"])
def test_odd_forms_get_akismets_own_error(path, place):
    @quickly
    @given(form=forms(FIGURES if "key-sites" in path else FORM))
    def odd(form: str) -> None:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answered(place, "POST", path, content=f"api_key={place.secret}&{form}".encode(), headers=headers)

    odd()


@pytest.mark.parametrize("path", ["/m/lookup", "/m/raw_lookup", "/h/hash", "/1.2/key-sites"])
def test_odd_queries_get_the_apis_own_error(path, place):
    @quickly
    @given(query=forms(FIGURES if "key-sites" in path else LOOK_UP))
    def odd(query: str) -> None:
        answered(place, "GET", f"{path}?api_key={place.secret}&{query[:60_000]}")  # httpx sends no longer address

    odd()


@pytest.mark.parametrize("path", ["/h/hash", "/m/lookup"])
def test_odd_uploads_get_hmas_own_error(path, place):
    parts = st.sampled_from(
        [b"", b"--x", b"--x--", b"\r\n--x\r\n", b'Content-Disposition: form-data; name="photo"; filename="a"', b"\r\n\r\n",
         b"\x00\xff",
         b"GIF89a", b"\x89PNG\r\n\x1a\n", b'name="\xff"; filename=', b"--x\r\nContent-Disposition: form-data; filename"]
    )  # fmt: skip

    @quickly
    @given(
        body=st.lists(parts, max_size=8).map(b"".join),
        boundary=st.sampled_from(["x", '"x"', "", "\xff", "x; boundary=y"]),
    )
    def odd(body: bytes, boundary: str) -> None:
        media_type = f"multipart/form-data; boundary={boundary}".encode("latin-1")
        answered(place, "POST", path, content=body, headers={"content-type": media_type})

    odd()


@pytest.mark.parametrize("key", ["_", "sh_", "sh_\xff", "x" * 5_000, "sh_" + "a" * 52])
@pytest.mark.parametrize("path", ["/v1alpha1/comments:analyze", "/v1/moderations", "/m/compare", "/1.1/comment-check"])
def test_odd_keys_get_the_apis_own_error(path, key, place):
    headers = {"authorization": f"Bearer {key}".encode("latin-1"), "content-type": "application/json"}
    sent: dict[str, Any] = {"content": b"{}", "headers": headers}
    if path.startswith("/1."):
        sent = {
            "content": f"api_key={quote_plus(key)}",
            "headers": {"content-type": "application/x-www-form-urlencoded"},
        }
    answer = httpx.post(f"{place.server.url}{path}", timeout=60, **sent)
    if path.startswith("/1."):
        assert (answer.status_code, answer.text) == (200, "invalid") and answer.headers[
            "x-akismet-alert-code"
        ] == "90401"
    else:
        assert answer.status_code in {400, 401, 403}
        [own] = [own for start, own in OWN_ERROR.items() if path.startswith(start)]
        assert own(answer)


def test_no_odd_request_made_another_one_wait(place):
    began = time.monotonic()
    answered(place, "POST", "/v1/moderations", json={"input": "Good morning"})
    assert time.monotonic() - began < 30
    assert "request_failed" not in place.server.log.read_text()
