"""`safehold ledger verify` says that the record is whole, and names what was changed behind its back."""

import sqlite3
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from typer.testing import CliRunner

from safehold.cli.ledger import app
from safehold.record.checkpointer import LedgerAltered, checkpoint_once
from safehold.record.guards import GUARDS, missing_guards
from safehold.record.models import AuditEvent, Checkpoint, LedgerEntry, Tombstone, Transition
from safehold.record.recording import recording
from safehold.record.verification import verify_record

pytestmark = pytest.mark.usefixtures("fresh_database", "log_key")


@pytest.fixture
def log_key(settings: SimpleNamespace, tmp_path: object) -> None:
    from safehold.record.log import signer

    settings.SAFEHOLD_LEDGER_KEY_FILE = tmp_path / "keys" / "ledger"  # type: ignore[operator]
    signer.cache_clear()


def record_some(count: int) -> list[AuditEvent]:
    with recording() as record:
        return [record.audit("look", "event", f"evt_{number}", actor="usr_1") for number in range(count)]


def tamper(sql: str, *params: object) -> None:
    """What somebody does who owns the database: the triggers go first."""
    missing_guards()  # learns the guards' names
    with transaction.atomic(), connection.cursor() as cursor:
        for name, table in GUARDS.items():
            if table in sql:
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")
        cursor.execute(sql, params)


def findings() -> list[str]:
    return [str(finding) for finding in verify_record().findings]


def test_a_record_that_nobody_touched_is_whole() -> None:
    for count in (3, 300, 1):
        record_some(count)
        checkpoint_once()
    record_some(2)  # not signed yet

    report = verify_record()

    assert report.whole
    assert (report.entries, report.checkpoints, report.missing_guards) == (306, 3, [])


def test_an_empty_record_is_whole() -> None:
    assert verify_record().whole


def test_one_changed_byte_names_the_row() -> None:
    events = record_some(300)
    checkpoint_once()
    tamper("UPDATE audit_event SET verb = 'look!' WHERE id = %s", events[42].id)

    assert findings() == [f"audit {events[42].id} differs from entry 42: a row of audit_event was changed"]


def test_the_command_line_names_the_row_and_fails(fresh_database: SimpleNamespace) -> None:
    events = record_some(5)
    checkpoint_once()
    assert CliRunner().invoke(app, ["verify"]).exit_code == 0
    tamper("UPDATE audit_event SET actor = 'usr_2' WHERE id = %s", events[3].id)

    answer = CliRunner().invoke(app, ["verify"])

    assert answer.exit_code == 1
    assert f"audit {events[3].id} differs from entry 3" in answer.stdout
    assert "audit_event_never_changes" in answer.stdout  # and says which guard was dropped


def test_a_byte_changed_with_sqlite3_itself_is_named(request: pytest.FixtureRequest) -> None:
    database = request.getfixturevalue("fresh_database")
    if database.vendor != "sqlite":
        tamper("UPDATE audit_event SET verb = verb")  # the same file can't be opened; the statement is what is tested
        return
    events = record_some(10)
    connection.close()
    with sqlite3.connect(database.path) as raw:
        raw.execute("DROP TRIGGER audit_event_never_changes")
        raw.execute("UPDATE audit_event SET verb = 'LOOK' WHERE id = ?", (events[7].id,))
    raw.close()

    assert findings() == [f"audit {events[7].id} differs from entry 7: a row of audit_event was changed"]


def test_a_deleted_entry_is_named() -> None:
    events = record_some(300)
    checkpoint_once()
    tamper("DELETE FROM ledger_entry WHERE idx = 17")

    found = findings()

    assert found == [
        "entry 17 is missing from the log",
        "checkpoint 300 promises 300 entries, but the log has 299: entries were removed",
        f"audit {events[17].id} has no entry: it was put into audit_event past the ledger",
    ]


def test_entries_cut_off_at_the_end_are_noticed() -> None:
    record_some(10)
    checkpoint_once()
    tamper("DELETE FROM ledger_entry WHERE idx >= 8")

    assert "checkpoint 10 promises 10 entries, but the log has 8: entries were removed" in findings()


def test_swapped_entries_are_named() -> None:
    record_some(300)
    checkpoint_once()
    tamper("UPDATE ledger_entry SET idx = -1 WHERE idx = 3")
    tamper("UPDATE ledger_entry SET idx = 3 WHERE idx = 4")
    tamper("UPDATE ledger_entry SET idx = 4 WHERE idx = -1")

    found = findings()

    assert "entry 3 is not the one that tile 0/0 was built from" in found
    assert "entry 4 is not the one that tile 0/0 was built from" in found
    assert any(line.startswith("checkpoint 300 was signed over other entries") for line in found)


def test_swapped_entries_too_few_for_a_tile_are_noticed() -> None:
    record_some(3)
    checkpoint_once()
    record_some(3)
    checkpoint_once()
    tamper("UPDATE ledger_entry SET idx = -1 WHERE idx = 3")
    tamper("UPDATE ledger_entry SET idx = 3 WHERE idx = 4")
    tamper("UPDATE ledger_entry SET idx = 4 WHERE idx = -1")

    assert findings() == [
        "checkpoint 6 was signed over other entries: since then something in entries 3 to 5 was changed, moved or removed"
    ]


def test_a_row_put_in_behind_the_ledgers_back_is_named() -> None:
    record_some(3)
    event = AuditEvent.objects.get(object_id="evt_1")
    AuditEvent.objects.create(id="aud_forged", at=event.at, verb="look", object_kind="event", object_id="evt_9")

    assert findings() == ["audit aud_forged has no entry: it was put into audit_event past the ledger"]


def test_a_deleted_row_is_named() -> None:
    events = record_some(3)
    tamper("DELETE FROM audit_event WHERE id = %s", events[1].id)

    assert findings() == [f"audit {events[1].id} is gone from audit_event, and no tombstone says why (entry 1)"]


def test_a_row_rewritten_together_with_its_entry_is_noticed() -> None:
    events = record_some(300)
    checkpoint_once()
    with recording() as record:
        forged = record.audit("look", "event", "evt_forged", actor="usr_1")
    entry = LedgerEntry.objects.get(subject_id=forged.id)
    tamper("DELETE FROM ledger_entry WHERE idx = 300")
    tamper("DELETE FROM audit_event WHERE id = %s", events[5].id)
    tamper(
        "UPDATE ledger_entry SET subject_id = %s, body = %s, leaf_hash = %s, at = %s WHERE idx = 5",
        forged.id, entry.body, bytes(entry.leaf_hash), entry.at,
    )  # fmt: skip

    found = findings()

    assert found[0] == "entry 5 is not the one that tile 0/0 was built from"
    assert any(line.startswith("checkpoint 300 was signed over other entries") for line in found)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE ledger_entry SET body = body || ' ' WHERE idx = 5", "entry 5 differs from its own hash"),
        ("UPDATE ledger_entry SET kind = 'decision' WHERE idx = 5", "is gone from decisions_decision"),
        ("UPDATE ledger_entry SET kind = 'rumour' WHERE idx = 5", "entry 5 is of kind 'rumour', which nothing in this"),
        ("UPDATE ledger_checkpoint SET note = REPLACE(note, '300', '301')", "checkpoint 300 is not what was signed"),
        ("UPDATE ledger_checkpoint SET size = 299", "checkpoint 299 says something else than its signed note"),
        ("UPDATE ledger_tile SET root = hashes WHERE level = 0", "tile 0/0 has another root than the entries make"),
        ("DELETE FROM ledger_tile", "tile 0/0 is missing"),
    ],
)
def test_every_part_of_the_log_is_checked(change: str, says: str) -> None:
    record_some(300)
    checkpoint_once()
    tamper(change)
    assert any(says in line for line in findings())


def test_a_checkpoint_signed_by_another_key_is_refused(settings: SimpleNamespace, tmp_path: object) -> None:
    from safehold.record.log import signer

    record_some(3)
    checkpoint_once()
    settings.SAFEHOLD_LEDGER_KEY_FILE = tmp_path / "other" / "key"  # type: ignore[operator]
    old = str(signer().verifier)
    signer.cache_clear()

    assert findings()[0].startswith("checkpoint 3 is not what was signed: no signature by a key that is known here")
    settings.SAFEHOLD_LEDGER_OLD_KEYS = [old]
    assert findings() == []


def test_nothing_is_signed_over_an_altered_record() -> None:
    record_some(3)
    checkpoint_once()
    tamper("UPDATE ledger_entry SET leaf_hash = (SELECT leaf_hash FROM ledger_entry WHERE idx = 1) WHERE idx = 0")
    record_some(1)
    with pytest.raises(LedgerAltered, match="the first 3 entries no longer have the root"):
        checkpoint_once()
    assert Checkpoint.objects.count() == 1


def test_an_erased_row_with_a_tombstone_is_no_difference() -> None:
    events = record_some(3)
    tamper("UPDATE audit_event SET salt = '', actor = '' WHERE id = %s", events[1].id)
    assert findings() == [f"audit {events[1].id} was erased, and no tombstone says why (entry 1)"]

    with recording() as record:
        record.erased("audit", events[1].id, "the person asked for it", by="usr_2")

    report = verify_record()
    assert (report.findings, report.erased) == ([], 1)
    assert Tombstone.objects.get().of_id == events[1].id


def test_a_row_in_another_state_than_its_transitions_led_to_is_named() -> None:
    from safehold.record.registry import STATEFUL, StatefulModel

    STATEFUL["audit"] = StatefulModel(AuditEvent, "verb", "look")  # any table with a text column will do
    try:
        events = record_some(3)
        with recording() as record:
            record.transition("audit", events[0].id, "look", "seen", "see")
            record.transition("audit", events[1].id, "look", "seen", "see")
            record.transition("audit", events[1].id, "look", "done", "finish")
            record.transition("audit", "aud_gone", "seen", "done", "finish")
        found = findings()
    finally:
        del STATEFUL["audit"]

    steps = {step.entity_id + step.from_state: step.id for step in Transition.objects.exclude(to_state="seen")}
    assert sorted(found) == sorted(
        [
            f"transition {steps[events[1].id + 'look']} takes audit {events[1].id} from 'look', but it was 'seen' then",
            f"transition {steps['aud_goneseen']} takes audit aud_gone from 'seen', but rows begin 'look'",
            f"audit {events[0].id} is 'look' in audit_event, but the record led to 'seen'",
            f"audit {events[1].id} is 'look' in audit_event, but the record led to 'done'",
            "audit aud_gone is gone from audit_event, though transitions tell of it",
        ]
    )
