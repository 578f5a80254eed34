"""A list that is changed counts within a moment in every running server, without a restart and without a pause; decisions name
the version they were made with. Real servers, both databases.
"""

import io
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.decisions.models import Decision
from safehold.desk.lists.changing import add_entry, move_entry
from safehold.desk.lists.feed import versions
from safehold.desk.lists.importing import apply, revert, stage
from safehold.desk.lists.models import Entry
from safehold.engine.lists import Entry as Listed
from safehold.engine.lists import Layer, PolicyList, make_table
from safehold.gateway.lists import Keeper
from tests.gateway_server import message, policy_folder, serving
from tests.world import service

EVENT = {"Content-Type": "application/cloudevents+json"}
POLICY = """
policy: test.listed
title: Listed
severity: low
guidance: None.
on: [message.sent]
rules:
  - {id: listed, mode: live, when: data.text in lists.bad, then: {action: warn, reason: Listed}}
"""
LIST = "list: bad\nkind: domain_suffix\nmanaged: true\nentries: [seed.example]\n"


def put_policies(where: Path) -> Path:
    policies = policy_folder(where / "policies")
    (policies / "listed.yaml").write_text(POLICY)
    (policies / "lists").mkdir()
    (policies / "lists/bad.yaml").write_text(LIST)
    return policies


@pytest.fixture
def place(fresh_database: SimpleNamespace, tmp_path: Path, settings: object) -> SimpleNamespace:
    return made(fresh_database, tmp_path, settings)


@pytest.fixture
def sqlite_place(fresh_sqlite: SimpleNamespace, tmp_path: Path, settings: object) -> SimpleNamespace:
    return made(fresh_sqlite, tmp_path, settings)


def made(database: SimpleNamespace, tmp_path: Path, settings: object) -> SimpleNamespace:
    service()
    _, secret = create_key(None, "plaza", list(Scope), service="plaza")
    settings.SAFEHOLD_POLICIES = put_policies(tmp_path)
    return SimpleNamespace(url=database.url, secret=secret, var=tmp_path, policies=settings.SAFEHOLD_POLICIES)


class Asking:
    """Sends the same text again and again to a server, as events of their own."""

    number = 0

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def __call__(self, text: str) -> dict[str, object]:
        Asking.number += 1
        answered = self.client.post(
            "/v1/events", json=message(f"l{Asking.number}", text, f"u{Asking.number}"), headers=EVENT
        )
        assert answered.status_code in (200, 201, 202), answered.text
        return answered.json()

    def until(self, text: str, action: str, seconds: float = 60) -> dict[str, object]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if (found := self(text))["action"] == action:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{text} is not answered with {action} within {seconds} seconds")


def test_a_change_counts_in_every_server_and_decisions_name_the_version(place: SimpleNamespace) -> None:
    add_entry(None, "bad", "first.example")
    with (
        serving(place.url, place.policies, place.var, rate=0) as one,
        serving(place.url, place.policies, place.var, rate=0) as two,
    ):
        asks = [Asking(server.client(place.secret)) for server in (one, two)]
        for ask in asks:
            assert ask("www.first.example")["action"] == "warn"
            assert ask("seed.example")["action"] == "warn"
            assert ask("second.example")["action"] == "allow"
        entry = add_entry(None, "bad", "second.example", {"source": "ticket 9"})
        decided = [ask.until("a.second.example", "warn") for ask in asks]
        verdict = Decision.objects.get(pk=decided[0]["decision"]).verdict
        assert verdict["lists"] == {"bad": versions()["bad"][1]}
        assert verdict["hits"][0]["matches"][0] | {"added_at": "", "item": ""} == {
            "list": "bad", "item": "", "entry": "second.example", "source": "ticket 9", "added_at": "",
            "version": versions()["bad"][1],
        }  # fmt: skip
        move_entry(None, entry.pk, "disputed")
        for ask in asks:
            ask.until("a.second.example", "allow")
            assert ask("www.first.example")["action"] == "warn"
        assert one.metric('safehold_list_revision{list="bad"}') == 3


def test_a_large_import_counts_in_one_moment_while_events_are_decided(sqlite_place: SimpleNamespace) -> None:
    """More than what is layered: a process of its own packs the table, and the next start finds it there."""
    place = sqlite_place
    text = "".join(f"h{number}.example\n" for number in range(10_500))
    revision = stage(None, "bad", io.BytesIO(text.encode()), "plain")
    with serving(place.url, place.policies, place.var, rate=0) as server:
        ask = Asking(server.client(place.secret))
        assert ask("h0.example")["action"] == "allow"
        apply(None, revision.pk)
        ask.until("www.h10499.example", "warn")
        assert ask("h0.example")["action"] == "warn"
        tables = list((place.var / "lists").glob("bad-*.table"))
        assert len(tables) == 1
        add_entry(None, "bad", "late.example")
        move_entry(None, Entry.objects.get(value="h7.example").pk, "retired")
        ask.until("late.example", "warn")
        ask.until("h7.example", "allow")
        assert ask("h8.example")["action"] == "warn"
        assert list((place.var / "lists").glob("bad-*.table")) == tables
    with serving(place.url, place.policies, place.var, rate=0) as server:
        ask = Asking(server.client(place.secret))
        assert [ask(text)["action"] for text in ("h9.example", "late.example", "h7.example")] == [
            "warn",
            "warn",
            "allow",
        ]
        revert(None, revision.pk)
        ask.until("h9.example", "allow")
        assert ask("late.example")["action"] == "warn"


class Source:
    """A list's database that fails on demand."""

    def __init__(self) -> None:
        self.entries: list[tuple[Listed, bool]] = []
        self.number, self.away, self.closed = 0, False, 0

    def put(self, value: str, active: bool = True) -> None:
        self.number += 1
        self.entries.append((Listed(value=value), active))

    def versions(self) -> dict[str, tuple[int, str]]:
        if self.away:
            raise OSError("the database is away")
        return {"bad": (self.number, str(self.number))}

    def changed(self, name: str, after: int, number: int, limit: int) -> list[tuple[Listed, bool]]:
        return self.entries[after:number]

    def close(self) -> None:
        self.closed += 1


def test_what_is_known_goes_on_while_the_database_is_away() -> None:
    source = Source()
    source.put("a.example")
    keeper = Keeper(source)
    held = PolicyList("bad", make_table("domain_suffix", []), managed=True)
    keeper.attach([held])
    assert "a.example" in held and held.version == "1"
    source.away = True
    with pytest.raises(OSError, match="away"):
        keeper.attach([PolicyList("bad", make_table("domain_suffix", []), managed=True)])
    source.away = False
    source.put("b.example")
    source.put("a.example", active=False)
    source.put("not a domain")  # brought in when the list was of another kind
    keeper._look()
    assert "a.example" in held and held.version == "1"  # nothing changes while an event is decided
    keeper.adopt()
    assert ("a.example" in held, "b.example" in held, held.version) == (False, True, "4")


def test_changes_over_a_large_table_are_those_of_a_new_one() -> None:
    for kind, values in {
        "cidr": ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32"], "regex_set": ["a+", "b", "c$"],
        "hash": ["0" * 32, "1" * 64], "exact": ["x", "y"],
    }.items():  # fmt: skip
        base = make_table(kind, [Listed(value=value) for value in values])
        for value in values:
            at = base.position(value)
            assert at is not None and base.value(at) == value
            held = PolicyList("bad", make_table(kind, []), managed=True)
            held.put((Layer(base, frozenset([at])),), "1")
            assert held.entries == frozenset(values) - {value}
