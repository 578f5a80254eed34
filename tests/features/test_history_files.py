"""The record as files: idempotent, whole after a crash, private, without what was erased, readable after changes."""

import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from safehold.cli import app
from safehold.desk.history.export import EVERY_SECONDS, FIRST_SECONDS, export, run
from safehold.desk.history.reading import last_position, recorded
from safehold.engine import load_bundle
from safehold.engine.policies.events import EventTypes
from safehold.record.models import Tombstone
from safehold.record.recording import recording
from safehold.replay.backtest import backtest
from safehold.replay.files import History, recorded_from
from tests.gateway_server import policy_folder
from tests.history_rows import BEGIN, stream, write


@pytest.fixture
def past(fresh_sqlite: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    bundle = write(policy_folder(tmp_path / "policies"), stream(120, every=3600), batch=120)
    return SimpleNamespace(bundle=bundle, files=History(tmp_path / "history"), tmp=tmp_path)


def _in_files(files: History) -> list[Any]:
    manifest = files.manifest()
    return sorted(
        (each for file in manifest.files for each in recorded_from(files.table(file))), key=lambda each: each.position
    )


def test_every_event_is_in_the_files_once_as_the_record_has_it(past: SimpleNamespace) -> None:
    done = export(past.bundle.event_types, files=past.files)
    assert done.added == 120
    assert _in_files(past.files) == list(recorded(0, last_position()))
    assert export(past.bundle.event_types, files=past.files).added == 0
    assert len({file.day for file in past.files.manifest().files}) == 6
    table = past.files.table(past.files.manifest().files[0])
    assert {"data.text:string", "actor.created_at:timestamp", "data.thread_id:string"} <= set(table.column_names)
    assert not any(table.column("odd").to_pylist())


def test_only_the_owner_can_read_them(past: SimpleNamespace) -> None:
    export(past.bundle.event_types, files=past.files)
    assert stat.S_IMODE(past.files.folder.stat().st_mode) == 0o700


def test_a_crash_between_file_and_manifest_loses_and_doubles_nothing(
    past: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = History._save
    calls = []

    def crash(self: History, manifest: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise OSError("the machine stops here")
        saved(self, manifest)

    monkeypatch.setattr(History, "_save", crash)
    with pytest.raises(OSError, match="stops here"):
        export(past.bundle.event_types, files=past.files)
    monkeypatch.undo()
    assert len(list(past.files.folder.rglob("*.parquet"))) == 3
    assert len(past.files.manifest().files) == 2
    export(past.bundle.event_types, files=past.files)
    assert _in_files(past.files) == list(recorded(0, last_position()))
    assert len(list(past.files.folder.rglob("*.parquet"))) == len(past.files.manifest().files)


def test_what_was_erased_is_erased_here_too(past: SimpleNamespace) -> None:
    export(past.bundle.event_types, files=past.files)
    gone = _in_files(past.files)[7]
    with recording() as record:
        record.erased("event", gone.id, "GDPR Art. 17")
    assert Tombstone.objects.count() == 1
    assert export(past.bundle.event_types, files=past.files).erased == 1
    assert gone.id not in {each.id for each in _in_files(past.files)} and len(_in_files(past.files)) == 119
    assert export(past.bundle.event_types, files=past.files).erased == 0


def test_days_are_compacted_and_forgotten(past: SimpleNamespace) -> None:
    events = list(recorded(0, last_position()))
    for start in range(0, 120, 10):
        part = events[start : start + 10]
        past.files.export(part, part[-1].position, past.bundle.event_types)
    several = len(past.files.manifest().files)
    assert past.files.compact(date(2026, 3, 1)) == several - 6
    assert len(past.files.manifest().files) == 6 and _in_files(past.files) == events
    assert past.files.forget(date(2026, 2, 3)) == 2
    assert {file.day for file in past.files.manifest().files} == {f"2026-02-0{day}" for day in range(3, 7)}


def _days_back(day: date) -> int:
    return (datetime.now(UTC).date() - day).days


@pytest.mark.usefixtures("within_an_hour")
def test_only_so_many_days_are_kept(past: SimpleNamespace, settings: Any) -> None:
    settings.SAFEHOLD_HISTORY_DAYS = _days_back(date(2026, 2, 3))
    first = export(past.bundle.event_types, files=past.files)
    assert (first.added, first.forgotten) == (len(_in_files(past.files)), 0)
    assert {file.day for file in past.files.manifest().files} == {f"2026-02-0{day}" for day in range(3, 7)}
    settings.SAFEHOLD_HISTORY_DAYS = _days_back(date(2026, 2, 5))
    assert export(past.bundle.event_types, files=past.files).forgotten == 2
    assert {file.day for file in past.files.manifest().files} == {"2026-02-05", "2026-02-06"}
    settings.SAFEHOLD_HISTORY_DAYS = 0
    assert export(past.bundle.event_types, files=past.files).added == 0, "what was forgotten came back"


class _TwoRounds(threading.Event):
    """Two rounds of the worker, without the hour between them, in which `between` is done."""

    def __init__(self, between: Callable[[], None]) -> None:
        super().__init__()
        self.waits, self._between = 0, between

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout == (EVERY_SECONDS if self.waits else FIRST_SECONDS)
        self.waits += 1
        if self.waits == 2:
            self._between()
        return self.waits > 2


def test_the_worker_keeps_the_files_up_and_small(past: SimpleNamespace, settings: Any) -> None:
    settings.SAFEHOLD_POLICIES, settings.SAFEHOLD_HISTORY = past.tmp / "policies", past.files.folder
    (past.tmp / "policies" / "spam.yaml").write_text("policy: [broken")  # no rule is read, nor any list
    later = stream(6, seed=2, every=60, begin=BEGIN + timedelta(days=5, hours=1))
    more = [event | {"id": f"later-{number}"} for number, event in enumerate(later)]

    def an_hour_later() -> None:
        write(past.bundle, more)

    run(_TwoRounds(an_hour_later))
    assert _in_files(past.files) == list(recorded(0, last_position())) and last_position() == 126
    assert len(past.files.manifest().files) == 6, "days that are over are one file each"


def test_the_worker_waits_for_event_types_that_can_be_read(past: SimpleNamespace, settings: Any) -> None:
    settings.SAFEHOLD_POLICIES, settings.SAFEHOLD_HISTORY = past.tmp / "policies", past.files.folder
    path = next((past.tmp / "policies" / "events").glob("message*"))
    whole = path.read_text()
    path.write_text("event: [")

    def mend() -> None:
        assert past.files.manifest().position == 0
        path.write_text(whole)

    run(_TwoRounds(mend))
    assert len(_in_files(past.files)) == 120


def test_old_files_are_read_by_rules_on_fields_that_came_later(past: SimpleNamespace) -> None:
    """A field that was not declared then, and one that had another type, are read from the events themselves."""
    old = past.bundle.event_types
    message = old["message.sent"]
    properties = {**message.schema["properties"], "thread_id": {"type": "integer"}}
    properties.pop("text")
    earlier = EventTypes(
        {**old.types, "message.sent": replace(message, schema={**message.schema, "properties": properties})}
    )
    export(earlier, files=past.files)
    table = past.files.table(past.files.manifest().files[0])
    assert "data.text:string" not in table.column_names and "data.thread_id:int" in table.column_names
    assert any(table.column("odd").to_pylist())
    reports = {
        engine: backtest(past.bundle, past.bundle, past.files, since=BEGIN, engine=engine, work=past.tmp / engine)
        for engine in ("duckdb", "python")
    }
    assert reports["duckdb"].hit_after == reports["python"].hit_after > 0
    assert [(line.rule, line.after) for line in reports["duckdb"].rules] == [
        (line.rule, line.after) for line in reports["python"].rules
    ]


def test_the_commands_say_what_they_did(past: SimpleNamespace, tmp_path: Path, settings: Any) -> None:
    settings.SAFEHOLD_HISTORY, settings.SAFEHOLD_POLICIES = tmp_path / "there", tmp_path / "policies"
    runner = CliRunner()
    done = runner.invoke(app, ["history", "export"])
    assert done.exit_code == 0 and "120 events added" in done.output, done.output
    assert "120 events, 6 days (2026-02-01 to 2026-02-06)" in runner.invoke(app, ["history", "status"]).output.replace(
        "\n", " "
    )
    narrower = policy_folder(tmp_path / "narrower")
    text = (narrower / "spam.yaml").read_text()
    (narrower / "spam.yaml").write_text(text.replace('contains("buy pills")', 'contains("buy pills now, cheaper")'))
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    arguments = ["backtest", str(narrower), "--since", "2026-01-01", "--html", str(page), "--json", str(data)]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "no longer hit" in done.output and "spam.pills/pills" in done.output
    html = page.read_text()
    assert "spam.pills/pills" in html and "http" not in html.replace("http-equiv", "") and "<svg" not in html[:200]
    assert '"no_longer_hit"' in data.read_text()
    refused = runner.invoke(app, ["backtest", str(narrower), "--since", "someday"])
    assert refused.exit_code == 1 and "write 90d" in refused.output
    assert pq.read_table(next((tmp_path / "there").rglob("*.parquet")), partitioning=None).num_rows > 0
    assert load_bundle(narrower).hash[:12] in html
