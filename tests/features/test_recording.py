"""What is written through `recording()` is in the ledger: all of it or nothing, in order, without gaps."""

import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, connection, transaction

from safehold.ledger.entry import entry_body, new_salt
from safehold.ledger.tree import leaf_hash
from safehold.record.append import append_entries
from safehold.record.models import AuditEvent, LedgerEntry, Transition
from safehold.record.recording import recording
from safehold.record.registry import RECORDED

pytestmark = pytest.mark.usefixtures("fresh_database")


def kinds() -> list[tuple[int, str]]:
    return list(LedgerEntry.objects.order_by("index").values_list("index", "kind"))


def test_rows_and_their_entries_are_committed_together() -> None:
    with recording() as record:
        event = record.audit("sign_in", "user", "usr_1", actor="usr_1", detail={"from": "127.0.0.1", "tries": 1.5})
        step = record.transition("task", "tsk_1", "queued", "claimed", "claim", by="usr_1")
        assert not LedgerEntry.objects.exists()

    assert kinds() == [(0, "audit"), (1, "transition")]
    assert LedgerEntry.objects.get(kind="audit").subject_id == event.id
    assert Transition.objects.get().id == step.id


def test_an_entry_says_what_the_stored_row_says() -> None:
    with recording() as record:
        event = record.audit(
            "read", "event", "evt_1", actor="usr_1", detail={"ü": [1e22, None, {"b": 2, "a": "\u2028"}]}
        )

    entry = LedgerEntry.objects.get()
    stored = AuditEvent.objects.values().get(pk=event.id)
    body = entry_body(RECORDED["audit"].spec, stored, stored["salt"])
    assert entry.body.encode() == body
    assert bytes(entry.leaf_hash) == leaf_hash(body)
    assert "usr_1" not in entry.body


def test_a_failed_transaction_leaves_no_entry() -> None:
    with pytest.raises(ZeroDivisionError), recording() as record:
        record.audit("sign_in", "user", "usr_1")
        raise ZeroDivisionError
    assert kinds() == []
    assert not AuditEvent.objects.exists()


def test_a_nested_recording_joins_the_outer_one() -> None:
    with recording() as outer:
        outer.audit("first", "user", "usr_1")
        with recording() as inner:
            inner.audit("second", "user", "usr_1")
        outer.audit("third", "user", "usr_1")
    in_order = LedgerEntry.objects.order_by("index").values_list("subject_id", flat=True)
    assert [AuditEvent.objects.get(pk=event).verb for event in in_order] == ["first", "second", "third"]


def test_what_a_failed_nested_recording_said_is_forgotten() -> None:
    with recording() as outer:
        outer.audit("kept", "user", "usr_1")
        with pytest.raises(ZeroDivisionError), recording() as inner:
            inner.audit("lost", "user", "usr_1")
            raise ZeroDivisionError
    assert list(AuditEvent.objects.values_list("verb", flat=True)) == ["kept"]
    assert len(kinds()) == 1


@pytest.mark.parametrize(
    "change", ["UPDATE ledger_entry SET body = 'x'", "DELETE FROM ledger_entry", "DELETE FROM transition"]
)
def test_the_database_refuses_to_change_the_record(change: str) -> None:
    with recording() as record:
        record.transition("task", "tsk_1", "queued", "claimed", "claim")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


def test_a_bulk_of_rows_written_by_raw_sql_is_recorded(fresh_database: SimpleNamespace) -> None:
    spec = RECORDED["audit"].spec
    at = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    bodies = []
    for number in range(300):
        row = dict.fromkeys(spec.fields, "") | {"id": f"aud_{number}", "at": at, "detail": {}}
        bodies.append(("audit", row["id"], at, entry_body(spec, row, new_salt())))
    with transaction.atomic(), connection.cursor() as cursor:
        assert append_entries(cursor, bodies[:100], vendor=connection.vendor) == 0
    with transaction.atomic(), connection.cursor() as cursor:
        assert append_entries(cursor, bodies[100:], vendor=connection.vendor) == 100
    assert [index for index, _ in kinds()] == list(range(300))
    assert LedgerEntry.objects.get(index=250).at == at


def test_writers_at_once_leave_no_gap() -> None:
    def write() -> None:
        try:
            for number in range(10):
                with recording() as record:
                    record.audit("write", "user", f"usr_{number}")
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [index for index, _ in kinds()] == list(range(60))
