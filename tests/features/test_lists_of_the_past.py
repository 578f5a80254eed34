"""Managed lists beside the gateway: `safehold decide`, `policy test` and backtests ask what people and feeds had brought in,
backtests and decide as of each event's own time.
"""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from safehold.cli import app
from safehold.desk.history.export import export
from safehold.desk.lists.changing import add_entry, move_entry
from safehold.desk.lists.importing import apply, revert, stage
from safehold.desk.lists.models import Entry as Listed
from safehold.desk.lists.models import Revision
from safehold.desk.lists.past import as_it_was, files_only
from safehold.engine import load_bundle
from safehold.engine.lists import Entry, Layer, PolicyList, Span, make_past, make_table
from safehold.replay.backtest import backtest
from safehold.replay.files import History
from tests.history_rows import write
from tests.policy_folder import cloudevent, folder, policy_of

DAY = datetime(2026, 3, 1, tzinfo=UTC)
LIST = "list: bad\nmanaged: true\nentries: [seed]\n"
POLICY = policy_of(
    "listed | data.recipient_id in lists.bad | {action: remove}",
    tail="""
    examples:
      - name: to somebody that a person has listed
        event: {type: message.sent, actor: {id: u1, age: 72h}, data: {message_id: m, recipient_id: u5, text: hi}}
        expect: {listed: remove}
    """,
)


@pytest.fixture
def place(fresh_sqlite: SimpleNamespace, tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of policies, and a record whose list had these entries: u5 from the 2nd, but for the 4th, in which it was
    disputed; u6 on the 3rd only, by an import that was taken back; u7 from the 2nd until it ended on the 5th."""
    where = folder(tmp_path, POLICY, bad=LIST)
    settings.SAFEHOLD_POLICIES, settings.SAFEHOLD_LISTS = where, tmp_path / "var/lists"
    monkeypatch.setenv("SAFEHOLD_DATABASE_URL", fresh_sqlite.url)
    add_entry(None, "bad", "u5")
    Revision.objects.filter(number=1).update(applied_at=DAY + timedelta(days=1))
    add_entry(None, "bad", "u7", {"expires_at": DAY + timedelta(days=4)})
    feed = stage(None, "bad", io.BytesIO(b"u6\n"), "plain", source="feed")
    apply(None, feed.pk)
    five = Listed.objects.get(value="u5").pk
    move_entry(None, five, "disputed")
    revert(None, feed.pk)
    move_entry(None, five, "reinstated")
    for number, day in ((2, 1), (3, 2), (4, 3), (5, 3), (6, 4)):
        Revision.objects.filter(number=number).update(applied_at=DAY + timedelta(days=day))
    return where


def events() -> list[dict[str, object]]:
    """One to each of u5, u6, u7 and the seed, at noon of the 1st to the 6th."""
    found = []
    for day in range(6):
        for to in ("u5", "u6", "u7", "seed"):
            at = DAY + timedelta(days=day, hours=12)
            event = {**cloudevent("hi"), "id": f"{day}-{to}", "time": at.isoformat()}
            event["data"] = {**event["data"], "recipient_id": to, "message_id": f"{day}-{to}"}
            found.append(event)
    return found


#: Days, from 0, on which each was in the list.
LISTED = {"u5": {1, 2, 4, 5}, "u6": {2}, "u7": {1, 2, 3}, "seed": {0, 1, 2, 3, 4, 5}}


def days_removed(place: Path, *more: str) -> tuple[dict[str, set[int]], str]:
    text = "".join(json.dumps(event) + "\n" for event in events())
    done = CliRunner().invoke(app, ["decide", "--policies", str(place), *more], input=text)
    assert done.exit_code == 0, done.output
    removed: dict[str, set[int]] = {name: set() for name in LISTED}
    for line in done.stdout.splitlines():
        verdict = json.loads(line)
        day, _, to = verdict["event"]["id"].partition("-")
        if verdict["action"] == "remove":
            removed[to].add(int(day))
            assert verdict["hits"][0]["matches"][0]["entry"] == to
    return removed, done.stderr


def test_events_are_decided_with_the_entries_of_their_own_time(place: Path) -> None:
    assert days_removed(place) == (LISTED, "")
    assert days_removed(place, "--lists", "record") == (LISTED, "")
    assert days_removed(place, "--lists", "files")[0] == {
        name: LISTED[name] if name == "seed" else set() for name in LISTED
    }


def test_without_a_record_the_files_decide_and_that_is_said(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFEHOLD_DATABASE_URL", f"sqlite:///{tmp_path / 'none.sqlite3'}")
    removed, said = days_removed(place)
    assert removed["u5"] == set() and "There is no record here: bad have the entries of their files only." in said
    done = CliRunner().invoke(app, ["decide", "--policies", str(place), "--lists", "record"], input="")
    assert done.exit_code == 1 and "There is no record here" in done.stderr
    assert not (tmp_path / "none.sqlite3").exists()


def test_examples_can_be_run_with_the_lists_there_are(place: Path) -> None:
    assert CliRunner().invoke(app, ["policy", "test", str(place)]).exit_code == 1
    done = CliRunner().invoke(app, ["policy", "test", str(place), "--lists", "record"])
    assert (done.exit_code, "1 passed, 0 failed" in done.output) == (0, True), done.output


def test_a_backtest_asks_the_lists_as_they_were(place: Path, tmp_path: Path) -> None:
    live = load_bundle(place, policies={"policy.yaml": POLICY.replace("lists.bad", "['nobody']")})
    write(live, events(), batch=100)
    files = History(tmp_path / "history")
    assert export(live.event_types, files=files).added == 24
    new = load_bundle(place)
    for engine in ("duckdb", "python"):
        ways = (as_it_was, files_only)
        found = [
            backtest(
                way(new), live, files, since=DAY, engine=engine, work=tmp_path / f"{engine}-{way.__name__}"
            ).newly_hit
            for way in ways
        ]
        assert found == [sum(map(len, LISTED.values())), 6], engine


SPANS = st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from([0, 3, 6])), min_size=1, max_size=4)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from("abc"), SPANS, max_size=3), st.integers(0, 12))
def test_a_list_at_a_time_is_what_was_true_then(drawn: dict[str, list[tuple[int, bool, int]]], now: int) -> None:
    """Against a scan of all spans; one begins so many microseconds after the one before, and lasts until the next."""
    spans: dict[str, list[Span]] = {}
    for value, parts in drawn.items():
        start = 1
        for at, (wait, allow, ends) in enumerate(parts):
            start += wait
            following = start + (parts[at + 1][0] if at + 1 < len(parts) else 0)
            expires = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ends) if ends else None
            entry = Entry(value=value, allow=allow, expires_at=expires, source=str(at))
            spans.setdefault(value, []).append(Span(start, following if at + 1 < len(parts) else 0, entry))
    spans = {
        value: [span._replace(start=span.start * 1_000, end=span.end * 1_000) for span in each]
        for value, each in spans.items()
    }
    held = PolicyList("it", make_table("exact", [Entry(value="seed")]), managed=True)
    table, past = make_past("exact", spans)
    held.put((Layer(table, past=past),), "1")
    moment = SimpleNamespace(now=now * 1_000)
    for value in "abc":
        true = [
            span.entry
            for span in spans.get(value, [])
            if span.start <= moment.now
            and (not span.end or moment.now < span.end)
            and (span.entry.expires_at is None or moment.now < span.entry.expires_at.timestamp() * 1e9)
        ]
        assert len(true) <= 1
        assert held.holds(value, moment) is bool(true and not true[0].allow)
        assert (held.match(value, moment.now) is not None) is held.holds(value, moment)
    assert held.holds("seed", moment)
