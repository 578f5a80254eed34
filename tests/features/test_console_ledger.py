"""Checking the whole record from the console: on a database of its own, because the check reads it from another thread."""

import time
from types import SimpleNamespace

from django.db import connection
from django.test import Client
from django.urls import reverse

from safehold.accounts.roles import Role
from safehold.console import ledger
from tests import desk_rows


def wait_for_check() -> ledger.Check:
    """The check that was started, when it is done."""
    until = time.monotonic() + 60
    while (check := ledger.last_check()) is None or check.running:
        assert time.monotonic() < until
        time.sleep(0.02)
    return check


def test_checking_the_ledger_shows_progress_and_names_the_row_that_was_changed(
    fresh_sqlite: SimpleNamespace, client: Client
) -> None:
    desk_rows.service()
    client.force_login(desk_rows.person("Auditor", Role.AUDITOR))
    decision = desk_rows.decision(desk_rows.post()[0])
    answer = client.post(reverse("ledger-verify"), headers={"HX-Request": "true"})
    assert "check-state" in answer.content.decode()
    assert wait_for_check().report.whole
    assert "The record is whole" in client.get(reverse("ledger-progress")).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER decisions_decision_never_changes")
        cursor.execute("UPDATE decisions_decision SET action = 'allow' WHERE id = %s", [decision.pk])
    client.post(reverse("ledger-verify"))
    check = wait_for_check()
    assert not check.report.whole
    assert any(decision.pk in str(finding) for finding in check.report.findings)
    page = client.get(reverse("ledger")).content.decode()
    assert "The record is not whole" in page and decision.pk in page


def test_a_check_that_could_not_be_made_says_why(fresh_sqlite: SimpleNamespace, client: Client) -> None:
    client.force_login(desk_rows.person("Auditor", Role.AUDITOR))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_entry RENAME TO elsewhere")
    ledger.start_check("Auditor")
    assert wait_for_check().error == "OperationalError: no such table: ledger_entry"
    assert "no such table: ledger_entry" in client.get(reverse("ledger-progress")).content.decode()
