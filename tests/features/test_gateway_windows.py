"""The gateway with its windows in Valkey: a restart reads nothing again, an outage is decided as policies say and healed
from the record, and several gateways count together. Each test has servers and a database of its own.
"""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from safehold.desk.decisions.models import Decision
from safehold.record.verification import verify_record
from tests.features.test_gateway_life import EVENT, made, opened, send
from tests.gateway_server import Server, message, serving
from tests.valkey_server import address, running

NOW = datetime.now(UTC).isoformat()


@pytest.fixture
def place(fresh_sqlite: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    return made(fresh_sqlite, tmp_path)


@pytest.fixture
def postgres_place(fresh_postgres: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    return made(fresh_postgres, tmp_path)


def talk(server: Server, secret: str, first: int, last: int, actor: str = "talker") -> list[str]:
    client = server.client(secret)
    numbers = range(first, last)
    return [send(client, message(f"{actor}-{number}", actor=actor, time=NOW))["action"] for number in numbers]


def seen(actor: str = "talker") -> list[int]:
    """What the flood rule counted at each event that it matched, in the order of the record."""
    in_order = Decision.objects.filter(event__account_id=actor).order_by("event__position")
    return [hit["values"]["windows.sent_1h"] for decision in in_order for hit in decision.verdict["hits"]]


def state(server: Server) -> str:
    answer = httpx.get(f"{server.url}/readyz", timeout=60)
    assert answer.status_code == 200, "an outage of the windows is no reason to send events elsewhere"
    return str(answer.json()["checks"]["windows"])


def until_whole(server: Server) -> None:
    until = time.monotonic() + 60
    while (found := state(server)) != "ok":
        assert time.monotonic() < until, found
        time.sleep(0.1)


def test_after_a_restart_nothing_has_to_be_read_again(place: SimpleNamespace) -> None:
    windows = address()
    with opened(place, windows=windows) as server:
        assert talk(server, place.secret, 0, 4) == ["allow"] * 4
        until_whole(server)
    with opened(place, windows=windows) as server:
        assert talk(server, place.secret, 4, 7) == ["allow", "limit", "limit"]
        assert '"events_replayed": 0' in server.log.read_text()
        assert server.metric("safehold_windows_up") == 1
    assert seen() == [6, 7]
    # Memory says the same of the same record.
    with opened(place) as server:
        assert talk(server, place.secret, 7, 8) == ["limit"]
    # And what was decided without Valkey is put in when it is asked again.
    with opened(place, windows=windows) as server:
        assert talk(server, place.secret, 8, 9) == ["limit"]
        assert '"events_replayed": 1' in server.log.read_text()
    assert seen() == [6, 7, 8, 9]
    assert verify_record().findings == []


def test_an_outage_is_recorded_and_healed_from_the_record(place: SimpleNamespace) -> None:
    with running() as valkey, opened(place, windows=address(valkey, timeout=5)) as server:
        port = valkey.port
        assert talk(server, place.secret, 0, 3) == ["allow"] * 3
        valkey.terminate()
        assert talk(server, place.secret, 3, 8) == ["allow"] * 5  # six and more, but nobody can know
        assert state(server).startswith("away: valkey://127.0.0.1")
        assert server.metric("safehold_windows_up") == 0
        assert server.metric("safehold_windows_away_total") >= 5
        last = Decision.objects.order_by("-decided_at").first()
        assert last is not None
        assert last.verdict["failures"][0]["store"] == "valkey"
        assert "`windows.sent_1h` is away" in last.verdict["undecided"][0]["detail"]
        with running(
            port=port
        ):  # a new one, which knows nothing: it is told everything by itself, before the next event
            until_whole(server)
            assert talk(server, place.secret, 8, 10) == ["limit", "limit"]
            assert server.metric("safehold_windows_up") == 1
        log = server.log.read_text()
        assert "windows_away" in log and "windows_back" in log
    assert seen() == [9, 10]


def test_a_gateway_starts_while_valkey_is_away(place: SimpleNamespace) -> None:
    with running() as valkey:
        port = valkey.port
    with opened(place, windows=f"valkey://127.0.0.1:{port}?timeout=5") as server:
        assert talk(server, place.secret, 0, 6) == ["allow"] * 6
        with running(port=port):
            until_whole(server)
            assert talk(server, place.secret, 6, 7) == ["limit"]
    assert seen() == [7]


def test_two_gateways_count_together(postgres_place: SimpleNamespace) -> None:
    place, windows = postgres_place, address()

    async def both(urls: list[str]) -> list[httpx.Response]:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {place.secret}"}, timeout=60) as client:
            events = [message(number, actor="talker", time=NOW) for number in range(30)]
            sends = [client.post(f"{url}/v1/events", json=event, headers=EVENT) for event in events for url in urls]
            return list(await asyncio.gather(*sends))

    with opened(place, windows=windows) as one, opened(place, windows=windows) as two:
        answers = asyncio.run(both([one.url, two.url]))
        assert {answer.status_code for answer in answers} == {200}
        log = one.log.read_text() + two.log.read_text()
    assert seen() == list(range(6, 31)), log
    assert verify_record().findings == []


def test_a_store_that_is_none_keeps_the_server_from_starting_and_says_so(place: SimpleNamespace) -> None:
    with serving(place.url, place.policies, place.var, ready=False, windows="etcd://x") as server:
        assert server.process.wait(120) != 0
    assert "SAFEHOLD_WINDOWS" in server.log.read_text()
