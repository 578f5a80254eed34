"""The how-to of windows works as written: every policy on the page is checked and its examples run, and the windows count."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from safehold.engine import Engine, Event, load_bundle
from safehold.engine.examples import run_examples
from safehold.engine.windows.kinds import KINDS
from safehold.signals.links import Links

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs/how-to/count-over-time.md").read_text(encoding="utf-8")
POLICIES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
BEHAVIOUR = re.findall(
    r"```yaml\n(.*?)```", (PROJECT / "docs/how-to/watch-behaviour.md").read_text(encoding="utf-8"), re.DOTALL
)
#: All that the page reads.
SIGNALS = [Links()]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def bundle_of(tmp_path: Path, policy: str):
    shutil.copytree(PROJECT / "policies/events", tmp_path / "events")
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")
    return load_bundle(tmp_path, SIGNALS)


@pytest.mark.parametrize("policy", POLICIES + BEHAVIOUR, ids=lambda policy: yaml.safe_load(policy)["policy"])
def test_every_policy_of_the_page_passes_its_own_examples(tmp_path: Path, policy: str) -> None:
    outcomes = run_examples(bundle_of(tmp_path, policy), SIGNALS)
    assert len(outcomes) >= 2
    assert [outcome.differences for outcome in outcomes if not outcome.passed] == []


def test_the_page_has_a_section_for_each_kind() -> None:
    assert {kind for kind in KINDS if f"\n## {kind}: " in PAGE} == set(KINDS)
    used = {key for policy in POLICIES for window in yaml.safe_load(policy)["windows"].values() for key in window}
    assert set(KINDS) <= used


def test_a_payout_after_a_change_is_held_and_does_not_count_as_one(tmp_path: Path) -> None:
    (policy,) = [part for part in POLICIES if "changed-and-emptied" in part]
    engine = Engine(bundle_of(tmp_path, policy), SIGNALS)

    def decide(kind: str, minutes: int, **data: object) -> str:
        actor = {"id": "u1", "created_at": "2025-01-01T00:00:00Z"}
        at = NOON + timedelta(minutes=minutes)
        return engine.decide(Event(id=f"{minutes}", source="t", type=kind, time=at, actor=actor, data=data)).action

    payout = {"amount": 900, "currency": "EUR"}
    assert decide("payout.requested", 0, payout_id="p0", **payout) == "allow"
    assert decide("account.changed", 1, changes=["password"]) == "allow"
    assert decide("payout.requested", 30, payout_id="p1", **payout) == "hold"
    assert decide("payout.requested", 200, payout_id="p2", **payout) == "allow"


DAYS_OF_SIXTEEN_HOURS = [day * 1440 + minute for day in range(3) for minute in range(0, 960, 10)]


@pytest.mark.parametrize(
    ("name", "kind", "minutes", "data", "hit"),
    [
        ("burst", "content.created", [*range(-40000, 0, 4000), *range(20)], {"content_id": "c", "text": "a"}, True),
        ("burst", "content.created", range(-40000, 20, 20), {"content_id": "c", "text": "a"}, False),
        ("no-sleep", "message.sent", range(0, 4320, 20), {"message_id": "m", "text": "a"}, True),
        ("no-sleep", "message.sent", DAYS_OF_SIXTEEN_HOURS, {"message_id": "m", "text": "a"}, False),
        ("clockwork", "content.created", range(0, 60 * 40, 60), {"content_id": "c", "text": "a"}, True),
        ("clockwork", "content.created", range(0, 61 * 40, 61), {"content_id": "c", "text": "a"}, False),
        ("follow-churn", "follow.created", range(60), {"follow_id": "f"}, True),
    ],
)  # fmt: skip
def test_behaviour_is_seen_in_the_events_themselves(tmp_path: Path, name, kind, minutes, data, hit) -> None:
    (policy,) = [part for part in BEHAVIOUR if f"policy: behaviour.{name}\n" in part]
    engine = Engine(bundle_of(tmp_path, policy), SIGNALS)
    actor = {"id": "u1", "created_at": "2025-01-01T00:00:00Z"}
    verdict = None
    for number, minute in enumerate(minutes):
        at = NOON + timedelta(minutes=minute)
        target = {"kind": "account", "id": f"t{number % 20}"} if kind == "follow.created" else {}
        verdict = engine.decide(
            Event(id=f"{number}", source="t", type=kind, time=at, actor=actor, target=target, data=data)
        )
    assert verdict is not None
    assert not verdict.undecided
    assert [found.rule for found in verdict.hits] == ([name] if hit else [])
