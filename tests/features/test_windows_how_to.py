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
#: All that the page reads.
SIGNALS = [Links()]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def bundle_of(tmp_path: Path, policy: str):
    shutil.copytree(PROJECT / "policies/events", tmp_path / "events")
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")
    return load_bundle(tmp_path, SIGNALS)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: yaml.safe_load(policy)["policy"])
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
