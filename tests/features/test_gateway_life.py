"""The gateway's life: it forgets nothing over a restart, shares a database with its like, says what it needs when the
database fails, and ends without losing what it took. Each test has a server and a database of its own.
"""

import asyncio
import resource
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.decisions.models import Decision, LabelChange, Outbox
from safehold.desk.entities.models import Event
from safehold.desk.review.models import Task
from safehold.record.verification import verify_record
from tests.gateway_server import Server, message, policy_folder, serving
from tests.world import service

EVENT = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def made(database: SimpleNamespace, folder: Path) -> SimpleNamespace:
    """A service and a key in this database, and the policies."""
    service()
    _, secret = create_key(None, "plaza", list(Scope), service="plaza")
    policies = policy_folder(folder / "policies")
    return SimpleNamespace(url=database.url, vendor=database.vendor, secret=secret, var=folder, policies=policies)


@pytest.fixture
def place(fresh_database: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    return made(fresh_database, tmp_path)


@pytest.fixture
def sqlite_place(fresh_sqlite: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    return made(fresh_sqlite, tmp_path)


@pytest.fixture
def postgres_place(fresh_postgres: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    return made(fresh_postgres, tmp_path)


def opened(place: SimpleNamespace, **settings: object):
    return serving(place.url, place.policies, place.var, **{"rate": 0} | settings)


def post(client: httpx.Client, event: dict[str, Any]) -> httpx.Response:
    return client.post("/v1/events", json=event, headers=EVENT)


def send(client: httpx.Client, event: dict[str, Any]) -> dict[str, Any]:
    answer = post(client, event)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def until_sent(client: httpx.Client, event: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
    """Send as a platform does: again after a 503."""
    until = time.monotonic() + seconds
    while (answer := post(client, event)).status_code == 503 and time.monotonic() < until:
        assert answer.headers["retry-after"] == "1"
        time.sleep(0.1)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_after_a_restart_events_windows_and_labels_are_what_they_were(place):
    """What the engine counts and remembers is rebuilt from the record."""
    now = datetime.now(UTC).isoformat()
    with opened(place) as server:
        client = server.client(place.secret)
        for number in range(5):
            assert send(client, message(number, actor="talker", time=now))["action"] == "allow"
        first = send(client, message("pills", "buy pills", actor="seller", time=now))
    with opened(place) as server:
        client = server.client(place.secret)
        got = send(client, message(5, actor="talker", time=now))
        assert (got["action"], got["winner"]) == ("limit", "spam.pills/flood")
        assert "6 messages in an hour" in got["why"]
        assert send(client, message("later", actor="seller", time=now))["winner"] == "spam.pills/known-seller"
        assert send(client, message("pills", "buy pills", actor="seller", time=now)) == first | {"duplicate": True}
        assert '"events_replayed": 6' in server.log.read_text()


def test_two_gateways_on_one_database_decide_each_event_once_and_count_together(place):
    """Whoever writes learns first what the other wrote: duplicates, windows and labels hold across processes."""
    now = datetime.now(UTC).isoformat()

    async def both(urls: list[str]) -> list[httpx.Response]:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {place.secret}"}, timeout=60) as client:
            events = [message(number, actor="talker", time=now) for number in range(40)]
            sends = [client.post(f"{url}/v1/events", json=event, headers=EVENT) for event in events for url in urls]
            return list(await asyncio.gather(*sends))

    with opened(place) as one, opened(place) as two:
        answers = asyncio.run(both([one.url, two.url]))
        assert {answer.status_code for answer in answers} == {200}
        pairs = [answer.json() for answer in answers]
        send(one.client(place.secret), message("pills", "buy pills", actor="seller"))
        assert send(two.client(place.secret), message("later", actor="seller"))["winner"] == "spam.pills/known-seller"
    for one_answer, two_answer in zip(pairs[::2], pairs[1::2], strict=True):
        assert one_answer["decision"] == two_answer["decision"]
        assert {one_answer["duplicate"], two_answer["duplicate"]} == {False, True}
    in_order = Decision.objects.filter(event__account_id="talker").order_by("event__position")
    assert [decision.action for decision in in_order] == ["allow"] * 5 + ["limit"] * 35
    counted = [hit["values"]["windows.sent_1h"] for decision in in_order for hit in decision.verdict["hits"]]
    assert counted == list(range(6, 41))
    assert verify_record().findings == []


def test_a_label_that_became_visible_late_counts_all_the_same(postgres_place):
    """Two people label at once, and who took the lower position commits last."""
    with opened(postgres_place) as server:
        client = server.client(postgres_place.secret)
        got = send(client, message(1, actor="somebody"))
        label = {"service_id": "plaza", "kind": "account", "name": "pill-seller", "decision_id": got["decision"]}
        LabelChange.objects.create(**label, external_id="first")
        assert send(client, message(2, actor="first"))["action"] == "hold"
        with psycopg.connect(postgres_place.url) as other:
            other.execute(
                "INSERT INTO decisions_labelchange (service_id, kind, external_id, name, voided, decision_id) "
                "VALUES ('plaza', 'account', 'late', 'pill-seller', false, %s)",
                [got["decision"]],
            )
            LabelChange.objects.create(**label, external_id="early")
            assert send(client, message(3, actor="early"))["action"] == "hold"
            assert send(client, message(4, actor="late"))["action"] == "allow"
        assert send(client, message(5, actor="late"))["action"] == "hold"


def test_what_was_taken_is_answered_when_the_server_is_asked_to_end(place):
    async def send_and_end(server: Server) -> list[httpx.Response | BaseException]:
        headers = {"Authorization": f"Bearer {place.secret}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
            batches = [[message(f"{batch}-{number}") for number in range(200)] for batch in range(8)]
            sends = [
                asyncio.create_task(client.post("/v1/events:batch", json=batch, headers=BATCH)) for batch in batches
            ]
            await asyncio.wait(sends, return_when=asyncio.FIRST_COMPLETED)
            server.process.terminate()
            return list(await asyncio.gather(*sends, return_exceptions=True))

    with opened(place) as server:
        answers = asyncio.run(send_and_end(server))
        server.process.wait(120)
    answered = [answer.json() for answer in answers if isinstance(answer, httpx.Response) and answer.status_code == 200]
    decisions = {item["answer"]["decision"] for answer in answered for item in answer["results"]}
    assert decisions
    assert decisions == set(Decision.objects.values_list("id", flat=True))


def test_a_full_disk_loses_nothing_that_was_answered_and_passes(sqlite_place):
    """The limit on file size stands for the full disk: SQLite can't write, says so, and later can again."""
    with opened(sqlite_place) as server:
        client = server.client(sqlite_place.secret)
        before = send(client, message(1, "buy pills", actor="seller"))
        _, most = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        full = (sqlite_place.var / "safehold.sqlite3-wal").stat().st_size
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (full, most))
        refused = post(client, message(2, actor="seller"))
        assert refused.status_code == 503
        assert refused.json()["type"].endswith(("not-written", "not-ready"))
        assert refused.headers["retry-after"] == "1"
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, most))
        # The label of before the failure is still known, and the event that was refused is new.
        after = until_sent(client, message(2, actor="seller"))
        assert (after["action"], after["duplicate"]) == ("hold", False)
        assert send(client, message(1, "buy pills", actor="seller")) == before | {"duplicate": True}
        assert server.metric("safehold_commit_failures_total") >= 1
        assert "commit_failed" in server.log.read_text()
    assert Event.objects.count() == 2
    assert verify_record().findings == []


def test_a_database_that_restarts_is_waited_for(postgres_place):
    """Every connection is cut, as when PostgreSQL restarts or fails over."""
    with opened(postgres_place) as server:
        client = server.client(postgres_place.secret)
        send(client, message(1, "buy pills", actor="seller"))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        after = until_sent(client, message(2, actor="seller"))
        assert (after["action"], after["duplicate"]) == ("hold", False)
        assert client.get(f"/v1/decisions/{after['decision']}").status_code == 200
        until = time.monotonic() + 60
        while client.get("/readyz").status_code != 200 and time.monotonic() < until:
            time.sleep(0.1)
        assert client.get("/readyz").json()["checks"] == {"engine": "ok", "keys": "ok", "queue": "ok"}
    assert Event.objects.count() == 2
    assert verify_record().findings == []


def test_an_event_that_the_database_refuses_costs_nobody_elses(place):
    """A row that can't be written (a trigger stands for the unforeseen) fails alone, also in the middle of a batch."""
    with connection.cursor() as cursor:
        if place.vendor == "sqlite":
            cursor.execute(
                "CREATE TRIGGER poison BEFORE INSERT ON entities_event WHEN NEW.source_id = 'm-bad' "
                "BEGIN SELECT RAISE(ABORT, 'poison'); END"
            )
        else:
            cursor.execute("ALTER TABLE entities_event ADD CONSTRAINT poison CHECK (source_id <> 'm-bad')")
    with opened(place) as server:
        client = server.client(place.secret)
        alone = post(client, message("bad"))
        assert alone.status_code == 500
        assert alone.json()["type"].endswith("/internal")
        batch = [message(1, "buy pills", actor="seller"), message("bad"), message(2, actor="seller")]
        answer = client.post("/v1/events:batch", json=batch, headers=BATCH).json()
        assert [item["status"] for item in answer["results"]] == [200, 500, 200]
        assert answer["results"][2]["answer"]["winner"] == "spam.pills/known-seller"
        assert "poison" not in alone.text
        assert server.metric('safehold_events_total{outcome="failed"}') == 2
    assert [event.source_id for event in Event.objects.order_by("position")] == ["m-1", "m-2"]
    assert verify_record().findings == []


def test_the_policy_in_force_is_the_one_that_decided(place):
    with opened(place) as server:
        first = send(server.client(place.secret), message(1, "buy pills"))
    policy = place.policies / "spam.yaml"
    policy.write_text(policy.read_text().replace("strike: 2", "strike: 1"))
    with opened(place) as server:
        second = send(server.client(place.secret), message(2, "buy pills"))
    assert first["bundle"] != second["bundle"]
    old, new = (Decision.objects.select_related("policy").get(pk=got["decision"]) for got in (first, second))
    assert old.policy.effective_to == new.policy.effective_from
    assert new.policy.effective_to is None
    assert (old.strike_weight, new.strike_weight) == (2, 1)


def test_broken_policies_keep_the_server_from_starting_and_say_where(sqlite_place):
    policy = sqlite_place.policies / "spam.yaml"
    policy.write_text(policy.read_text().replace("data.text.contains", "data.txt.contains", 1))
    with serving(sqlite_place.url, sqlite_place.policies, sqlite_place.var, ready=False) as server:
        assert server.process.wait(120) != 0
    assert "spam.yaml" in server.log.read_text()
    assert "data.txt" in server.log.read_text()


def test_one_process_also_does_what_follows_from_a_decision(place):
    """With the workers on, the outbox is carried on beside the gateway, and both end together."""
    with opened(place, workers=1) as server:
        client = server.client(place.secret)
        send(client, message(1, "buy pills", actor="seller"))
        got = send(client, message(2, actor="seller"))
        assert got["action"] == "hold"
        until = time.monotonic() + 60
        while Outbox.objects.get(reference=got["decision"]).done_at is None and time.monotonic() < until:
            time.sleep(0.1)
        assert Task.objects.get(decision_id=got["decision"]).queue_id == "spam"
        server.process.terminate()
        server.process.wait(120)
        assert "worker_still_busy" not in server.log.read_text()
        assert "worker_died" not in server.log.read_text()
    assert Outbox.objects.get(reference=got["decision"]).error == ""
    assert verify_record().findings == []
