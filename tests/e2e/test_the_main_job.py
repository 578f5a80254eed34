"""The main job, as a newcomer walks it: `safehold up` with the example platform on real messages, a queue worked by two
people by keyboard, a statement, an appeal without an account, a reversal that reaches the platform, and a record that
tells when a byte of it is changed.
"""

import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import COLOURS, free_port, start

MESSAGES = 240


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """`safehold up` with Plaza: `.url`, `.var`, `.passwords`, `.plaza(sql)`, `.record(sql)`, `.restart()`."""
    var = tmp_path_factory.mktemp("demo")
    port = free_port()
    running = SimpleNamespace(
        url=f"http://127.0.0.1:{port}",
        var=var,
        plaza=lambda sql, *values: _rows(var / "demo" / "plaza.sqlite3", sql, *values),
        record=lambda sql, *values: _rows(var / "safehold.sqlite3", sql, *values),
        log=lambda: (var / "log.txt").read_text(),
    )

    def begin() -> None:
        running.process = start(var, "--replay", str(MESSAGES), port=port)

    def restart() -> None:
        running.process.terminate()
        assert running.process.wait(60) == 0
        begin()

    running.restart = restart
    begin()
    running.passwords = dict(re.findall(r"(\w+)@plaza\.example\s+(\S+)", running.log()))
    yield running
    running.process.terminate()
    running.process.wait(60)


def _rows(path: Path, sql: str, *values: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path, timeout=20)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def until(found: Callable[[], object], what: str, seconds: float = 120) -> object:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def signed_in(browser: Browser, demo: SimpleNamespace, name: str) -> Page:
    """A browser of `name`'s own, signed in by keyboard."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.goto(demo.url)
    page.locator("input[name=login]").focus()
    page.keyboard.type(f"{name}@plaza.example")
    page.keyboard.press("Tab")
    page.keyboard.type(demo.passwords[name])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_have_count(1)
    return page


def verify(demo: SimpleNamespace) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "safehold.cli", "ledger", "verify"],
        env={**os.environ, "SAFEHOLD_VAR": str(demo.var)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_sign_ins_are_printed_once_and_real_messages_are_decided(demo: SimpleNamespace) -> None:
    assert set(demo.passwords) == {"admin", "mira", "noor"}
    until(lambda: demo.record("SELECT count(*) FROM decisions_decision")[0][0] >= MESSAGES * 5 // 6, "the history")
    until(lambda: demo.record("SELECT 1 FROM review_task WHERE state = 'queued'"), "tasks")
    actions = dict(demo.record("SELECT action, count(*) FROM decisions_decision GROUP BY action"))
    assert actions["allow"] > actions["hold"] > 0
    until(lambda: demo.plaza("SELECT 1 FROM item WHERE standing = 'held'"), "Plaza to obey")


def test_a_second_start_loses_nothing_and_prints_no_sign_in(demo: SimpleNamespace) -> None:
    before = demo.record("SELECT count(*) FROM decisions_decision")[0][0]
    lines = len(demo.log().splitlines())
    demo.restart()
    again = "\n".join(demo.log().splitlines()[lines:])
    assert "People: already here" in again
    assert "shown only now" not in again
    assert demo.record("SELECT count(*) FROM decisions_decision")[0][0] >= before
    # Plaza goes on where it was: everything it keeps is known to Safehold, once.
    until(
        lambda: (
            demo.record("SELECT count(DISTINCT source_id) FROM entities_event WHERE type <> 'report.filed'")[0][0]
            >= MESSAGES * 5 // 6 + 40
        ),
        "the rest of the history",
    )


def test_decisions_stream_into_the_overview(
    demo: SimpleNamespace, browser: Browser, axe: Callable[[Page], None]
) -> None:
    page = signed_in(browser, demo, "admin")
    expect(page.get_by_role("row").first).to_be_visible()
    axe(page)
    page.emulate_media(color_scheme="dark")
    axe(page, COLOURS)
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/decisions/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/decisions/dec_*/")
    axe(page)


def test_two_people_work_a_queue_by_keyboard_and_never_get_the_same_item(
    demo: SimpleNamespace, browser: Browser, axe: Callable[[Page], None]
) -> None:
    queue = demo.record(
        "SELECT queue_id FROM review_task WHERE state = 'queued' AND kind = 'review' GROUP BY 1 ORDER BY count(*) DESC"
    )[0][0]
    pages = [signed_in(browser, demo, name) for name in ("mira", "noor")]
    for page in pages:
        page.goto(f"{demo.url}/queues/{queue}/")
        page.keyboard.press("s")
        page.wait_for_url("**/tasks/**")
    assert pages[0].url != pages[1].url
    mira = pages[0]
    expect(mira.get_by_role("heading", name="What the rules saw")).to_be_visible()
    axe(mira)
    mira.emulate_media(color_scheme="dark")
    axe(mira, COLOURS)
    first = mira.url
    mira.keyboard.press("1")
    mira.keyboard.press("r")
    mira.keyboard.press("Control+Enter")
    mira.wait_for_url(lambda url: url != first)
    task = first.rstrip("/").rpartition("/")[2]
    [(decision, target, action)] = demo.record(
        "SELECT d.id, d.subject_id, d.action FROM review_task t JOIN decisions_decision d ON d.id = t.outcome_id "
        "WHERE t.id = ?", task
    )  # fmt: skip
    assert action == "remove"
    until(
        lambda: demo.plaza("SELECT 1 FROM item WHERE id = ? AND standing = 'removed'", target), "the removal at Plaza"
    )
    demo.decided = SimpleNamespace(decision=decision, target=target)
    # Noor lets hers go: it waits again.
    noor_task = pages[1].url.rstrip("/").rpartition("/")[2]
    pages[1].keyboard.press("k")
    until(lambda: demo.record("SELECT state FROM review_task WHERE id = ?", noor_task) == [("queued",)], "the skip")


def test_an_appeal_without_an_account_is_heard_by_somebody_else_and_undone_everywhere(
    demo: SimpleNamespace, browser: Browser, axe: Callable[[Page], None]
) -> None:
    decision, target = demo.decided.decision, demo.decided.target
    [(statement, account)] = demo.record(
        "SELECT s.id, d.account_id FROM transparency_statementofreasons s JOIN decisions_decision d "
        "ON d.id = s.decision_id WHERE d.id = ?", decision
    )  # fmt: skip
    [(link,)] = until(
        lambda: demo.plaza("SELECT url FROM letter WHERE account = ? AND url LIKE ?", account, f"%{statement}%"),
        "the letter to the person",
    )
    assert demo.record("SELECT voided_by_id FROM decisions_strike WHERE decision_id = ?", decision) in ([], [(None,)])

    person = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB").new_page()
    person.set_default_timeout(60_000)
    person.goto(str(link))
    axe(person)
    demo.statement = str(link)
    grounds = person.locator("textarea[name=grounds]")
    grounds.focus()
    person.keyboard.type("It was a joke between friends; please look again.")
    grounds.evaluate("field => field.form.requestSubmit()")
    until(lambda: demo.record("SELECT 1 FROM appeals_appeal WHERE decision_id = ?", decision), "the appeal")

    mira = signed_in(browser, demo, "mira")
    mira.goto(f"{demo.url}/appeals/")
    mira.keyboard.press("s")
    mira.wait_for_timeout(500)
    assert demo.record("SELECT reviewer_id FROM appeals_appeal WHERE decision_id = ?", decision) == [(None,)]

    noor = signed_in(browser, demo, "noor")
    noor.goto(f"{demo.url}/appeals/")
    noor.keyboard.press("s")
    noor.wait_for_url("**/appeals/apl_*/")
    axe(noor)
    noor.keyboard.press("o")
    noor.keyboard.press("i")
    noor.keyboard.type("You are right, this was between friends.")
    noor.keyboard.press("Control+Enter")
    until(lambda: demo.plaza("SELECT 1 FROM item WHERE id = ? AND standing = 'ok'", target), "the reversal at Plaza")
    assert demo.record("SELECT 1 FROM decisions_strike WHERE decision_id = ? AND voided_by_id IS NULL", decision) == []
    until(
        lambda: demo.record("SELECT state FROM appeals_appeal WHERE decision_id = ?", decision) == [("notified",)],
        "everybody concerned to be told",
    )
    person.reload()
    expect(person.get_by_text("You are right, this was between friends.")).to_be_visible()


def test_the_record_is_whole_and_tells_when_a_byte_is_changed(demo: SimpleNamespace, browser: Browser) -> None:
    person = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    person.goto(demo.statement)
    person.locator("[data-verify-start]").press("Enter")
    expect(person.locator("#verify-statement")).to_have_attribute("data-state", "passed", timeout=60_000)

    whole = verify(demo)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    decision = demo.decided.decision
    connection = sqlite3.connect(demo.var / "safehold.sqlite3", timeout=20)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("UPDATE decisions_decision SET reason = 'x' WHERE id = ?", (decision,))
    # Somebody with the file in hand takes the guard away first.
    guards = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' "
              "AND tbl_name = 'decisions_decision' AND sql LIKE '%BEFORE UPDATE%'")]  # fmt: skip
    for guard in guards:
        connection.execute(f"DROP TRIGGER {guard}")
    connection.execute("UPDATE decisions_decision SET reason = reason || '.' WHERE id = ?", (decision,))
    connection.commit()
    connection.close()
    told = verify(demo)
    assert told.returncode == 1
    assert decision in told.stdout + told.stderr
