"""Writing and approving a change of the policies in a real browser: by keyboard, with live errors and completion, tried on
the record, approved by somebody else, in force; accessible in both themes, on a phone, and without scripts."""

import time
from types import SimpleNamespace

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import COLOURS

pytestmark = pytest.mark.browser
RULE = """  - id: magic-word
    mode: shadow
    when: data.txt.contains("zauberwort")
    then: {action: hold}
"""


def key_of_a_policy(live: SimpleNamespace) -> str:
    """A policy that listens to messages and has a rule that acts."""
    from safehold.desk.decisions.models import PolicyVersion

    for version in PolicyVersion.objects.filter(effective_to=None).order_by("key"):
        modes = {rule["mode"] for rule in version.spec["rules"]}
        if "live" in modes and version.key.startswith("spam"):
            return version.key
    raise AssertionError("no spam policy is live")


def event(number: int, text: str) -> dict[str, object]:
    actor = {"id": f"u{number}", "created_at": "2025-01-30T08:00:00Z"}
    return {
        "specversion": "1.0", "id": f"ed-{number}", "source": "https://plaza.example/forum", "type": "message.sent",
        "time": "2026-11-26T09:30:00Z",
        "data": {"actor": actor, "message_id": f"ed-{number}", "recipient_id": "u2", "text": text},
    }  # fmt: skip


def open_editor(page: Page, live: SimpleNamespace, name: str) -> Page:
    live.sign_in(page, name)
    page.goto(f"{live.url}/policies/{key_of_a_policy(live)}/edit/")
    expect(page.locator(".cm-content")).to_be_visible()
    return page


def test_a_change_from_the_first_key_to_the_gateway(live, page: Page, browser: Browser, axe) -> None:
    for number in range(3):
        live.send(event(number, "a word that nobody minds: zauberwort" if number == 1 else "see you at eight"))
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    open_editor(page, live, "ada")
    expect(page.locator("[data-problems]")).to_contain_text("No problems", timeout=60_000)
    axe(page)
    page.emulate_media(color_scheme="dark")
    axe(page, COLOURS)
    page.emulate_media(color_scheme="light")
    # A new rule at the end of the rules, typed; its first form is wrong, and the page says where and what to do.
    content = page.locator(".cm-content")
    content.focus()
    text = page.locator("#editor-text").input_value()
    at = text.index("\nrules:\n") + len("\nrules:\n")
    line = text[:at].count("\n")
    page.keyboard.press("Control+Home")
    for _ in range(line):
        page.keyboard.press("ArrowDown")
    page.keyboard.insert_text(RULE)
    expect(page.locator("[data-problems]")).to_contain_text("did you mean `data.text`?", timeout=60_000)
    expect(page.locator(".cm-lintRange-error").first).to_be_visible()
    page.locator("[data-problems] button").first.click()
    expect(page.locator(".cm-content")).to_be_focused()
    page.keyboard.press("Control+f")
    page.keyboard.type("txt")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("Delete")
    page.keyboard.type("te")
    page.keyboard.press("Control+Space")
    expect(page.locator(".cm-tooltip-autocomplete")).to_contain_text("text")
    page.wait_for_timeout(200)  # an Enter that comes at once is a new line: nobody has seen the list by then
    page.keyboard.press("Enter")
    assert "data.text.contains" in page.locator("#editor-text").input_value()
    expect(page.locator("[data-problems]")).to_contain_text("no example expects `magic-word`", timeout=60_000)
    assert page.locator("[data-problems] [data-severity=error]").count() == 0
    # Tried on the record: one event more would be held, and a link leads to it.
    expect(page.locator("[data-trial] .trial-samples")).to_contain_text("magic-word", timeout=100_000)
    assert page.locator("[data-trial] .trial-samples li").count() == 1
    axe(page)
    # Escape, then Tab leaves the text.
    content.focus()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(content).not_to_be_focused()
    # A shadow rule needs nobody else: in force at once.
    page.locator("#editor-title").fill("Watch a word")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/policies/changes/chg_*/", timeout=60_000)
    expect(page.locator("h1")).to_contain_text("In force")
    axe(page)
    assert [each for each in errors if "favicon" not in each] == []


def test_what_acts_waits_for_somebody_else(live, browser: Browser, axe) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as first, browser.new_context() as second:
        page = open_editor(first.new_page(), live, "ada")
        text = page.locator("#editor-text").input_value()
        page.locator(".cm-content").focus()
        page.keyboard.press("Control+a")
        armed = text.replace(RULE.replace("txt", "text"), RULE.replace("txt", "text").replace("shadow", "live"))
        page.keyboard.insert_text(armed)
        assert page.locator("#editor-text").input_value() == armed != text
        page.locator("#editor-title").fill("Hold that word")
        page.get_by_role("button", name="Propose").click()
        page.wait_for_url("**/policies/changes/chg_*/", timeout=60_000)
        expect(page.locator("h1")).to_contain_text("Needs approval")
        assert page.get_by_role("button", name="Approve").count() == 0
        other = live.sign_in(second.new_page(), "bo")
        other.goto(page.url)
        expect(other.locator(".compare ins").first).to_be_visible()
        expect(other.locator("[data-trial-now] .pairs")).to_be_visible(timeout=100_000)
        axe(other)
        other.emulate_media(color_scheme="dark")
        other.get_by_role("link", name="Side by side").click()
        other.wait_for_url("**?view=split")
        axe(other)
        other.set_viewport_size({"width": 390, "height": 800})
        axe(other)
        other.get_by_label("What you looked at").fill("Seen")
        other.get_by_role("button", name="Approve").click()
        expect(other.locator("h1")).to_contain_text("In force")
    until = time.monotonic() + 60
    number = 100
    while live.send(event(number, "zauberwort"))["action"] != "hold":
        assert time.monotonic() < until
        number += 1
        time.sleep(0.2)


def test_on_a_phone_and_without_scripts(live, browser: Browser, axe) -> None:
    with browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True) as phone:
        page = open_editor(phone.new_page(), live, "ada")
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with browser.new_context(java_script_enabled=False) as plain:
        page = plain.new_page()
        live.sign_in(page, "ada")
        page.goto(f"{live.url}/policies/{key_of_a_policy(live)}/edit/")
        field = page.locator("#editor-text")
        field.fill(field.input_value().replace("rules:", "rulse:"))
        page.get_by_role("button", name="Propose").click()
        expect(page.locator(".alert").first).to_contain_text("rules")
        assert "rulse:" in page.locator("#editor-text").input_value()


def test_nobody_edits_without_being_allowed_to(live, page: Page) -> None:
    live.sign_in(page, "mira")
    answer = page.goto(f"{live.url}/policies/new/")
    assert answer is not None and answer.status == 403
    assert httpx.post(f"{live.url}/policies/try/", timeout=60).status_code == 403  # no CSRF token
