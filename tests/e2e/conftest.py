"""A running Safehold, as `safehold up` starts it, and a real browser to look at it with."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Browser, BrowserContext, Keyboard, Locator, Page, expect, sync_playwright

from tests.conftest import restore_database, use_database

BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Whoever waits for what comes by itself waits long: a busy machine is slow, not wrong.
expect.set_options(timeout=30_000)
#: Until what moves on a page has come to its end: after two frames everything that was to begin has begun.
STILL = """async () => {
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    const ending = document.getAnimations().filter(each => each.effect.getComputedTiming().endTime !== Infinity);
    await Promise.all(ending.map(each => each.finished.catch(() => null)));
}"""
#: What axe's rules say of colours: all that can differ between the themes, which differ in colours alone.
COLOURS = ["color-contrast", "link-in-text-block"]
PASSWORD = "correct-horse-battery"
PEOPLE = {
    "admin": "admin", "ada": "policy_author", "bo": "policy_author", "mira": "moderator", "noor": "senior_moderator",
    "otto": "auditor", "rita": "read_only",
}  # fmt: skip


def chromium() -> str:
    """The browser of this machine."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    path = next(filter(None, (shutil.which(name) for name in names if name)), None)
    assert path, "no Chromium here: tests/e2e/install-browser installs it, or says how to"
    return path


@pytest.fixture(scope="module", autouse=True)
def pressed_when_scripts_have_run() -> Iterator[None]:
    """Keys and buttons are pressed on pages whose scripts have run, as a person's hands would: a page can be read, and its fields
    be filled, before its deferred scripts listen, and a test that is quicker than they are would press into the void."""
    keyboard = Page.keyboard.fget

    def when_loaded(page: Page) -> Keyboard:
        page.wait_for_load_state()  # scripts of the page run before its `load`
        return keyboard(page)

    def first_loaded(act: Callable[..., None]) -> Callable[..., None]:
        def acted(on: Locator, *given: object, **named: object) -> None:
            on.page.wait_for_load_state()
            act(on, *given, **named)

        return acted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Page, "keyboard", property(when_loaded))
        for name in ("click", "press", "check", "uncheck", "set_input_files"):
            patch.setattr(Locator, name, first_loaded(getattr(Locator, name)))
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, headless; for one file, since Playwright's event loop runs in this thread and would be in the way of others."""
    from django.db import connections

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()
        # While a loop runs in this thread Django keeps the thread's connection in another place: what is there looks at
        # this file's database, and the next file with a browser would find it.
        connections["default"].close()
        del connections["default"]


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(var: Path, *arguments: str, port: int, **environment: str) -> "subprocess.Popen[bytes]":
    """`safehold up` on `port` with its data in `var`; returns when it answers."""
    log = (var / "log.txt").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "safehold.cli", "up", "--port", str(port), *arguments],
        env={**os.environ, "SAFEHOLD_VAR": str(var), "SAFEHOLD_PUBLIC_URL": f"http://127.0.0.1:{port}", **environment},
        stdout=log,
        stderr=log,
    )
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        assert process.poll() is None, (var / "log.txt").read_text()
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=60).status_code == 200:
                return process
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("not ready after a quarter of an hour:\n" + (var / "log.txt").read_text())


@pytest.fixture(scope="module")
def live(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, django_db_blocker: object
) -> Iterator[SimpleNamespace]:
    """A Safehold with an empty record: `.url`, `.var`, `.key` (events:write), `.send(event)`, `.sign_in(page, name)`.

    In the test's own process Django's ORM looks at the same database. People: those of `PEOPLE`.
    """
    from django.db import connections

    var = tmp_path_factory.mktemp("safehold")
    port = free_port()
    shutil.copyfile(sqlite_template, var / "safehold.sqlite3")
    before = dict(connections.databases["default"])
    with django_db_blocker.unblock():
        use_database(f"sqlite:///{var / 'safehold.sqlite3'}")
        process = None
        try:
            key = _prepare()
            shutil.copytree("policies", var / "policies")  # what is changed in the console is written there too
            process = start(var, "--no-demo", port=port, SAFEHOLD_POLICIES=str(var / "policies"))
            yield _live(var, port, key)
        finally:
            if process:
                process.terminate()
                process.wait(60)
            restore_database(before)


def _prepare() -> str:
    """People and an API key, whose secret is returned; before the start, since a gateway hears of a new key
    within a second only."""
    from django.contrib.auth.hashers import make_password

    from safehold.accounts.keys import create_key
    from safehold.accounts.people import add_person
    from safehold.accounts.roles import Role, Scope
    from safehold.site import install

    install.ensure_service()
    password = make_password(PASSWORD)  # which takes its time, as it should
    for name, role in PEOPLE.items():
        user = add_person(None, f"{name}@plaza.example", name.capitalize(), [Role(role)])
        user.password = password
        user.save(update_fields=["password"])
    _, key = create_key(None, "tests", [Scope.WRITE_EVENTS, Scope.READ_DECISIONS], service="plaza")
    return key


def _live(var: Path, port: int, key: str) -> SimpleNamespace:
    url = f"http://127.0.0.1:{port}"
    http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120)

    def send(event: dict[str, object]) -> dict[str, object]:
        answer = http.post("/v1/events", json=event, headers={"Content-Type": "application/cloudevents+json"})
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    def sign_in(page: Page, name: str) -> Page:
        page.goto(f"{url}/account/login/")
        page.get_by_label("Email").fill(f"{name}@plaza.example")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda to: "/login" not in to)
        return page

    return SimpleNamespace(url=url, var=var, key=key, http=http, send=send, sign_in=sign_in)


def looked_at(page: Page, rules: list[str] | None = None) -> str:
    """What axe objects to on the page as it is now, in words; empty where it objects to nothing. `rules`: only these.

    Only violations come back: what passed is most of what axe would say, and nobody reads it.
    """
    page.emulate_media(reduced_motion="reduce")  # a colour half-way through a transition is nobody's choice
    page.evaluate(STILL)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    wanted = {"resultTypes": ["violations"], **({"runOnly": {"type": "rule", "values": rules}} if rules else {})}
    found = page.evaluate("wanted => axe.run(wanted).then(({violations}) => ({violations}))", wanted)
    results = AxeResults(found)
    return str(results.generate_report()) if results.violations_count else ""


@pytest.fixture
def axe() -> Callable[..., None]:
    """`axe(page)`: fail, naming what is wrong and where, if the page has an accessibility violation. `axe(page, COLOURS)`
    where only the theme has changed since."""

    def check(page: Page, rules: list[str] | None = None) -> None:
        objections = looked_at(page, rules)
        assert not objections, f"{page.url}\n{objections}"

    return check
