"""`safehold serve --processes 3`: two processes answer, one decides. Clients see one server, whichever of them dies."""

import asyncio
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Event
from safehold.record.verification import verify_record
from tests.gateway_server import Server, message, policy_folder, serving
from tests.world import service

EVENT = {"Content-Type": "application/cloudevents+json"}


@pytest.fixture
def place(fresh_sqlite: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    service()
    _, secret = create_key(None, "plaza", list(Scope), service="plaza")
    policies = policy_folder(tmp_path / "policies")
    return SimpleNamespace(url=fresh_sqlite.url, secret=secret, var=tmp_path, policies=policies)


def children(process: int) -> dict[str, list[int]]:
    """The processes under this one by what they do."""
    found: dict[str, list[int]] = {"decides": [], "answers": []}
    pids = [pid for task in Path(f"/proc/{process}/task").iterdir() for pid in (task / "children").read_text().split()]
    for pid in pids:
        command = Path(f"/proc/{pid}/cmdline").read_text()
        if "safehold.site.decider" in command:
            found["decides"].append(int(pid))
        elif "safehold.site.serving" in command:
            found["answers"].append(int(pid))
    return found


def until(question, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def send_all(server: Server, secret: str, names: range, kill=None) -> list[str]:
    """Send from many connections at once, as a platform does: again after a 503 or a broken connection. Ids of decisions."""
    limits, headers = httpx.Limits(max_connections=24), {"Authorization": f"Bearer {secret}", **EVENT}
    now = datetime.now(UTC).isoformat()
    async with httpx.AsyncClient(base_url=server.url, headers=headers, limits=limits, timeout=30) as client:

        async def one(number: int) -> str:
            event = message(number, actor=f"u{number % 3}", time=now)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    answer = await client.post("/v1/events", json=event)
                except httpx.TransportError:
                    continue
                if answer.status_code == 200:
                    if kill is not None and number == names[len(names) // 2]:
                        kill()
                    return answer.json()["decision"]
                assert answer.status_code == 503, answer.text
                await asyncio.sleep(0.1)
            raise AssertionError("it was never taken")

        return list(await asyncio.gather(*(one(number) for number in names)))


def test_all_processes_answer_and_one_decides(place):
    """Windows count over all of them, metrics add them up, a duplicate is one wherever it comes to, and all end together."""
    with serving(place.url, place.policies, place.var, processes=3, rate=0) as server:
        under = children(server.process.pid)
        assert [len(under["decides"]), len(under["answers"])] == [1, 1]
        answers = [
            server.client(place.secret).post("/v1/events", json=message(n % 10), headers=EVENT).json()
            for n in range(30)
        ]
        assert [answer["duplicate"] for answer in answers] == [False] * 10 + [True] * 20
        assert len({answer["decision"] for answer in answers}) == 10
        decisions = asyncio.run(send_all(server, place.secret, range(100, 130)))
        stored = Decision.objects.filter(pk__in=decisions)
        assert stored.filter(action="limit").count() == 3 * (10 - 5), "each sixth message of an hour and on is too many"
        route = 'safehold_request_seconds_count{route="/v1/events"}'
        until(lambda: server.metric(route) == 60)
        assert server.metric('safehold_events_total{outcome="duplicate"}') == 20
        taken = server.client(place.secret).post(
            "/v1/events:batch", json=[message(200), {"specversion": "1.0"}, message(0)],
            headers={"Content-Type": "application/cloudevents-batch+json"},
        )  # fmt: skip
        assert taken.status_code == 207
        assert [taken.json()[part] for part in ("taken", "duplicates", "refused")] == [2, 1, 1]
        assert server.client().get("/v1/nothing").status_code == 404
        until(lambda: server.metric('safehold_problems_total{problem="not-found"}') == 1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in (*under["decides"], *under["answers"]))
    assert Event.objects.count() == 41
    assert verify_record().whole


@pytest.mark.parametrize("which", ["decides", "answers"])
def test_a_process_that_is_killed_is_started_again_and_nothing_answered_is_lost(place, which):
    with serving(place.url, place.policies, place.var, processes=3, rate=0) as server:
        before = children(server.process.pid)[which]
        kill = lambda: os.kill(before[0], signal.SIGKILL)  # noqa: E731
        decisions = asyncio.run(send_all(server, place.secret, range(200), kill))
        until(lambda: (now := children(server.process.pid)[which]) and now != before)
        server.until_ready()
    assert len(set(decisions)) == 200
    assert set(Decision.objects.values_list("pk", flat=True)) == set(decisions)
    assert verify_record().whole


def test_the_others_end_when_the_first_is_killed(place):
    with serving(place.url, place.policies, place.var, processes=3, rate=0) as server:
        under = children(server.process.pid)
        server.process.kill()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in (*under["decides"], *under["answers"])))


def test_policies_that_cannot_be_loaded_are_said_and_nothing_starts(place):
    (place.policies / "broken.yaml").write_text("policy: [")
    with serving(place.url, place.policies, place.var, ready=False, processes=2) as server:
        assert server.process.wait(60) != 0
        assert "broken.yaml" in server.log.read_text()


def test_a_setting_that_is_wrong_is_said_and_nothing_starts(place):
    with serving(place.url, place.policies, place.var, ready=False, processes=2, windows="etcd://x") as server:
        assert server.process.wait(60) != 0
        said = server.log.read_text()
        assert "SAFEHOLD_WINDOWS" in said
        assert "Traceback" not in said
