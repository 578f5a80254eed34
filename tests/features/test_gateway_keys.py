"""What keys and limits do: a key counts, expires and ends within about a second, and nobody sends more than agreed."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
from django.utils import timezone

from safehold.accounts.keys import create_key, revoke_key
from safehold.accounts.models import ApiKey
from safehold.accounts.roles import Scope
from tests.gateway_server import database_of_its_own, message, policy_folder, serving
from tests.world import service

EVENT = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A server whose keys may send 20 events a second and 50 at once."""
    folder = tmp_path_factory.mktemp("keys")
    with database_of_its_own("sqlite", request, folder) as url:
        service()
        with serving(url, policy_folder(folder / "policies"), folder, rate=20, burst=50, waiting=100) as server:
            yield SimpleNamespace(server=server, url=url)


def a_key(**more: object) -> tuple[ApiKey, str]:
    return create_key(None, "plaza", list(Scope), service="plaza", **more)  # type: ignore[arg-type]


def within(seconds: float, question: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < until:
        time.sleep(0.05)
    return answer


def test_a_key_counts_soon_after_it_is_made_and_ends_soon_after_it_is_revoked(place):
    key, secret = a_key()
    client = place.server.client(secret)
    assert within(60, lambda: client.get("/v1/event-types").status_code == 200)
    revoke_key(None, key)
    assert within(60, lambda: client.get("/v1/event-types").status_code == 401)
    answer = client.post("/v1/events", json=message(1), headers=EVENT)
    assert "revoked" in answer.json()["detail"]


def test_a_key_ends_at_its_time(place):
    for seconds in (4, 60):  # a busy machine may hear of the first key when it has ended already
        _, secret = a_key(expires_at=timezone.now() + timedelta(seconds=seconds))
        client = place.server.client(secret)
        if within(seconds, lambda client=client: client.get("/v1/event-types").status_code == 200):
            break
    else:
        raise AssertionError("the key never counted")
    assert within(seconds + 60, lambda: client.get("/v1/event-types").status_code == 401)
    assert "expired" in client.get("/v1/event-types").json()["detail"]


def test_a_key_of_a_service_that_is_not_there_opens_nothing(place):
    _, secret = create_key(None, "ghost", list(Scope), service="ghost")
    _, later = a_key()  # once this one is known, so is the other
    assert within(60, lambda: place.server.client(later).get("/v1/event-types").status_code == 200)
    assert place.server.client(secret).get("/v1/event-types").status_code == 401


def test_it_is_noted_when_a_key_was_last_used(place):
    key, secret = a_key()
    client = place.server.client(secret)
    assert within(60, lambda: client.get("/v1/event-types").status_code == 200)
    assert within(60, lambda: ApiKey.objects.get(pk=key.pk).last_used_at is not None)
    assert abs(ApiKey.objects.get(pk=key.pk).last_used_at - timezone.now()) < timedelta(seconds=10)


def test_a_key_that_sends_too_much_is_told_when_to_come_again(place):
    _, secret = a_key()
    client = place.server.client(secret)
    assert within(60, lambda: client.get("/v1/event-types").status_code == 200)
    time.sleep(3)  # until the bucket is full again
    first = client.post("/v1/events:batch", json=[message(f"r{n}") for n in range(50)], headers=BATCH)
    assert first.status_code == 200
    assert first.headers["ratelimit-policy"] == '"events";q=50;w=2'
    assert first.headers["ratelimit"] == '"events";r=0;t=3'
    second = client.post("/v1/events:batch", json=[message(f"r{n}") for n in range(50)], headers=BATCH)
    assert second.status_code == 429
    assert second.json()["type"].endswith("/rate-limited")
    assert 1 <= int(second.headers["retry-after"]) <= 3
    _, other = a_key()
    assert within(60, lambda: place.server.client(other).get("/v1/event-types").status_code == 200)
    time.sleep(int(second.headers["retry-after"]))
    third = client.post("/v1/events:batch", json=[message(f"r{n}") for n in range(50)], headers=BATCH)
    assert third.status_code == 200
    assert third.json()["duplicates"] == 50


def test_a_batch_that_could_never_pass_the_limit_says_so(place):
    _, secret = a_key()
    client = place.server.client(secret)
    assert within(60, lambda: client.get("/v1/event-types").status_code == 200)
    answer = client.post("/v1/events:batch", json=[message(f"b{n}") for n in range(51)], headers=BATCH)
    assert answer.status_code == 413
    assert "50 events at once" in answer.json()["detail"]


def test_when_too_many_wait_the_rest_is_asked_to_come_again(sqlite_template, tmp_path, request):
    """Backpressure: the queue is bounded, and what does not fit is refused whole, with nothing of it taken."""
    with database_of_its_own("sqlite", request, tmp_path) as url:
        service()
        _, secret = a_key()
        with serving(url, policy_folder(tmp_path / "policies"), tmp_path, rate=0, waiting=300) as server:

            def batch(number: int) -> httpx.Response:
                events = [message(f"{number}-{n}") for n in range(250)]
                return httpx.post(
                    f"{server.url}/v1/events:batch",
                    json=events,
                    headers={**BATCH, "Authorization": f"Bearer {secret}"},
                    timeout=60,
                )

            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(batch, range(16)))
            assert {answer.status_code for answer in answers} == {200, 503}
            busy = [answer for answer in answers if answer.status_code == 503]
            assert {answer.json()["type"].rpartition("/")[2] for answer in busy} == {"busy"}
            assert {answer.headers["retry-after"] for answer in busy} == {"1"}
            taken = sum(answer.status_code == 200 for answer in answers)
            assert server.metric('safehold_events_total{outcome="decided"}') == 250 * taken
            assert server.metric("safehold_waiting_events") == 0


def test_metrics_are_for_this_machine_or_a_key(place):
    _, secret = a_key()
    assert httpx.get(f"{place.server.url}/metrics", timeout=60).status_code == 200
    proxied = {"X-Forwarded-For": "203.0.113.9"}
    assert httpx.get(f"{place.server.url}/metrics", headers=proxied, timeout=60).status_code == 401
    keyed = {**proxied, "Authorization": f"Bearer {secret}"}
    assert within(60, lambda: httpx.get(f"{place.server.url}/metrics", headers=keyed, timeout=60).status_code == 200)


def test_metrics_count_what_happened_and_name_nobody(place):
    _, secret = a_key()
    client = place.server.client(secret)
    assert within(60, lambda: client.get("/v1/event-types").status_code == 200)
    line = 'safehold_decisions_total{action="remove"}'
    before = place.server.metric(line)
    assert client.post("/v1/events", json=message("metric", "buy pills"), headers=EVENT).status_code == 200
    assert place.server.metric(line) == before + 1
    assert place.server.metric("safehold_commit_events_sum") > 0
    assert place.server.metric('safehold_request_seconds_count{route="/v1/events"}') > 0
    text = httpx.get(f"{place.server.url}/metrics", timeout=60).text
    assert "m-metric" not in text
    assert secret not in text


def test_health_readiness_and_head(place):
    for address in ("/healthz", "/readyz"):
        answer = httpx.get(f"{place.server.url}{address}", timeout=60)
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        head = httpx.head(f"{place.server.url}{address}", timeout=60)
        assert (head.status_code, head.content) == (200, b"")


def test_everything_else_is_django(place):
    answer = httpx.get(f"{place.server.url}/account/login/", timeout=60)
    assert answer.status_code == 200
    assert "text/html" in answer.headers["content-type"]


def test_event_types_are_told_with_their_schemas(place):
    _, secret = a_key()
    client = place.server.client(secret)
    assert within(60, lambda: client.get("/v1/event-types").status_code == 200)
    found = {kind["type"]: kind for kind in client.get("/v1/event-types").json()["event_types"]}
    assert {"message.sent", "report.filed", "account.created"} <= found.keys()
    sent = found["message.sent"]
    assert sent["subject"]["id"] == "data.message_id"
    assert "recipient_id" in sent["schema"]["required"]
    assert "actor" in sent["schema"]["properties"]


def test_a_connection_is_kept_for_many_requests(place):
    host, port = place.server.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    try:
        kept = None
        for _ in range(3):
            connection.request("GET", "/healthz")
            assert kept is None or connection.sock is kept
            kept = connection.sock
            assert json.loads(connection.getresponse().read())["status"] == "ok"
    finally:
        connection.close()
