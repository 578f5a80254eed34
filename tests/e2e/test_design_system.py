"""The design system in a real browser: readable in both themes, on a phone, by keyboard, and without scripts."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect

import safehold.web
from tests.e2e.conftest import COLOURS

pytestmark = pytest.mark.browser

STATIC = Path(safehold.web.__file__).parent / "static" / "safehold"
PAGES = [
    "/ui/style/",
    "/ui/style/public/",
    "/account/password/change/",
    "/account/2fa/",
    "/account/2fa/webauthn/",
    "/nothing-here/",
]


@pytest.fixture
def signed_in(live: SimpleNamespace, page: Page) -> Page:
    return live.sign_in(page, "admin")


@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_of_the_design_system_is_accessible(live, browser: Browser, axe, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()

    def look(path: str) -> None:
        page.emulate_media(color_scheme="light")
        page.goto(live.url + path)
        axe(page)
        page.emulate_media(color_scheme="dark")
        axe(page, COLOURS)

    look("/account/login/")
    live.sign_in(page, "admin")
    for path in PAGES:
        look(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} scrolls sideways at {width} px"
    context.close()


def test_nothing_breaks_the_content_security_policy(live, signed_in: Page) -> None:
    page = signed_in.context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in PAGES[:-1]:
        page.goto(live.url + path)
        page.wait_for_load_state("networkidle")
    assert said == []


def test_the_theme_follows_the_system_until_somebody_chooses(live, browser: Browser) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(f"{live.url}/account/login/")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(colour)
    assert dark != light

    page.get_by_label("Theme").click()
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(colour) == dark
    page.reload()
    assert page.evaluate(colour) == dark, "the choice is kept"
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    context.close()


def test_the_theme_can_be_chosen_without_scripts(live, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, color_scheme="light")
    page = context.new_page()
    page.goto(f"{live.url}/account/login/")
    page.get_by_label("Theme").click()
    page.get_by_role("button", name="Dark").click()
    expect(page).to_have_url(f"{live.url}/account/login/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    context.close()


def test_rows_are_walked_by_j_and_k_and_opened_by_enter(live, signed_in: Page) -> None:
    signed_in.goto(f"{live.url}/ui/style/")
    rows = signed_in.locator("[data-row] .row-link")
    signed_in.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    signed_in.keyboard.press("j")
    signed_in.keyboard.press("j")
    signed_in.keyboard.press("k")
    expect(rows.nth(1)).to_be_focused()
    target = rows.nth(1).get_attribute("href")
    signed_in.keyboard.press("Enter")
    expect(signed_in).to_have_url(re.compile(f"{re.escape(target)}$"))


def test_number_keys_choose_and_fields_keep_their_keys(live, signed_in: Page) -> None:
    signed_in.goto(f"{live.url}/ui/style/")
    signed_in.keyboard.press("1")
    expect(signed_in.get_by_role("radio", name="Phishing links")).to_be_checked()
    signed_in.keyboard.press("/")
    search = signed_in.get_by_role("searchbox", name="Search")
    expect(search).to_be_focused()
    signed_in.keyboard.type("j2?gq")
    expect(search).to_have_value("j2?gq")
    expect(signed_in.get_by_role("radio", name="Phishing links")).to_be_checked()


def test_g_and_a_letter_go_to_a_place(live, signed_in: Page) -> None:
    signed_in.goto(f"{live.url}/ui/style/")
    link = signed_in.locator("[data-key='g e']")
    target = link.get_attribute("href")
    signed_in.keyboard.press("g")
    signed_in.keyboard.press("e")
    signed_in.wait_for_url(live.url + target)


def test_the_shortcut_sheet_lists_this_pages_keys_and_can_turn_single_keys_off(live, signed_in: Page) -> None:
    signed_in.goto(f"{live.url}/ui/style/")
    signed_in.keyboard.press("?")
    sheet = signed_in.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_contain_text("Phishing links")
    sheet.get_by_label("Use shortcuts of a single key").uncheck()
    signed_in.keyboard.press("Escape")
    signed_in.keyboard.press("1")
    expect(signed_in.get_by_role("radio", name="Phishing links")).not_to_be_checked()


def test_the_palette_opens_a_page_by_its_name(live, signed_in: Page) -> None:
    signed_in.goto(f"{live.url}/ui/style/")
    signed_in.keyboard.press("Control+k")
    expect(signed_in.get_by_role("combobox", name="Search pages")).to_be_focused()
    signed_in.keyboard.type("people")
    expect(signed_in.get_by_role("option", name=re.compile("People"))).to_have_attribute("aria-selected", "true")
    signed_in.keyboard.press("Enter")
    signed_in.wait_for_url("**/people/")


def test_harmful_text_is_hidden_until_chosen_and_stays_chosen_in_this_tab(live, signed_in: Page) -> None:
    signed_in.goto(f"{live.url}/ui/style/")
    text = signed_in.locator(".harm-text")
    expect(text).to_have_css("filter", "blur(7px)")
    assert signed_in.evaluate("document.querySelector('.harm-text').inert"), "screen readers are spared too"
    signed_in.keyboard.press("b")
    expect(text).not_to_have_attribute("inert", "")
    expect(text).to_have_css("filter", "none")
    signed_in.reload()
    expect(text).to_have_css("filter", "none")
    signed_in.locator(".harm-toggle").focus()
    signed_in.keyboard.press("Space")
    expect(text).to_have_css("filter", "blur(7px)")


def test_dialogs_and_menus_close_by_escape_and_give_the_focus_back(live, signed_in: Page) -> None:
    signed_in.goto(f"{live.url}/ui/style/")
    opener = signed_in.get_by_role("button", name="Open a dialog")
    opener.focus()
    signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_role("dialog", name="Release this item?")).to_be_visible()
    signed_in.keyboard.press("Escape")
    expect(opener).to_be_focused()

    menu = signed_in.locator("summary", has_text="Move to")
    menu.focus()
    signed_in.keyboard.press("Enter")
    signed_in.keyboard.press("ArrowDown")
    expect(signed_in.get_by_role("link", name="Spam")).to_be_focused()
    signed_in.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(signed_in.get_by_role("link", name="Spam", exact=True)).to_be_hidden()


def test_the_sidebar_is_a_drawer_on_a_phone_also_without_scripts(live, browser: Browser) -> None:
    for scripts in (True, False):
        context = browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=scripts)
        page = context.new_page()
        live.sign_in(page, "admin")
        page.goto(f"{live.url}/ui/style/")
        people = page.get_by_role("navigation", name="Main").get_by_role("link", name="People")
        expect(people).to_be_hidden()
        page.get_by_role("link", name="Open navigation").click()
        expect(people).to_be_visible()
        page.get_by_role("link", name="Close navigation").click()
        expect(people).to_be_hidden()
        context.close()


def test_a_wrong_address_is_answered_in_plain_words(live, page: Page) -> None:
    answer = page.goto(f"{live.url}/nothing-here/")
    assert answer and answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
