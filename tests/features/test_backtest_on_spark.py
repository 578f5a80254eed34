"""The same backtest on Spark, in local mode: the report that every other engine gives. Needs Java (`make` installs it)."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safehold.engine import Event, load_bundle
from safehold.replay import Recorded
from safehold.replay.backtest import backtest
from safehold.replay.files import History
from tests.gateway_server import POLICY, policy_folder
from tests.history_rows import BEGIN, stream

subprocess.run([Path(__file__).with_name("install-java")], check=True)


def _recorded(number: int, event: dict) -> Recorded:
    data = dict(event["data"])
    actor = data.pop("actor")
    at = datetime.fromisoformat(event["time"])
    lifted = Event(id=event["id"], source=event["source"], type=event["type"], time=at, actor=actor, data=data)
    labels = {"actor": ("pill-seller",) if number % 7 == 0 else (), "target": (), "content": ()}
    return Recorded(
        position=number, id=f"evt_{number}", service="plaza", event=lifted, account_id=actor["id"],
        received_at=max(at, BEGIN + timedelta(seconds=number * 120)).astimezone(UTC), labels=labels,
    )  # fmt: skip


def test_spark_gives_the_report_that_the_others_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A minute's life is too short for Java's second compiler to pay.
    monkeypatch.setenv("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    live = load_bundle(policy_folder(tmp_path / "live"))
    folder = policy_folder(tmp_path / "new")
    changed = POLICY.replace('contains("buy pills")', 'matches("(?i)pills|hello") && size(data.text) + 1 < 40')
    (folder / "spam.yaml").write_text(changed.replace("sent_1h > 5", "sent_1h > 3"))
    new = load_bundle(folder)
    files = History(tmp_path / "history")
    events = [_recorded(number, event) for number, event in enumerate(stream(300), start=1)]
    files.export(events, 300, live.event_types)
    reports = {
        engine: backtest(new, live, files, since=BEGIN, engine=engine, work=tmp_path / engine)
        for engine in ("python", "spark")
    }
    expected, found = reports["python"], reports["spark"]
    assert found.newly_hit == expected.newly_hit > 10
    assert found.segments == expected.segments and found.accounts == expected.accounts
    assert {line.rule: (line.before, line.after, line.undecided_after) for line in found.rules} == {
        line.rule: (line.before, line.after, line.undecided_after) for line in expected.rules
    }
