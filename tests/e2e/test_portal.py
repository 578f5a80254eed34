"""The public pages in a real browser, by keyboard: read, verify, appeal, report; in the dark, on a phone, without an account."""

import re
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect

from safehold.accounts.models import User
from safehold.desk.appeals.models import Appeal
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.models import Decision
from safehold.desk.reports.links import notice_url
from safehold.desk.reports.models import Notice
from safehold.desk.transparency.models import StatementOfReasons
from safehold.desk.transparency.statements import statement_url
from tests.e2e.conftest import COLOURS

pytestmark = pytest.mark.browser
SPAM = "URGENT! You have won a 1000 prize GUARANTEED. Call 09061701461 now. Claim code KL341. Valid 12 hours only."


@pytest.fixture
def told(live: SimpleNamespace, settings: SimpleNamespace) -> StatementOfReasons:
    """A statement about a message that the rules acted on a moment ago."""
    settings.PUBLIC_URL = live.url
    number = f"{datetime.now(UTC):%H%M%S%f}"
    answer = live.send(
        {
            "specversion": "1.0",
            "id": f"e{number}",
            "source": "https://plaza.example/forum",
            "type": "content.created",
            "time": timezone.now().isoformat(),
            "data": {
                "actor": {"id": f"u{number}", "created_at": (timezone.now() - timedelta(days=9)).isoformat()},
                "content_id": f"c{number}",
                "text": SPAM,
                "language": "en",
            },
        }
    )
    assert answer["action"] != "allow", answer
    return _eventually(lambda: StatementOfReasons.objects.get(decision_id=answer["decision"]))


def _eventually(read):
    """What another process is about to write."""
    until = time.monotonic() + 60
    while True:
        try:
            return read()
        except (StatementOfReasons.DoesNotExist, Notice.DoesNotExist, Appeal.DoesNotExist):
            assert time.monotonic() < until
            time.sleep(0.1)


def _tab_to(page: Page, name: str) -> None:
    """Move on with Tab until the control of this name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "(() => { const at = document.activeElement; return at.labels?.[0]?.innerText ?? at.innerText ?? ''; })()"
        )
        if here.strip().startswith(name):
            return
    raise AssertionError(f"Tab never reached {name!r}")


def _verified(page: Page) -> dict[str, str]:
    """Verify by keyboard; the state of each entry's check."""
    _tab_to(page, "Verify this decision")
    page.keyboard.press("Enter")
    for entry in ("verify-statement", "verify-decision"):
        expect(page.locator(f"#{entry}")).to_have_attribute(
            "data-state", re.compile("passed|failed|incomplete"), timeout=60_000
        )
    return {
        entry: page.locator(f"#{entry}").get_attribute("data-state")
        for entry in ("verify-statement", "verify-decision")
    }


def test_read_appeal_and_take_it_back_by_keyboard(page: Page, told: StatementOfReasons, axe) -> None:
    page.goto(f"{statement_url(told)}?lang=en")
    expect(page.get_by_role("heading", level=1)).to_have_text(told.texts["en"]["what"])
    expect(page.locator("blockquote")).to_have_text(SPAM)
    _tab_to(page, "Send your objection")
    page.keyboard.press("Enter")  # empty: the page says what is missing, and where
    expect(page.get_by_role("alert")).to_contain_text("Why do you think we are wrong?")
    axe(page)
    _tab_to(page, "Why do you think we are wrong?")
    assert page.evaluate("document.activeElement.href").endswith("#id_grounds")
    page.keyboard.press("Enter")
    expect(page.locator("#id_grounds")).to_be_focused()
    page.keyboard.type("I did win it, at the village fair.")
    _tab_to(page, "Send your objection")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your objection")).to_be_visible()
    expect(page.locator("li.is-now")).to_contain_text("A person reads it who had no part in the decision")
    appeal = Appeal.objects.get(decision=told.decision)
    assert appeal.grounds == "I did win it, at the village fair." and appeal.state == "assigned"
    axe(page)
    _tab_to(page, "Take the objection back")
    page.keyboard.press("Enter")
    _tab_to(page, "Yes, take it back")
    page.keyboard.press("Enter")
    expect(page.locator(".steps")).to_contain_text("You took your objection back")
    appeal.refresh_from_db()
    assert appeal.state == "withdrawn"


def test_the_browser_verifies_what_the_page_says(page: Page, told: StatementOfReasons, axe) -> None:
    page.goto(f"{statement_url(told)}?lang=en")
    assert _verified(page) == {"verify-statement": "passed", "verify-decision": "passed"}
    assert page.locator("[data-verify-steps] li[data-state=passed]").count() == 8
    axe(page)


def test_it_verifies_in_every_language_and_says_so(page: Page, told: StatementOfReasons) -> None:
    for language, button, says in (
        ("de", "Diese Entscheidung nachprüfen", "Nachgeprüft:"),
        ("fr", "Vérifier cette décision", "Vérifié"),
        ("es", "Comprobar esta decisión", "Comprobado:"),
        ("it", "Verifica questa decisione", "Verificato:"),
    ):
        page.goto(f"{statement_url(told)}?lang={language}")
        page.get_by_role("button", name=button).press("Enter")
        for entry in ("verify-statement", "verify-decision"):
            expect(page.locator(f"#{entry} [data-verify-result]")).to_contain_text(says, timeout=60_000)
        assert not re.search("passed|entry|checked", page.locator("#verify-statement").inner_text())


@pytest.fixture
def tampering(live: SimpleNamespace):
    """Run SQL as somebody would who has got at the database's file; its guards are put back afterwards."""
    dropped: list[str] = []

    def change(table: str, sql: str, *values: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
            for name, definition in cursor.fetchall():
                dropped.append(definition)
                cursor.execute(f'DROP TRIGGER "{name}"')
            cursor.execute(sql, values)

    yield change
    with connection.cursor() as cursor:
        for definition in dropped:
            cursor.execute(definition)


def test_one_changed_letter_in_the_statement_is_found(page: Page, told: StatementOfReasons, tampering) -> None:
    tampering(
        "transparency_statementofreasons",
        "UPDATE transparency_statementofreasons SET texts = replace(texts, 'by automated means alone', "
        "'by automated means alonE') WHERE id = %s",
        told.pk,
    )
    page.goto(f"{statement_url(told)}?lang=en")
    assert _verified(page) == {"verify-statement": "failed", "verify-decision": "passed"}
    expect(page.locator("#verify-statement li[data-state=failed]")).to_contain_text(
        "The record differs from what the ledger took down."
    )
    expect(page.locator("#verify-statement [data-verify-result]")).to_contain_text("Not verified")


def test_a_changed_decision_is_found(page: Page, told: StatementOfReasons, tampering) -> None:
    tampering(
        "decisions_decision",
        "UPDATE decisions_decision SET rule = 'spam.bulk/another' WHERE id = %s",
        told.decision_id,
    )
    page.goto(f"{statement_url(told)}?lang=en")
    assert _verified(page) == {"verify-statement": "passed", "verify-decision": "failed"}
    expect(page.locator("#verify-decision li[data-state=failed]")).to_contain_text("“rule” on this page differs")


def test_overturned_is_the_first_thing_one_reads(page: Page, told: StatementOfReasons, axe) -> None:
    decide(User.objects.get(email="noor@plaza.example"), over=told.decision, action="allow")
    page.goto(f"{statement_url(told)}?lang=en")
    expect(page.get_by_role("heading", level=1)).to_have_text("We lifted this decision")
    expect(page.locator(".outcome")).to_contain_text("We are sorry")
    axe(page)
    assert _verified(page) == {"verify-statement": "passed", "verify-decision": "passed"}


def test_report_something_and_follow_it_by_keyboard(
    page: Page, live: SimpleNamespace, told: StatementOfReasons, axe
) -> None:
    page.goto(f"{live.url}/portal/report/?lang=en")
    axe(page)
    for label, text in (
        ("Where is it?", "https://plaza.example/p/17"),
        ("What is it about?", "Fraud"),
        ("What is wrong with it?", "They ask for money and send nothing."),
        ("Your name", "Carla"),
        ("Your e-mail address", "carla@example.org"),
    ):
        _tab_to(page, label)
        page.keyboard.type(text)
    _tab_to(page, "What I say here")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you. We have your report")
    axe(page)
    notice = _eventually(lambda: Notice.objects.get(notifier_contact="carla@example.org"))
    assert notice.reason == "scam"
    moderator = User.objects.get(email="noor@plaza.example")
    policy = told.decision.policy
    asked = Decision.objects.get(event=notice.event)
    decide(moderator, over=asked, action="remove", policy=policy, reason="Fraud.")
    page.goto(f"{notice_url(notice)}?lang=en")
    expect(page.get_by_role("heading", level=1)).to_have_text("We acted on it")
    axe(page)
    # The gateway goes on after an event that it did not write itself.
    again = live.send(_event("after"))
    assert again["decision"]


def _event(number: str) -> dict[str, object]:
    now = timezone.now().isoformat()
    data = {"actor": {"id": "u-after", "created_at": now}, "content_id": f"c-{number}", "text": "Nice day today"}
    return {
        "specversion": "1.0", "id": f"e-{number}", "source": "https://plaza.example/forum", "type": "content.created",
        "time": now, "data": data,
    }  # fmt: skip


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it"])
def test_every_page_is_clean_and_fits_a_phone(
    browser: Browser, live: SimpleNamespace, told: StatementOfReasons, axe, language: str
) -> None:
    context: BrowserContext = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)

    def look() -> None:
        page.emulate_media(color_scheme="light")
        axe(page)
        page.emulate_media(color_scheme="dark")
        axe(page, COLOURS)

    for url in (f"{live.url}/portal/report/", statement_url(told)):
        page.goto(f"{url}?lang={language}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, url
        assert page.locator("html").get_attribute("lang") == language
        look()
    page.locator("[data-verify-start]").press("Enter")
    expect(page.locator("#verify-decision")).to_have_attribute("data-state", "passed", timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    look()
    assert errors == []
    assert page.goto(statement_url(told)[:-1] + "?lang=" + language).status == 404
    look()
    context.close()


def test_without_javascript_one_reads_and_appeals_all_the_same(browser: Browser, told: StatementOfReasons) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{statement_url(told)}?lang=en")
    page.get_by_label("Why do you think we are wrong?").fill("It is true.")
    page.get_by_role("button", name="Send your objection").click()
    expect(page.get_by_text("We have your objection")).to_be_visible()
    context.close()
