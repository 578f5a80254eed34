"""The breaker: a rule that suddenly matches far more than its history says is throttled at once, people are told, and a person
releases it; the day's share of an action stops a runaway.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from django.conf import settings
from django.utils import timezone

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Role, Scope
from safehold.desk.decisions.elsewhere import Elsewhere
from safehold.desk.decisions.endpoints import add_endpoint
from safehold.desk.decisions.hot_rows import PolicyInForce
from safehold.desk.decisions.intake import Intake
from safehold.desk.decisions.models import Decision, Delivery, RuleHits
from safehold.desk.decisions.policies import enact
from safehold.desk.rules.breaker import counts, throttle
from safehold.desk.rules.changes import approve
from safehold.desk.rules.folder import open_policies
from safehold.desk.rules.in_force import bundle_of, newest
from safehold.desk.rules.models import Rule, RuleCost
from safehold.desk.rules.promoting import set_mode
from safehold.engine import Engine, PolicyProblems
from safehold.gateway.breaker import Breaker, Counts, History, limit_of
from safehold.gateway.cloudevents import CloudEvent
from safehold.gateway.declared import Declared
from safehold.gateway.engines import Engines
from safehold.record.models import AuditEvent
from safehold.record.moves import check_moves
from safehold.record.recording import recording
from tests import policy_folder as folders
from tests.gateway_server import POLICY, message, policy_folder, serving
from tests.world import person, service

NAME = "spam.pills/pills"
EAGER = POLICY.replace("  - id: pills\n", "  - id: pills\n    breaker: {factor: 2, at_least: 2}\n")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = ("loud | data.text == 'x' | warn", "other | data.text == 'x' | {action: label, label: seen}")


@pytest.mark.parametrize(
    ("history", "limit"),
    [
        (History(), 1_000),  # nobody has known it for a day
        (History(mean=1, busiest=3, known_hours=23), 1_000),
        (History(mean=1, busiest=3, known_hours=24), 200),  # rare: 200 are never too much
        (History(mean=60, busiest=90, known_hours=168), 450),  # five times its busiest hour
        (History(mean=10_000, busiest=0, known_hours=168), 10_600),  # a Poisson process at its mean
    ],
)
def test_a_rules_limit_follows_from_its_history(history, limit):
    assert limit_of(5, 200, history) == limit


def loud(tmp_path: Path, quotas: dict[str, int], breaker: str = "") -> tuple[Engine, Breaker]:
    settings_ = f"    breaker: {breaker}\n" if breaker else ""
    text = folders.policy_of(*RULES).replace("  - id: loud\n", f"  - id: loud\n{settings_}")
    engine = Engine(folders.bundle(tmp_path, text), [])
    made = Breaker(quotas)
    engine.held_back = made.held_back
    return engine, made


def decide(engine: Engine, breaker: Breaker, number: int, now: datetime = NOON):
    verdict = engine.decide(folders.message("x", actor=f"u{number}"))
    breaker.count(verdict, now)
    return verdict


NOTHING = Counts(history={}, today={}, throttled=frozenset())


def test_from_the_match_on_that_is_too_much_the_rule_is_in_shadow_and_the_verdict_says_why(tmp_path):
    engine, breaker = loud(tmp_path, {}, "{factor: 2, at_least: 3}")
    breaker.renew(engine.bundle, NOTHING, NOON)
    actions = [decide(engine, breaker, number).action for number in range(8)]
    assert actions == ["warn"] * 6 + ["label"] * 2
    hit = decide(engine, breaker, 9).hits[0]
    assert (hit.mode, hit.suppressed) == ("shadow", "breaker")
    tripped = breaker.tripped()
    assert tripped is not None and tripped.rule == "test.policy/loud" and "matched 6 times" in tripped.why
    breaker.told()
    assert breaker.tripped() is None
    breaker.renew(engine.bundle, Counts(history={}, today={}, throttled=frozenset({"test.policy/loud"})), NOON)
    assert decide(engine, breaker, 10, NOON + timedelta(hours=2)).action == "label"  # it stays so in the next hour
    known = {"test.policy/loud": History(now=10)}
    released = Counts(history=known, today={}, throttled=frozenset(), forgiven={"test.policy/loud": 10})
    breaker.renew(engine.bundle, released, NOON + timedelta(hours=2))
    assert decide(engine, breaker, 11, NOON + timedelta(hours=2)).action == "warn"  # released: counted afresh


def test_a_rule_can_be_left_out_and_settings_are_checked(tmp_path):
    engine, breaker = loud(tmp_path, {}, "{off: true}")
    breaker.renew(engine.bundle, NOTHING, NOON)
    assert {decide(engine, breaker, number).action for number in range(1_200)} == {"warn"}
    with pytest.raises(PolicyProblems, match="2 or more"):
        loud(tmp_path, {}, "{factor: 1}")
    with pytest.raises(PolicyProblems, match="true or false"):
        loud(tmp_path, {}, "{off: perhaps}")


def test_an_action_stops_when_its_share_of_the_day_is_used_up(tmp_path):
    engine, breaker = loud(tmp_path, {"warn": 5})
    breaker.renew(engine.bundle, Counts(history={}, today={"warn": 3}, throttled=frozenset()), NOON)
    assert [decide(engine, breaker, number).action for number in range(4)] == ["warn", "warn", "label", "label"]
    assert decide(engine, breaker, 5).hits[0].suppressed == "quota"
    assert decide(engine, breaker, 6, NOON + timedelta(days=1)).action == "label"  # the day turns with this event
    assert decide(engine, breaker, 7, NOON + timedelta(days=1)).action == "warn"


@pytest.mark.usefixtures("within_an_hour")
def test_a_restart_knows_what_was_counted(fresh_database):
    service()
    now = timezone.now().astimezone(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    for back, hits in ((0, 4), (1, 10), (30, 50)):
        for mode in ("live", "shadow"):
            RuleHits.objects.create(
                service_id="plaza", name=NAME, mode=mode, hour=hour - timedelta(hours=back), hits=hits
            )
    seen = counts({"remove": 5}, now)
    assert seen.history == {NAME: History(mean=4.0, busiest=100, now=8, known_hours=30)}
    assert (seen.today, seen.throttled) == ({"remove": 0}, frozenset())


class Process:
    """A gateway's engines, breaker and store, as one process has them."""

    def __init__(self, policy: str, where: Path, quotas: dict[str, int]) -> None:
        bundle = folders.bundle(where, policy)
        engine, breaker = Engine(bundle, []), Breaker(quotas)
        engine.held_back = breaker.held_back
        breaker.renew(bundle, counts(quotas), timezone.now())
        self.breaker, self.minds = breaker, Engines(engine, 1, breaker=breaker)
        self.declared = Declared(bundle.event_types)
        self.store = Intake(lambda: 1, lambda rule, why: None, lambda found: None, Elsewhere(quotas))
        with recording() as record:
            versions = enact(record, bundle.policies)
        self.store.know(1, {key: PolicyInForce(version.pk, None) for key, version in versions.items()})

    def decide(self, *numbers: int) -> list[str]:
        events = [folders.cloudevent("x") | {"id": f"e{number}"} for number in numbers]
        now = timezone.now()
        batch = [
            self.declared.prepare(
                "plaza", msgspec.convert({"subject": None, "body": json.dumps(event)} | event, CloudEvent), now
            )
            for event in events
        ]
        return [written.verdict.action for written in self.store.write_batch(batch, self.minds)]


def test_what_other_processes_saw_counts_too(fresh_database, tmp_path):
    service()
    policy = folders.policy_of(*RULES).replace(
        "  - id: loud\n", "  - id: loud\n    breaker: {factor: 2, at_least: 3}\n"
    )
    one, two = (Process(policy, tmp_path / name, {}) for name in ("one", "two"))
    actions = [
        process.decide(number)[0] for number, process in enumerate([one, two, two, one, two, one, two, one, two])
    ]
    assert actions == ["warn"] * 6 + ["label"] * 3  # six in all, though neither process saw more than three
    assert one.breaker.tripped() is not None and two.breaker.tripped() is not None  # whoever is first tells the others
    three = Process(policy, tmp_path / "three", {})
    assert three.decide(10) == ["label"]
    hour = timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    Rule.objects.create(name="test.policy/loud", state="live", forgiven=10, forgiven_in=hour)  # released
    four = Process(policy, tmp_path / "four", {})
    assert four.decide(11, 12, 13, 14, 15, 16, 17) == ["warn"] * 6 + ["label"]


def test_an_actions_share_of_the_day_is_that_of_all_processes(fresh_database, tmp_path):
    service()
    one, two = (Process(folders.policy_of(*RULES), tmp_path / name, {"warn": 5}) for name in ("one", "two"))
    assert one.decide(0) + two.decide(1) + one.decide(2, 3) + two.decide(4, 5) == ["warn"] * 5 + ["label"]
    assert one.decide(6) == two.decide(7) == ["label"]


@pytest.fixture
def place(fresh_sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bundle_of.cache_clear()
    where = policy_folder(tmp_path / "policies")
    (where / "spam.yaml").write_text(EAGER)
    monkeypatch.setattr(settings, "SAFEHOLD_POLICIES", where)
    monkeypatch.setattr(settings, "VAR", tmp_path / "var")
    service()
    with recording() as record:
        add_endpoint(record, "plaza", "https://plaza.example/hooks")
    return where


@pytest.mark.usefixtures("within_an_hour")
def test_a_rule_that_acts_is_throttled_once_and_everybody_hears_of_it(place):
    open_policies()
    throttle(NAME, "It matched 6 times within an hour.")
    throttle(NAME, "It matched 7 times within an hour.")
    rule = Rule.objects.get(name=NAME)
    assert (rule.state, rule.why, newest()) == ("throttled", "It matched 6 times within an hour.", 2)
    assert counts({}).throttled == {NAME}
    assert AuditEvent.objects.filter(verb="rule.throttled").count() == 1
    assert '"rule":"spam.pills/pills"' in Delivery.objects.get(type="rule.throttled").payload
    assert list(check_moves()) == []
    hour = timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    for mode, hits in (("live", 6), ("throttled", 3)):
        RuleHits.objects.create(service_id="plaza", name=NAME, mode=mode, hour=hour, hits=hits)
    author, other = person(Role.POLICY_AUTHOR), person(Role.POLICY_AUTHOR)
    change = set_mode(author, NAME, "live", note="It was a wave of spam")
    assert (change.kind, change.state) == ("release", "proposed")
    assert approve(other, change.pk).state == "applied"
    rule.refresh_from_db()
    assert (rule.state, rule.why, newest()) == ("live", "", 3)
    assert counts({}).forgiven == {NAME: 9}  # whoever starts now counts from here
    assert counts({}, timezone.now() + timedelta(hours=1)).forgiven == {}
    assert list(check_moves()) == []


@pytest.mark.usefixtures("within_an_hour")
def test_in_two_running_gateways(place, fresh_sqlite, tmp_path):
    _, secret = create_key(None, "tests", list(Scope), service="plaza")
    (tmp_path / "server").mkdir()
    (tmp_path / "other").mkdir()
    with (
        serving(fresh_sqlite.url, place, tmp_path / "server", rate=0) as server,
        serving(fresh_sqlite.url, place, tmp_path / "other", rate=0) as other_server,
    ):
        client = server.client(secret)
        clients = [client, other_server.client(secret)]
        actions = [
            clients[n % 2].post("/v1/events", json=message(n, "buy pills", actor=f"seller{n}")).json()["action"]
            for n in range(7)
        ]
        assert actions == ["remove"] * 4 + ["allow"] * 3
        until = time.monotonic() + 60
        while Rule.objects.get(name=NAME).state != "throttled" or any(
            each.metric("safehold_policy_edition") < newest() for each in (server, other_server)
        ):
            assert time.monotonic() < until
            time.sleep(0.05)
        last = Decision.objects.filter(action="allow").latest("decided_at")
        assert [(hit["mode"], hit["suppressed"]) for hit in last.verdict["hits"]] == [("shadow", "breaker")]
        modes = dict(RuleHits.objects.filter(name=NAME).values_list("mode", "hits"))
        assert modes == {"live": 4, "throttled": 3}
        author, other = person(Role.POLICY_AUTHOR), person(Role.POLICY_AUTHOR)
        approve(other, set_mode(author, NAME, "live").pk)
        until, number = time.monotonic() + 60, 100
        while (
            client.post("/v1/events", json=message(number, "buy pills", actor=f"s{number}")).json()["action"]
            != "remove"
        ):
            assert time.monotonic() < until
            number += 1
            time.sleep(0.05)
    assert RuleCost.objects.filter(name=NAME).exists()  # what rules cost was measured meanwhile, and kept at the end
