"""What somebody who writes a rule sees while they type: the newest events decided again, with the rule and without."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import msgspec

from safehold.desk.decisions.models import Decision
from safehold.desk.history.reading import last_position, recorded
from safehold.desk.history.recent import recent
from safehold.engine import Bundle, load_bundle
from safehold.engine.verdict import Verdict
from safehold.replay import Again
from tests.gateway_server import POLICY, policy_folder
from tests.history_rows import BEGIN, stream, write


def _with(tmp_path: Path, name: str, **rules: str) -> Bundle:
    """The test policy with other conditions."""
    folder = policy_folder(tmp_path / name)
    text = POLICY
    for old, new in rules.values():
        assert old in text
        text = text.replace(old, new)
    (folder / "spam.yaml").write_text(text)
    return load_bundle(folder)


def test_the_record_decided_again_gives_what_was_decided(fresh_database: SimpleNamespace, tmp_path: Path) -> None:
    """Labels of rules, of events in one batch, windows, late events: every verdict comes out as it is recorded."""
    bundle = write(policy_folder(tmp_path / "policies"), stream(400))
    again = Again(bundle, as_live=False)
    stored = {
        decision.event_id: msgspec.convert(decision.verdict, Verdict)
        for decision in Decision.objects.exclude(bundle="")
    }
    seen = 0
    for event in recorded(0, last_position()):
        found = again.decide(event)
        assert found is not None
        expected = stored[event.id]
        assert [(hit.rule, hit.mode, hit.values) for hit in found.hits] == [
            (hit.rule, hit.mode, hit.values) for hit in expected.hits
        ]
        assert (found.action, found.winner) == (expected.action, expected.winner)
        seen += bool(expected.hits)
    assert seen > 100
    assert any(hit.rule == "known-seller" for verdict in stored.values() for hit in verdict.hits)
    assert any(hit.rule == "flood" for verdict in stored.values() for hit in verdict.hits)


def test_a_wider_rule_shows_whom_it_would_newly_hit(fresh_sqlite: SimpleNamespace, tmp_path: Path) -> None:
    live = write(policy_folder(tmp_path / "policies"), stream(300))
    wider = ('data.text.contains("buy pills")', 'data.text.contains("buy pills") || data.text.contains("hello")')
    diff = recent(_with(tmp_path, "wider", pills=wider), live, 10_000)
    assert diff.events == 300 and diff.windows_whole
    rule = diff.rules["spam.pills/pills"]
    hellos = sum(event["data"]["text"] == "hello" for event in stream(300))
    assert (rule.gained, rule.lost, rule.after) == (hellos, 0, rule.before + hellos)
    assert 0 < diff.newly_hit <= hellos and diff.no_longer_hit == 0
    assert diff.actions_after["remove"] == diff.actions_before["remove"] + hellos
    assert all(change.gained == ("spam.pills/pills",) for change in diff.changes) and len(diff.changes) == diff.changed
    assert 0 < diff.accounts <= 12


def test_only_the_newest_are_decided_and_the_ones_before_fill_the_windows(
    fresh_sqlite: SimpleNamespace, tmp_path: Path
) -> None:
    live = write(policy_folder(tmp_path / "policies"), stream(300, every=5))
    tighter = ("windows.sent_1h > 5", "windows.sent_1h > 3")
    whole = recent(live, live, 50)
    assert whole.events == 50 and whole.changed == 0
    # Fifty events are four minutes: without those before them the window of an hour would never reach its threshold.
    assert whole.rules["spam.pills/flood"].before >= 40
    cut = recent(_with(tmp_path, "tighter", flood=tighter), live, 50, lead=10)
    assert not cut.windows_whole


def test_drafts_are_tried_as_if_they_were_live(fresh_sqlite: SimpleNamespace, tmp_path: Path) -> None:
    live = write(policy_folder(tmp_path / "policies"), stream(120))
    draft = replace(
        live,
        policies=tuple(
            replace(
                policy,
                rules=tuple(replace(rule, mode="draft") if rule.id == "pills" else rule for rule in policy.rules),
            )
            for policy in live.policies
        ),
    )
    assert recent(draft, live).changed == 0
    written = recent(draft, live, as_live=False)
    assert written.rules["spam.pills/pills"].lost > 0


def test_ten_thousand_events_are_read_in_pages(fresh_sqlite: SimpleNamespace, tmp_path: Path) -> None:
    live = write(policy_folder(tmp_path / "policies"), stream(2_300, every=30), batch=500)
    diff = recent(live, live, 2_200)
    assert diff.events == 2_200 and diff.changed == 0
    assert diff.first_at >= (BEGIN + timedelta(seconds=30 * 100 - 600)).isoformat()
