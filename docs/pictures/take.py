"""Take the pictures of README and documentation from the real thing: `make pictures`.

Starts `safehold up` with Plaza in a folder of its own, waits for its history, and photographs the pages.
"""

import re
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.e2e.conftest import BROWSER_ARGUMENTS, chromium, free_port, start

HERE = Path(__file__).parent
#: For what comes by itself: a busy machine is slow, not wrong.
expect.set_options(timeout=300_000)


def main() -> None:
    var, port = Path(tempfile.mkdtemp(prefix="safehold-pictures-")), free_port()
    process = start(var, "--replay", "1700", port=port)
    url = f"http://127.0.0.1:{port}"
    passwords = dict(re.findall(r"(\w+)@plaza\.example\s+(\S+)", (var / "log.txt").read_text()))
    try:
        _wait_for_history(var)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=BROWSER_ARGUMENTS)
            admin = _signed_in(browser, url, "admin", passwords)
            _overview(admin, url)
            _editor(admin, url)
            _item(_signed_in(browser, url, "mira", passwords), url)
            _item(_signed_in(browser, url, "noor", passwords, color_scheme="dark"), url, "item-dark")
            _statement(browser, var)
            browser.close()
    finally:
        process.terminate()
        process.wait(30)


def _wait_for_history(var: Path) -> None:
    while True:
        count = (
            sqlite3.connect(var / "safehold.sqlite3").execute("SELECT count(*) FROM decisions_decision").fetchone()[0]
        )
        if count > 1450:
            time.sleep(12)  # let the outbox follow, and some decisions come in live
            return
        time.sleep(1)


def _signed_in(browser: Browser, url: str, name: str, passwords: dict[str, str], **options: str) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, device_scale_factor=1.5, **options)
    context.set_default_timeout(300_000)
    page = context.new_page()
    page.goto(url)
    page.locator("input[name=login]").fill(f"{name}@plaza.example")
    page.locator("input[name=password]").fill(passwords[name])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/")
    return page


def _overview(page: Page, url: str) -> None:
    page.goto(url)  # without the greeting
    expect(page.locator(".live-row").first).to_be_visible()
    page.wait_for_timeout(3000)
    page.screenshot(path=HERE / "overview.png")
    page.goto(f"{url}/decisions/?q=action%3Ahold")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/decisions/dec_**")
    page.wait_for_timeout(500)
    page.screenshot(path=HERE / "decision.png")


def _editor(page: Page, url: str) -> None:
    """A threshold lowered: the examples and the newest events say what would come of it."""
    page.goto(f"{url}/policies/payments.abuse/edit/")
    page.locator(".cm-content").wait_for()
    page.evaluate("document.querySelector('main').scrollTo(0, 0)")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" ")
    page.keyboard.press("Backspace")
    page.wait_for_timeout(3000)  # until it is tried, which begins when nobody has typed for a moment
    expect(page.locator("[data-trial]")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("[data-problems]")).not_to_contain_text("Checked while you type")
    page.screenshot(path=HERE / "editor.png")


def _item(page: Page, url: str, name: str = "item") -> None:
    page.goto(f"{url}/queues/scams/")
    page.keyboard.press("s")
    page.wait_for_url("**/tasks/**")
    page.keyboard.press("Space")
    page.wait_for_timeout(500)
    page.screenshot(path=HERE / f"{name}.png")
    page.keyboard.press("k")


def _statement(browser: Browser, var: Path) -> None:
    link = sqlite3.connect(var / "demo" / "plaza.sqlite3").execute(
        "SELECT url FROM letter WHERE text LIKE '%holding your message%' ORDER BY at LIMIT 1"
    ).fetchone()[0]  # fmt: skip
    context = browser.new_context(viewport={"width": 420, "height": 860}, device_scale_factor=1.5, locale="en-GB")
    context.set_default_timeout(300_000)
    page = context.new_page()
    page.goto(link)
    page.locator("[data-verify-start]").click()
    expect(page.locator("#verify-decision")).to_have_attribute("data-state", "passed")
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=HERE / "statement.png")


if __name__ == "__main__":
    main()
