"""Policies change under a running gateway: within a second or two, without a pause, and nothing that was sent is lost."""

import itertools
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.conf import settings

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Role, Scope
from safehold.desk.decisions.models import Decision
from safehold.desk.rules.changes import File, approve, draft, propose
from safehold.desk.rules.in_force import bundle_of, newest, put_in_force, sha, texts_of
from safehold.desk.rules.models import Edition, PolicyFile
from safehold.engine import load_bundle
from safehold.record.recording import recording
from tests.gateway_server import POLICY, database_of_its_own, message, policy_folder, serving
from tests.world import person, service


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A server with `POLICY`, and this process on the same database and folder."""
    var = tmp_path_factory.mktemp("var")
    place = policy_folder(var / "policies")
    before = settings.SAFEHOLD_POLICIES, settings.VAR
    settings.SAFEHOLD_POLICIES, settings.VAR = place, var / "console"
    bundle_of.cache_clear()
    with database_of_its_own(request.param, request, var) as url:
        service()
        _, secret = create_key(None, "tests", list(Scope), service="plaza")
        # One of the two databases with the deciding in a process of its own.
        with serving(url, place, var, rate=0, processes=2 if request.param == "postgresql" else 1) as server:
            yield SimpleNamespace(
                server=server, secret=secret, place=place, people=(person(Role.ADMIN), person(Role.ADMIN))
            )
    settings.SAFEHOLD_POLICIES, settings.VAR = before


def change(running: SimpleNamespace, text: str) -> Edition:
    author, other = running.people
    path = "spam.yaml"
    made = draft(author, [File(path, text, sha(texts_of(newest())[path]))], title="A change")
    approve(other, propose(author, made.pk).pk)
    return Edition.objects.get(number=newest())


def until_decided_with(client, bundle: str, name: str) -> None:
    """Wait until the gateway decides with this bundle."""
    until = time.monotonic() + 60
    for number in itertools.count():
        answer = client.post("/v1/events", json=message(f"{name}-{number}", actor=f"probe-{name}-{number}")).json()
        if client.get(f"/v1/decisions/{answer['decision']}").json()["verdict"]["bundle"] == bundle:
            return
        assert time.monotonic() < until, "the gateway did not follow"
        time.sleep(0.02)


def test_a_change_holds_soon_and_windows_keep_what_they_counted(running):
    client = running.server.client(running.secret)
    for number in range(4):
        client.post("/v1/events", json=message(f"w{number}", actor="walker"))
    edition = change(running, POLICY.replace("windows.sent_1h > 5", "windows.sent_1h > 4"))
    until_decided_with(client, edition.bundle, "kept")
    answer = client.post("/v1/events", json=message("w4", actor="walker")).json()
    # The fifth message: the count went on, and the new limit holds.
    decision = Decision.objects.get(pk=answer["decision"])
    assert (decision.action, decision.reason) == ("limit", "5 messages in an hour")
    assert decision.policy == PolicyFile.objects.get(edition=edition).version
    assert (running.place / "spam.yaml").read_text() == texts_of(edition.number)["spam.yaml"]
    assert load_bundle(running.place).hash == edition.bundle


def test_a_window_that_is_new_knows_the_past_at_once(running):
    client = running.server.client(running.secret)
    for number in range(3):
        client.post("/v1/events", json=message(f"n{number}", actor="newcomer"))
    text = texts_of(newest())["spam.yaml"].replace("over: 1h}", "over: 2h}").replace("> 4", "> 3")
    edition = change(running, text)
    until_decided_with(client, edition.bundle, "new")
    answer = client.post("/v1/events", json=message("n3", actor="newcomer")).json()
    decision = Decision.objects.get(pk=answer["decision"])
    assert (decision.action, decision.reason) == ("limit", "4 messages in an hour")


def test_nothing_is_lost_while_policies_change_under_load(running):
    answers, stop = [], threading.Event()

    def send(worker: int) -> None:
        client, number = running.server.client(running.secret), 0
        while not stop.is_set():
            number += 1
            reply = client.post("/v1/events", json=message(f"l{worker}-{number}", actor=f"load{worker}-{number}"))
            answers.append((reply.status_code, reply.json().get("decision"), reply.elapsed.total_seconds()))

    senders = [threading.Thread(target=send, args=(worker,)) for worker in range(3)]
    for sender in senders:
        sender.start()
    bundles = []
    try:
        client = running.server.client(running.secret)
        for limit in (6, 7):
            text = texts_of(newest())["spam.yaml"]
            old = next(line for line in text.splitlines() if "when: windows.sent_1h" in line)
            edition = change(running, text.replace(old, f"    when: windows.sent_1h > {limit}"))
            bundles.append(edition.bundle)
            until_decided_with(client, edition.bundle, f"load{limit}")
    finally:
        stop.set()
        for sender in senders:
            sender.join()
    assert {status for status, _, _ in answers} == {200}
    decided = {decision for _, decision, _ in answers}
    assert len(decided) == len(answers)
    kept = dict(Decision.objects.filter(pk__in=decided).values_list("pk", "bundle"))
    assert set(kept) == decided and set(bundles) <= set(kept.values())


def test_what_a_gateway_cannot_load_changes_nothing_there(running):
    client = running.server.client(running.secret)
    holds = Edition.objects.get(number=newest())
    texts = texts_of(holds.number)
    bundle = bundle_of(holds.number)
    with recording() as record:  # as if another version of Safehold had checked it
        bad = put_in_force(record, texts | {"bad.yaml": "policy: bad\nrules: nonsense"}, bundle, source="git")
    until = time.monotonic() + 60
    while not running.server.metric("safehold_policy_edition_failures_total") and time.monotonic() < until:
        time.sleep(0.05)
    assert running.server.metric("safehold_policy_edition") == holds.number
    answer = client.post("/v1/events", json=message("still", actor="still")).json()
    assert client.get(f"/v1/decisions/{answer['decision']}").json()["verdict"]["bundle"] == holds.bundle
    with recording() as record:
        mended = put_in_force(record, texts, bundle, source="git")
    until = time.monotonic() + 60
    while running.server.metric("safehold_policy_edition") != mended.number and time.monotonic() < until:
        time.sleep(0.05)
    assert running.server.metric("safehold_policy_edition") == mended.number == bad.number + 1
