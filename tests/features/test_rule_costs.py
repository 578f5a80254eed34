"""What a rule costs is measured where it is decided, at a sample of events, and its page says so."""

import random
import time
from collections import Counter
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from safehold.accounts.roles import Role
from safehold.console import policies
from safehold.desk.rules.costs import add_costs, shares
from safehold.desk.rules.folder import open_policies
from safehold.desk.rules.in_force import bundle_of, newest
from safehold.desk.rules.models import RuleCost
from safehold.engine import Engine, Verdict, load_bundle
from safehold.engine.costs import Costs, bucket_of, cost_of
from tests import policy_folder as folders
from tests.gateway_server import policy_folder
from tests.history_rows import stream, write
from tests.world import person, service

RULES = (
    "rare | data.text == 'now' && signals.slow.flag | hold",
    "always | signals.slow.flag | hold",
    "cheap | data.text.contains('ow') | warn",
)
NAME = "spam.pills/pills"


class Slow:
    """A signal that takes two milliseconds, and counts its runs."""

    name, version, cost, fields, reads = "slow", "1", 2_000.0, {"flag": "bool"}, ("text",)

    def __init__(self) -> None:
        self.runs = 0

    def run(self, event: Any) -> dict[str, Any]:
        self.runs += 1
        until = time.perf_counter() + 0.002
        while time.perf_counter() < until:
            pass
        return {"flag": False}


def test_a_dear_signal_shows_where_a_rule_comes_to_it_and_nothing_else_changes(tmp_path: Path) -> None:
    where = folders.folder(tmp_path, folders.policy_of(*RULES))
    slow, plain = Slow(), Slow()
    measured, other = Engine(load_bundle(where, [slow]), [slow]), Engine(load_bundle(where, [plain]), [plain])
    costs = Costs(every=1)
    measured.measure(costs)
    while costs.prepare():
        pass
    for number in range(60):
        event = folders.message("now" if number % 6 == 0 else "then", after=number)
        assert timeless(measured.decide(event)) == timeless(other.decide(event))
    assert slow.runs == plain.runs == 60
    found = {name: cost_of(buckets) for (name, _), buckets in costs.take().items()}
    assert {name: cost.timed for name, cost in found.items()} == {
        f"test.policy/{name}": 60 for name in ("rare", "always", "cheap")
    }
    assert found["test.policy/always"].median > 1_600 < found["test.policy/rare"].p95
    assert found["test.policy/rare"].median < 400 > found["test.policy/cheap"].median
    assert costs.take() == {}


def timeless(verdict: Verdict) -> Verdict:
    return msgspec.structs.replace(verdict, signals=[msgspec.structs.replace(run, micros=0) for run in verdict.signals])


def test_few_verdicts_are_measured_once_there_were_many(tmp_path: Path) -> None:
    engine, costs = folders.engine(tmp_path, folders.policy_of("cheap | data.text.contains('ow') | warn")), Costs(8)
    engine.measure(costs)
    event = folders.message("now")
    assert engine.decide(event).action == "warn" and costs.take() == {}  # nothing is compiled while somebody waits
    costs.prepare()
    timed = []
    for _ in range(4):
        for _ in range(400):
            engine.decide(event)
        timed.append(sum(sum(buckets.values()) for buckets in costs.take().values()))
    assert timed[0] > timed[1] > timed[2] == timed[3] == 50


def test_figures_of_buckets_are_those_of_the_timings_to_within_a_tenth() -> None:
    draw = random.Random(7)
    nanos = sorted(int(draw.lognormvariate(7, 1.5)) + 1 for _ in range(1_001))
    cost = cost_of(Counter(map(bucket_of, nanos)))
    exact = [nanos[500] / 1_000, nanos[950] / 1_000, sum(nanos[:990]) / 1_000]
    assert [cost.median, cost.p95, cost.total] == [pytest.approx(value, rel=0.1) for value in exact]
    assert cost.timed == 1_001 and cost_of({bucket_of(5_000): 1}).total == pytest.approx(5, rel=0.1)


@pytest.mark.usefixtures("within_an_hour")
def test_what_gateways_measure_adds_up_and_a_rewritten_rule_begins_anew(fresh_database) -> None:
    today = timezone.now().astimezone(UTC).date()
    for day, timed in ((today, 30), (today, 10), (today - timedelta(days=6), 60), (today - timedelta(days=7), 500)):
        add_costs({("p/a", "1"): {40: timed}, ("p/b", "1"): {48: timed}}, day)
    found = shares([("p/a", "1"), ("p/b", "1"), ("p/c", "1")])
    assert set(found) == {"p/a", "p/b"} and found["p/a"].cost.timed == found["p/b"].cost.timed == 100
    assert (found["p/a"].share, found["p/b"].share) == (pytest.approx(1 / 5), pytest.approx(4 / 5))
    add_costs({("p/a", "2"): {48: 5}}, today)
    assert shares([("p/a", "2")])["p/a"].cost.timed == 5
    add_costs({("p/a", "2"): {48: 5}}, today + timedelta(days=25))
    assert set(RuleCost.objects.values_list("day", flat=True)) == {today, today + timedelta(days=25)}


def test_a_rules_page_and_its_policy_say_what_it_costs_and_what_it_would_have_done(
    fresh_sqlite, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle_of.cache_clear()
    monkeypatch.setattr(settings, "SAFEHOLD_POLICIES", policy_folder(tmp_path / "policies"))
    monkeypatch.setattr(settings, "VAR", tmp_path / "var")
    monkeypatch.setattr(policies, "remembered", lambda key, seconds, read: read())
    service()
    open_policies()
    client.force_login(person(Role.POLICY_AUTHOR))
    page = f"/policies/{NAME.replace('/', '/rules/')}/"
    assert "not measured yet" in client.get(page).content.decode()
    digest = bundle_of(newest()).rule(NAME).hash
    add_costs({(NAME, digest): {44: 90, 64: 10}, ("spam.pills/flood", "an older text"): {80: 900}})
    found = client.get(page).content.decode()
    assert "2 µs" in found and "66 µs" in found and "100.0 %" in found and "100 times" in found
    write(bundle_of(newest()), stream(40))
    assert "What it would have decided" not in client.get(page).content.decode()
    shadow = client.get("/policies/spam.pills/rules/watched/").content.decode()
    assert "What it would have decided" in shadow and "Terminate" in shadow and "message m" in shadow
    assert "costs 2 µs, 100.0 % of all rules" in client.get("/policies/spam.pills/").content.decode()
