"""What somebody gets who tries a rule on the past: the same answer from every engine, whom it would hit, how right it is."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from safehold.desk.history.export import export
from safehold.engine import Bundle, load_bundle
from safehold.replay.backtest import NoHistory, UnknownEngine, backtest, days_ago
from safehold.replay.files import History
from safehold.replay.outcomes import DayOutcome, HitRow
from safehold.replay.report import Label, Report, Truth, make_report, wilson
from tests.gateway_server import POLICY, database_of_its_own, policy_folder
from tests.history_rows import BEGIN, stream, write

#: The test policy with everything that history has to answer: windows of several kinds, signals, lists, labels, macros.
LIVE = POLICY.replace(
    "rules:\n",
    """  names_2h: {distinct: data.recipient_id, by: [actor.id, 'has(data.thread_id) ? data.thread_id : "-"'], over: 2h}
  same_text: {count: true, by: signals.fingerprint.exact, over: 1h}
  first_text: {first: data.text, by: actor.id, over: 1h}
  share_a_word: {distinct: actor.id, by: 'data.text.split(" ")', over: 1h, where: data.text != "hello"}
  since: {min: event.time, by: [actor.id, 'data.text.split(" ")'], over: 3h}
rules:
  - id: new-account
    when: actor.age < duration("240h") && data.text.matches("(?i)earn [0-9]+")
    then: {action: hold}
  - id: many
    when: has(data.thread_id) && windows.names_2h >= 2
    then: {action: warn}
  - id: copies
    when: windows.same_text > 9 && signals.text.length > 3
    then: {action: limit, for: 1h}
  - id: words-of-many
    when: windows.share_a_word >= 4 && now - windows.since < duration("90m")
    then: {action: warn}
  - id: began-with-hello
    when: windows.first_text == "hello" && data.text != "hello" && size(data.text) < 22
    then: {action: warn}
  - id: words
    when: '["pills", "EARN"].exists(w, data.text.contains(w)) && event.text.lowerAscii() != data.text'
    then: {action: warn}
  - id: greeting
    when: data.text.contains("grüße") || data.text.contains("see you (at") || data.text.matches("^see.you")
    then: {action: warn}
  - id: spelt
    when: has(data.thread_id) && data.thread_id == "t1" && (data.text.matches("p[i1]lls") && data.text.matches("(?i)CHEAP$")
      || data.text.matches("^h[ae]llo$") || data.text.matches("watched? (sword|word)") && size(data.text) > 3)
    then: {action: warn}
  - id: to-many
    when: (data.recipient_id in lists.odd || data.recipient_id in lists.threes) && actor.id in lists.odd
      && actor.age < duration("300h") && data.text.startsWith("hell")
    then: {action: warn}
  - id: to-a-family
    when: has(actor.name) && actor.name in lists.shouted && (data.recipient_id in lists.family || data.recipient_id in lists.odd)
      && data.text != "hello"
    then: {action: warn}
  - id: named
    when: has(actor.name) && actor.name in ["Bob", "Ärger"] && now.getHours() >= 20
    then: {action: warn}
""",
)
WIDER = LIVE.replace(
    'data.text.contains("buy pills")', 'data.text.contains("pills") || data.text.contains("hello")'
).replace("windows.sent_1h > 5", "windows.sent_1h > 3")


#: Two lists that are too long to be written into a query and that overlap, one of patterns, and one that knows no case.
LISTS = {
    "odd": ("exact", [f"u{number}" for number in range(1, 120, 2)]),
    "threes": ("exact", [f"u{number}" for number in range(0, 180, 3)]),
    "family": ("regex_set", ["^u1[2-9]$", "^u.?0$"]),
    "shouted": ("exact, fold: true", ["BOB", "ÄRGER"]),
}


def _bundle(where: Path, text: str) -> Bundle:
    folder = policy_folder(where)
    (folder / "lists").mkdir()
    for name, (kind, entries) in LISTS.items():
        (folder / "lists" / f"{name}.yaml").write_text(f"{{list: {name}, kind: {kind}, file: {name}.txt}}")
        (folder / "lists" / f"{name}.txt").write_text("\n".join(entries))
    (folder / "spam.yaml").write_text(text)
    return load_bundle(folder)


@pytest.fixture(scope="module")
def past(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Two days of messages, decided with LIVE and exported: once for all tests of this file."""
    folder = tmp_path_factory.mktemp("past")
    with database_of_its_own("sqlite", request, folder):
        live = _bundle(folder / "live", LIVE)
        write(live, stream(900, every=200), batch=300)
        files = History(folder / "history")
        assert export(live.event_types, files=files).added == 900
        yield SimpleNamespace(live=live, new=_bundle(folder / "new", WIDER), files=files, tmp=folder)


def _run(past: SimpleNamespace, engine: str, work: Path | None = None, **more: Any) -> Report:
    where = work or past.tmp / f"work-{engine}"
    return backtest(past.new, past.live, past.files, since=BEGIN, engine=engine, work=where, **more)


def _said(report: Report) -> dict[str, object]:
    """What must not depend on the engine."""
    return {
        "counts": (report.events, report.hit_before, report.hit_after, report.newly_hit, report.no_longer_hit),
        "actions": (report.actions_before, report.actions_after),
        "rules": {line.rule: (line.before, line.after, line.newly, line.undecided_before, line.undecided_after)
                  for line in report.rules},
        "segments": report.segments,
        "accounts": report.accounts,
        "sample": report.sample,
    }  # fmt: skip


def test_every_engine_gives_the_same_report(past: SimpleNamespace) -> None:
    python = _run(past, "python")
    assert python.newly_hit > 5 and python.events == 900
    idle = {line.rule for line in python.rules if line.after == 0}
    assert len(idle) < 3, idle
    by_columns = {engine: _run(past, engine) for engine in ("duckdb", "polars")}
    for engine, report in by_columns.items():
        assert _said(report) == _said(python), engine
    asked = {line.rule: line.asked for line in by_columns["duckdb"].rules}
    assert asked["spam.pills/to-a-family"] == 0, "lists of patterns were asked event by event"


def test_it_agrees_with_what_was_decided_then(past: SimpleNamespace) -> None:
    """The side of the rules in force is the record's own."""
    from safehold.desk.decisions.models import Decision

    report = _run(past, "duckdb")
    recorded = Decision.objects.exclude(bundle="")
    hits = sum(any(hit["rule"] == "pills" for hit in decision.verdict["hits"]) for decision in recorded)
    assert next(line.before for line in report.rules if line.rule == "spam.pills/pills") == hits


def test_a_day_on_which_a_single_event_was_hit_can_be_read_from_its_file(past: SimpleNamespace) -> None:
    outcome = DayOutcome(day="2026-02-01", events=1, hits=[
        HitRow(1, "e1", "d1", "plaza", "u1", "message", "m1", "message.sent", "new", "", "", 1_770_000_000 * 10**9,
               ("spam.pills/pills",), ())])  # fmt: skip
    report = make_report(
        past.new, past.live, [outcome], Truth(), engine="python", since=BEGIN, until=BEGIN, costs={}, received={}
    )
    day = msgspec.json.decode(msgspec.json.encode(report), type=Report).days[0]
    assert (day.before, day.after, day.newly, day.no_longer) == (1, 0, 0, 1)


def test_precision_and_recall_come_from_what_people_decided(past: SimpleNamespace) -> None:
    draw = random.Random(4)
    labels = {position: Label(draw.choice(["allow", "remove"]), ("spam.pills",)) for position in range(1, 901, 3)}
    report = _run(past, "duckdb", truth=Truth(labels))
    assert report.labelled == 300 and report.precision_after is not None and report.recall_after is not None
    assert report.precision_after.of > report.precision_before.of > 0
    assert report.precision_after.low < report.precision_after.value < report.precision_after.high
    assert report.recall_after.hit == report.precision_after.hit


def test_the_interval_is_wilsons() -> None:
    """Checked against the values of the literature: 81 of 263 (Newcombe 1998, table I)."""
    share = wilson(81, 263)
    assert (share.low, share.high) == (0.2553, 0.3662)
    assert wilson(0, 20).low == 0 and wilson(0, 20).high == 0.1611
    assert wilson(0, 0).value is None


def test_a_second_run_continues_where_the_first_one_stopped(past: SimpleNamespace, tmp_path: Path) -> None:
    seen: list[str] = []

    def stop_after_two(done: int, total: int, what: str) -> None:
        seen.append(what)
        if len(seen) == 3:
            raise KeyboardInterrupt

    work = tmp_path / "work"
    with pytest.raises(KeyboardInterrupt):
        _run(past, "duckdb", work, progress=stop_after_two, chunk=1)
    kept = list((work / "kept").glob("*.json"))
    assert len(kept) == 2
    stamps = {path: path.stat().st_mtime_ns for path in kept}
    report = _run(past, "duckdb", work, chunk=1)
    assert {path: path.stat().st_mtime_ns for path in kept} == stamps
    assert _said(report) == _said(_run(past, "python"))


def test_what_cannot_be_asked_is_said(past: SimpleNamespace) -> None:
    with pytest.raises(UnknownEngine, match="one of: duckdb, polars, spark, python"):
        _run(past, "oracle")
    with pytest.raises(NoHistory, match="safehold history export"):
        backtest(past.new, past.live, History(past.tmp / "elsewhere"), since=BEGIN, work=past.tmp / "w")
    with pytest.raises(ValueError, match="write 90d"):
        days_ago("soon")


def test_without_a_database_it_says_what_to_start(tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("safehold")),
        "backtest",
        str(Path(__file__).parents[2] / "policies"),
        "--since",
        "7d",
    ]
    surroundings = {**os.environ, "SAFEHOLD_VAR": str(tmp_path)}
    surroundings["SAFEHOLD_DATABASE_URL"] = f"sqlite:///{tmp_path}/none.sqlite3"
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings, timeout=120)
    assert done.returncode == 1 and "no record here yet" in done.stderr and "Traceback" not in done.stderr
