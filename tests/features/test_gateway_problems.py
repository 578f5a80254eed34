"""What somebody is told whose request is wrong: a problem document (RFC 9457) that names the field and what to do, and
never says again what was sent.
"""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
from django.utils import timezone

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.gateway.problems import KINDS
from tests.gateway_server import SOURCE, database_of_its_own, message, policy_folder, serving
from tests.world import service

EVENT = {"Content-Type": "application/cloudevents+json"}
SECRET_WORD = "xyzzy-secret-4711"


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """One server for the module, with a key of each kind."""
    folder = tmp_path_factory.mktemp("problems")
    with database_of_its_own("sqlite", request, folder) as url:
        service()
        keys = {
            name: create_key(None, name, scopes, service="plaza")[1]
            for name, scopes in {
                "both": [Scope.WRITE_EVENTS, Scope.READ_DECISIONS],
                "writer": [Scope.WRITE_EVENTS],
                "reader": [Scope.READ_DECISIONS],
            }.items()
        }
        tomorrow = timezone.now() + timedelta(days=1)
        expired, keys["expired"] = create_key(None, "old", [Scope.WRITE_EVENTS], service="plaza", expires_at=tomorrow)
        type(expired).objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        with serving(url, policy_folder(folder / "policies"), folder, rate=0) as server:
            yield SimpleNamespace(server=server, keys=keys, client=server.client(keys["both"]), log=server.log)


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, object]:
    """The problem document of an answer, after what holds of every one of them."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, object] = answer.json()
    assert found["status"] == status
    assert found["title"] == KINDS[kind].title
    assert str(found["type"]).endswith(f"/v1/problems/{kind}")
    explained = httpx.get(str(found["type"]), timeout=60)
    assert explained.status_code == 200
    assert explained.json()["about"] == KINDS[kind].about
    assert found["detail"]
    assert SECRET_WORD not in answer.text
    return found


def send(place: SimpleNamespace, event: object, **headers: str) -> httpx.Response:
    answer: httpx.Response = place.client.post(
        "/v1/events", content=event if isinstance(event, bytes) else json.dumps(event), headers=EVENT | headers
    )
    return answer


def without(event: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in event.items() if key != name}


def data(**more: object) -> dict[str, object]:
    return message(1)["data"] | more  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("event", "field", "says"),
    [
        (without(message(1), "specversion"), "specversion", '"1.0"'),
        (message(1, specversion="0.3"), "specversion", '"1.0"'),
        (without(message(1), "id"), "id", "is required"),
        (message(1, id=""), "id", "not empty"),
        (message(1, id=4711), "id", "string"),
        (message(1, id="a" * 257), "id", "256 is the most"),
        (message(1, id="a\u0007"), "id", "control character"),
        (without(message(1), "source"), "source", "is required"),
        (message(1, source="a" * 513), "source", "512 is the most"),
        (without(message(1), "type"), "type", "is required"),
        (message(1, time="2026-02-01 at nine"), "time", "RFC 3339"),
        (message(1, time="2026-02-01T09:30:00"), "time", "offset"),
        (message(1, time="0001-01-01T00:00:00Z"), "time", "before 1970"),
        (message(1, time="2999-01-01T00:00:00Z"), "time", "ahead of this server's clock"),
        (message(1, time=1767225600), "time", "RFC 3339"),
        (message(1, subject=7), "subject", "string"),
        (message(1, datacontenttype="text/plain"), "datacontenttype", "application/json"),
        (without(message(1), "data"), "data", "JSON object"),
        (message(1, data=[1]), "data", "JSON object"),
        (without(message(1), "data") | {"data_base64": "e30="}, "data", "JSON object"),
        (message(1) | {"actor": {"id": "u1"}}, "actor", "send data.actor"),
        (message(1, traceparent={"deep": SECRET_WORD}), "traceparent", "move it into data"),
        (message(1, DataSchema="x"), "DataSchema", "did you mean dataschema?"),
        (message(1, data=without(data(), "text")), "data.text", "add it"),
        (message(1, data=without(data(), "actor")), "data.actor", "add it"),
        (message(1, data=data(text=7)), "data.text", "must be a string"),
        (message(1, data=data(recipient_id="")), "data.recipient_id", "at least 1 character"),
        (message(1, data=data(recipient_id="r" * 257)), "data.recipient_id", "longer than 256"),
        (message(1, data=data(actor={"id": "u1", "created_at": "yesterday"})), "data.actor.created_at", "RFC 3339"),
        (message(1, data=data(text="a\u0000b")), "data.text", "U+0000"),
        (message(1, data=data(karma=2**53)), "data.karma", "beyond 2**53"),
        (message(1, data=data(tags=[SECRET_WORD, 2**60])), "data.tags[1]", "beyond 2**53"),
        (message(1, data=data(deep=json.loads("[" * 40 + "]" * 40))), None, "32 levels"),
        (
            message("r", type="report.filed", data={"actor": data()["actor"], "report_id": "r", "reason": "spam",
                                                    "target": {"kind": "message"}}),
            "data.target.id", "add it",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_an_event_that_does_not_fit_is_refused_naming_the_field(place, event, field, says):
    found = problem(send(place, event), 422, "invalid-event")
    errors = {error["field"]: error for error in found["errors"]}
    error = errors[field] if field else next(iter(errors.values()))
    assert says in error["detail"]
    if field:
        assert error["pointer"] == "/" + field.replace("[", ".").replace("]", "").replace(".", "/")
        assert field in found["detail"] or len(errors) > 1


def test_everything_that_is_wrong_is_said_at_once(place):
    event = message(1, id="", time="nonsense", data=data(text=SECRET_WORD))
    found = problem(send(place, without(event, "source")), 422, "invalid-event")
    assert [error["field"] for error in found["errors"]] == ["id", "source", "time"]
    found = problem(send(place, message(1, data={"text": 5, "message_id": ""})), 422, "invalid-event")
    assert {error["field"] for error in found["errors"]} >= {"data.actor", "data.recipient_id", "data.text"}


def test_an_event_type_that_is_not_declared_gets_the_nearest_one_proposed(place):
    found = problem(send(place, message(1, type="mesage.sent")), 422, "unknown-event-type")
    assert "did you mean message.sent?" in found["detail"]
    assert found["errors"][0]["pointer"] == "/type"
    assert "event-types" in problem(send(place, message(1, type="zzz")), 422, "unknown-event-type")["detail"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "truncated"),
        (b'{"id": "' + SECRET_WORD.encode(), "truncated"),
        (b'{"id": \xff}', "JSON"),
        (b'{"id": "\xff"}', "not UTF-8"),
        (b'{"id": "\\ud800"}', "JSON"),
        (b'{"id": NaN}', "JSON"),
        (b"[" * 100_000, "nesting"),
    ],
    ids=["empty", "cut", "bytes", "latin-1", "surrogate", "nan", "deep"],
)
def test_a_body_that_is_no_json_is_refused_saying_where(place, body, says):
    assert says in problem(send(place, body), 400, "malformed-json")["detail"]


def test_a_body_that_is_another_json_value_is_refused(place):
    for body in (b"[]", b"7", b'"text"', b"null"):
        assert "JSON object" in problem(send(place, body), 422, "invalid-event")["detail"]


def test_without_a_valid_key_nothing_is_taken_or_told(place):
    anonymous = place.server.client()
    for address in ("/v1/events", "/v1/events:batch"):
        answer = anonymous.post(address, json=message(1), headers=EVENT)
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    problem(anonymous.get("/v1/event-types"), 401, "unauthorized")
    problem(anonymous.get("/v1/decisions/dec_00000000000000000000000000"), 401, "unauthorized")
    for wrong in ("Basic abc", "Bearer", f"Bearer sh_{SECRET_WORD}", "Bearer \xe9", "bearer: x"):
        answer = anonymous.post(
            "/v1/events", json=message(1), headers={**EVENT, "Authorization": wrong.encode("latin-1")}
        )
        problem(answer, 401, "unauthorized")


def test_an_expired_key_says_so(place):
    answer = place.server.client(place.keys["expired"]).post("/v1/events", json=message(1), headers=EVENT)
    assert "expired" in problem(answer, 401, "unauthorized")["detail"]


def test_a_key_does_only_what_its_scopes_allow(place):
    answer = place.server.client(place.keys["reader"]).post("/v1/events", json=message(1), headers=EVENT)
    assert "events:write" in problem(answer, 403, "forbidden")["detail"]
    answer = place.server.client(place.keys["writer"]).get("/v1/decisions/dec_00000000000000000000000000")
    assert "decisions:read" in problem(answer, 403, "forbidden")["detail"]


def test_what_is_not_there_is_not_found(place):
    for address in ("/v1", "/v1/", "/v1/event", "/v1/events/", "/v1/decisions", "/v1/decisions/", "/v1/problems/none"):
        problem(place.client.get(address), 404, "not-found")
    for name in ("dec_00000000000000000000000000", "x", "dec_%00", "dec_" + "z" * 99, "dec_é"):
        problem(place.client.get(f"/v1/decisions/{name}"), 404, "not-found")


def test_a_wrong_method_is_told_the_right_ones(place):
    for method, address, allowed in (
        ("GET", "/v1/events", "POST"),
        ("DELETE", "/v1/events:batch", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("PUT", "/v1/decisions/dec_00000000000000000000000000", "GET, HEAD"),
    ):
        answer = place.client.request(method, address)
        problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/xml",
        "application/cloudevents-batch+json",
        "application/cloudevents+json; charset=latin-1",
        "application/cloudevents+avro",
    ],
)
def test_another_media_type_is_told_the_right_ones(place, content_type):
    answer = place.client.post("/v1/events", content=json.dumps(message(1)), headers={"Content-Type": content_type})
    assert "UTF-8" in problem(answer, 415, "unsupported-media-type")["detail"] or "accept-post" in answer.headers


def test_a_compressed_body_is_refused(place):
    answer = send(place, message(1), **{"Content-Encoding": "gzip"})
    problem(answer, 415, "unsupported-media-type")
    assert answer.headers["accept-encoding"] == "identity"


def test_a_body_that_is_too_large_is_refused_before_it_is_read(place):
    big = json.dumps(message(1, data=data(text="x" * 1_100_000))).encode()
    assert "1,048,576" in problem(send(place, big), 413, "too-large")["detail"]

    def parts() -> Iterator[bytes]:
        for start in range(0, len(big), 65_536):
            yield big[start : start + 65_536]

    with place.server.client(place.keys["both"]) as client:
        problem(client.post("/v1/events", content=parts(), headers=EVENT), 413, "too-large")
    assert place.client.get("/healthz").status_code == 200


def test_a_length_that_is_announced_is_believed(place):
    """A client that announces a large body is refused at once, without a byte of it being sent."""
    host, port = place.server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {place.keys['both']}\r\n"
            f"Content-Type: application/cloudevents+json\r\nContent-Length: 99999999\r\n\r\n".encode()
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_batch_that_is_none_is_refused_whole(place):
    def batch(body: bytes, content_type: str = "application/cloudevents-batch+json") -> httpx.Response:
        answer: httpx.Response = place.client.post(
            "/v1/events:batch", content=body, headers={"Content-Type": content_type}
        )
        return answer

    problem(batch(b"{}"), 400, "malformed-batch")
    problem(batch(b"[{},"), 400, "malformed-json")
    problem(batch(b"[]", "text/csv"), 415, "unsupported-media-type")
    assert "1,000 is the most" in problem(batch(b"[" + b"{}," * 1000 + b"{}]"), 413, "too-large")["detail"]
    assert "1,000 is the most" in problem(batch(b"{}\n" * 1001, "application/x-ndjson"), 413, "too-large")["detail"]


def test_the_same_id_for_another_event_is_a_conflict_that_names_the_decision(place):
    first = send(place, message("conflict", text="one"))
    assert first.status_code == 200
    found = problem(send(place, message("conflict", text=SECRET_WORD)), 409, "event-conflict")
    assert found["decision"] == first.json()["decision"]


def test_nothing_that_was_sent_is_in_the_log(place):
    send(place, message("logged", text=SECRET_WORD, source=SOURCE))
    send(place, message("logged", text=SECRET_WORD, id=""))
    assert SECRET_WORD not in place.log.read_text()
