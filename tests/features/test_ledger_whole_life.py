"""The record of a whole case is whole: rule, task, person, statement, appeal, reversal; also while the platform writes."""

import threading
from types import SimpleNamespace

import pytest
from django.db import connection

from safehold.desk.appeals.filing import file_appeal
from safehold.desk.appeals.hearing import hear
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.models import Action
from safehold.desk.review import claims
from safehold.record.checkpointer import checkpoint_once
from safehold.record.log import signer
from safehold.record.models import LedgerEntry
from safehold.record.recording import recording
from safehold.record.verification import verify_record
from tests.desk_rows import flagged, person, policy

pytestmark = pytest.mark.usefixtures("fresh_database", "log_key")


@pytest.fixture
def log_key(settings: SimpleNamespace, tmp_path: object) -> None:
    settings.SAFEHOLD_LEDGER_KEY_FILE = tmp_path / "keys" / "ledger"  # type: ignore[operator]
    signer.cache_clear()


def test_a_case_from_rule_to_overturned_appeal_is_whole_and_a_forged_state_is_named() -> None:
    rule, _ = flagged()
    first, second = person("Ada First"), person("Bo Second")
    decision = decide(first, over=rule, action="remove", policy=policy(), reason="Spam.")
    checkpoint_once()
    appeal = file_appeal(decision, grounds="It was a joke.", contact="u1@example.org")
    version = claims.claim(second, appeal.task_id).task.version
    hear(second, appeal.pk, version=version, over=decision, outcome="overturned", explanation="You are right.")
    checkpoint_once()

    report = verify_record()

    assert report.findings == []
    assert report.missing_guards == []
    seen = set(LedgerEntry.objects.values_list("kind", flat=True))
    assert {"event", "decision", "statement", "appeal", "transition"} <= seen

    action = Action.objects.filter(decision=decision).first()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE decisions_action SET state = 'expired' WHERE id = %s", (action.pk,))
    (finding,) = verify_record().findings
    assert str(finding).startswith(f"action {action.pk} is 'expired' in decisions_action, but the record led to ")


def test_the_record_is_whole_at_every_moment_of_writing_it() -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            while not stop.is_set():
                with recording() as record:
                    for number in range(20):
                        record.audit("look", "event", f"evt_{number}")
                checkpoint_once()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        reports = [verify_record() for _ in range(5)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert failures == []
    assert [report.findings for report in [*reports, verify_record()]] == [[]] * 6
    assert LedgerEntry.objects.count() % 20 == 0
