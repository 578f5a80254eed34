"""The queues worked by keyboard alone, in a real browser against a running Safehold: open, read, decide, next; two people
at once; an appeal heard by somebody else. Every page is free of accessibility violations, light and dark.
"""

import re
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import COLOURS

pytestmark = [pytest.mark.browser]
#: A text that the starter policies hold for the queue `phishing`: a look-alike host.
LURE = "Your parcel is waiting, pay the customs fee at https://dhl-parcel-fees.top/pay?c={number}"


def lure(author: str = "kim", number: int = 1) -> dict[str, object]:
    """A post with a look-alike link, as a platform tells of it."""
    now = datetime.now(UTC)
    name = uuid.uuid4().hex
    return {
        "specversion": "1.0", "id": name, "source": "https://plaza.example/forum", "type": "content.created",
        "time": now.isoformat(), "datacontenttype": "application/json",
        "data": {
            "actor": {"id": author, "name": author, "created_at": (now - timedelta(days=40)).isoformat()},
            "content_id": f"p{name}", "content_type": "post", "thread_id": f"t-{author}",
            "text": LURE.format(number=number), "visibility": "public",
        },
    }  # fmt: skip


def waiting(queue: str) -> int:
    from safehold.desk.review.models import Task

    return Task.objects.filter(queue=queue, state="queued").count()


def soon(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def filled(live: SimpleNamespace) -> SimpleNamespace:
    """A Safehold with lures waiting in a queue; `.queue` is its name."""
    soon(lambda: live.http.get("/v1/event-types").status_code == 200)  # keys are read once a second
    verdicts = [live.send(lure(author, number)) for number, author in enumerate(["kim", "kim", "lou", "max", "ana"])]
    queue = verdicts[0]["queue"]
    assert queue, verdicts[0]
    soon(lambda: waiting(queue) == len(verdicts))
    live.queue = queue
    return live


@pytest.fixture
def somebody(filled: SimpleNamespace, browser: Browser) -> Iterator[Callable[..., Page]]:
    """`somebody("mira")`: a page in a browser of their own, signed in."""
    contexts = []

    def open_browser(name: str, **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
        context.set_default_timeout(60_000)
        contexts.append(context)
        return filled.sign_in(context.new_page(), name)

    yield open_browser
    for context in contexts:
        context.close()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_queue_is_worked_without_touching_the_mouse(filled, somebody, axe):
    page = somebody("mira")
    press(page, "g", "q")
    page.wait_for_url("**/queues/")
    axe(page)
    press(page, "j")
    expect(page.locator("a.row-link").first).to_be_focused()
    press(page, "o")
    page.wait_for_url(f"**/queues/{filled.queue}/")
    axe(page)
    press(page, "s")
    page.wait_for_url("**/tasks/**")
    first = page.url
    axe(page)
    page.emulate_media(color_scheme="dark")
    axe(page, COLOURS)
    page.emulate_media(color_scheme="light")

    text = page.locator(".harm-text").first
    expect(text).to_have_attribute("inert", "")
    press(page, "Space")
    expect(text).not_to_have_attribute("inert", "")
    expect(page.get_by_text("pay the customs fee").first).to_be_visible()
    expect(page.locator(".saw").first).to_contain_text("signals.links")
    expect(page.locator(".lease")).to_contain_text(re.compile(r"Yours for [0-9]:[0-9]{2}"))

    press(page, "r")
    expect(page.locator("input[value=remove]")).to_be_checked()
    press(page, "2")
    expect(page.locator("input[name=policy]").nth(1)).to_be_checked()
    press(page, "1")
    press(page, "i")
    expect(page.locator("#reason")).to_be_focused()
    page.locator("#reason").fill("The link pretends to be a parcel service.")
    press(page, "Control+Enter")
    page.wait_for_url(lambda url: "/tasks/" in url and url != first)

    from safehold.desk.decisions.models import Decision

    decided = Decision.objects.get(person__isnull=False)
    assert (decided.action, decided.reason) == ("remove", "The link pretends to be a parcel service.")
    second = page.url
    press(page, "k")  # skip
    page.wait_for_url(lambda url: "/tasks/" in url and url != second)
    press(page, "Escape")
    page.wait_for_url(f"**/queues/{filled.queue}/")


def test_the_same_in_the_dark_and_on_a_phone(filled, somebody, axe):
    page = somebody("noor", color_scheme="dark", viewport={"width": 390, "height": 844})
    page.goto(f"{filled.url}/queues/{filled.queue}/")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/tasks/**")
    for path in (page.url, f"{filled.url}/queues/", f"{filled.url}/queues/{filled.queue}/", f"{filled.url}/appeals/"):
        page.goto(path)
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_two_people_in_two_browsers_never_get_the_same_item(filled, somebody):
    pages = [somebody("mira"), somebody("noor")]
    for page in pages:
        page.goto(f"{filled.url}/queues/{filled.queue}/")
    for page in pages:
        press(page, "s" if page.get_by_role("button", name="Start").count() else "Enter")
    for page in pages:
        page.wait_for_url("**/tasks/**")
    assert pages[0].url != pages[1].url
    theirs = pages[1].url
    pages[0].goto(theirs)
    expect(pages[0].get_by_role("complementary")).to_contain_text("Noor")
    expect(pages[0].locator("[data-decide]")).to_have_count(0)


def test_what_was_taken_away_meanwhile_is_said_and_decides_nothing(filled, somebody):
    from safehold.accounts.models import User
    from safehold.desk.decisions.models import Decision
    from safehold.desk.review import claims

    page = somebody("mira")
    page.goto(f"{filled.url}/queues/{filled.queue}/")
    press(page, "s" if page.get_by_role("button", name="Start").count() else "Enter")
    page.wait_for_url("**/tasks/**")
    before = Decision.objects.count()
    claims.release_all(User.objects.get(email="mira@plaza.example"))
    press(page, "a", "Control+Enter")
    expect(page.get_by_text("You no longer hold this item")).to_be_visible()
    assert Decision.objects.count() == before


def test_an_appeal_is_heard_by_somebody_else(filled, somebody, axe):
    from safehold.desk.appeals.filing import file_appeal
    from safehold.desk.appeals.models import Appeal
    from safehold.desk.decisions.models import Decision

    decision = Decision.objects.get(action="remove", person__email="mira@plaza.example")
    appeal = file_appeal(decision, grounds="I wanted to warn others of it.", contact="kim@example.org")

    mira = somebody("mira")
    mira.goto(f"{filled.url}/appeals/{appeal.pk}/")
    expect(mira.get_by_text("You took part in this decision")).to_be_visible()

    page = somebody("noor")
    press(page, "g", "a")
    page.wait_for_url("**/appeals/")
    axe(page)
    press(page, "s")
    page.wait_for_url(f"**/appeals/{appeal.pk}/")
    axe(page)
    page.emulate_media(color_scheme="dark")
    axe(page, COLOURS)
    expect(page.get_by_text("I wanted to warn others of it.")).to_be_visible()
    press(page, "o", "i")
    page.locator("#explanation").fill("You are right: you broke the link up. We are sorry.")
    press(page, "Control+Enter")
    page.wait_for_url("**/appeals/")
    heard = Appeal.objects.get(pk=appeal.pk)
    assert heard.outcome.action == "allow"
    assert heard.reviewer.email == "noor@plaza.example"


def test_every_key_is_on_the_sheet(filled, somebody):
    page = somebody("noor")
    page.goto(f"{filled.url}/queues/{filled.queue}/")
    press(page, "s" if page.get_by_role("button", name="Start").count() else "Enter")
    page.wait_for_url("**/tasks/**")
    press(page, "Shift+?")
    sheet = page.locator("dialog[open]")
    for words in (
        "Remove",
        "Skip",
        "Escalate",
        "Decide, next item",
        "Show or blur what was written",
        "Back to the queue",
    ):
        expect(sheet).to_contain_text(words)
