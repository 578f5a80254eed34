"""The console in a real browser: accessible in both themes and on a phone, quick by keyboard, live, and checking itself.

The pages are filled with made-up rows (tests/console_rows.py) where looks are tested, and with real events, decided by
the running engine, where what they say is tested.
"""

import base64
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import resolve
from playwright.sync_api import Browser, Page, expect

from safehold.accounts.roles import Role
from safehold.desk.learning.models import Label, LearnedModel
from safehold.signals.media import hashing
from tests import console_rows, lessons
from tests.e2e.conftest import COLOURS, PASSWORD, looked_at
from tests.e2e.console_place import filled, pages
from tests.features.test_access import NEEDS
from tests.features.test_media_hashing import encoded, picture

pytestmark = pytest.mark.browser

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 780, "deviceScaleFactor": 1, "mobile": True}
#: What is got and is no page of the walk, and why.
NOT_WALKED = {
    "policy-edit": "test_policy_editor looks at it",
    "policy-change-edit": "the same page, of a draft",
    "backtest-file": "a file, looked at below",
    "model-by-id": "leads to the model",
    "list-export": "a file",
    "ledger-entry-proof": "JSON",
    "live": "rows of the overview",
    **dict.fromkeys(("decision-words", "decision-copies"), "a part of a decision, asked for"),
    **dict.fromkeys(
        ("backtest-progress", "ledger-progress", "list-revision-progress", "training-progress"), "how far it is"
    ),
    "policy-tried": "a part of the editor, and looked at there",
    "bank-file-add": "what came of a file, looked at where one is dropped",
}


@pytest.fixture(scope="module")
def made(live: SimpleNamespace) -> console_rows.Made:
    return filled(live)


@dataclass
class Looks:
    """What was found on one page: axe's objections by theme, its level-1 headings, how wide it is on a phone of 360 px, and
    what the browser complained of."""

    objections: dict[str, str]
    headings: int
    width: int
    complaints: list[str]


@pytest.fixture(scope="module")
def walked(live: SimpleNamespace, made: console_rows.Made, browser: Browser) -> dict[str, Looks]:
    """Every page of the console by name, opened once by an admin: looked at in the light, in the dark, and on a phone."""
    context = browser.new_context(viewport=DESK, color_scheme="light")
    context.set_default_timeout(60_000)
    page = live.sign_in(context.new_page(), "admin")
    device = context.new_cdp_session(page)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    looks = {}
    for name, path in pages(made).items():
        page.emulate_media(color_scheme="light")
        page.goto(live.url + path)
        if page.locator("script[type=importmap]").count():
            expect(page.locator("form[data-editor=ready]")).to_be_attached()
        objections = {"light": looked_at(page)}
        page.emulate_media(color_scheme="dark")
        objections["dark"] = looked_at(page, COLOURS)
        device.send("Emulation.setDeviceMetricsOverride", PHONE)
        device.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        width = page.evaluate("document.documentElement.scrollWidth")
        device.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
        device.send("Emulation.clearDeviceMetricsOverride")
        page.set_viewport_size(DESK)
        looks[name] = Looks(objections, page.locator("h1").count(), width, complaints.copy())
        complaints.clear()
    context.close()
    return looks


def test_no_page_of_the_console_is_left_out(made: console_rows.Made) -> None:
    walked = {resolve(path.partition("?")[0]).url_name for path in pages(made).values()}
    got = {name for name, (method, _) in NEEDS.items() if method == "get"}
    assert {"missing": got - walked - set(NOT_WALKED), "excused": set(NOT_WALKED) & walked} == {
        "missing": set(),
        "excused": set(),
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible(walked: dict[str, Looks], theme: str) -> None:
    objections = {name: looks.objections[theme] for name, looks in walked.items() if looks.objections[theme]}
    assert not objections, "\n".join(f"{name}: {said}" for name, said in objections.items())


def test_every_page_has_one_heading_of_the_first_level(walked: dict[str, Looks]) -> None:
    assert {name: looks.headings for name, looks in walked.items() if looks.headings != 1} == {}


def test_every_page_fits_a_phone(walked: dict[str, Looks]) -> None:
    assert {name: looks.width for name, looks in walked.items() if looks.width > PHONE["width"]} == {}


def test_nothing_breaks_the_content_security_policy(walked: dict[str, Looks]) -> None:
    complaints = {name: looks.complaints for name, looks in walked.items() if looks.complaints}
    (refused,) = complaints.pop("decisions, bad query")
    assert "400" in refused  # as it should be
    assert complaints == {}


def test_the_file_of_a_backtest_is_accessible_and_fits_a_phone(
    live: SimpleNamespace, made: console_rows.Made, page: Page, axe: Any
) -> None:
    live.sign_in(page, "ada")
    file = page.request.get(f"{live.url}/backtests/bkt_made/file/").text()
    page.goto("about:blank")  # a file, without the headers of the console
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": 360, "height": 780})
        page.set_content(file)
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_text_is_tried_on_a_signal_by_keyboard(live: SimpleNamespace, made: Any, page: Page, axe: Any) -> None:
    live.sign_in(page, "mira")
    page.goto(f"{live.url}/")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/signals/")
    page.goto(f"{live.url}/signals/lexicon/")
    page.keyboard.press("t")
    page.keyboard.type("you are an idiot, he said")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".tried-text mark")).to_have_text("you are an idiot")
    axe(page)


def message(number: int, text: str, account: str = "u1") -> dict[str, Any]:
    """A message as the platform sends it."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {
        "specversion": "1.0",
        "id": f"live-{number}",
        "source": "https://plaza.example/forum",
        "type": "message.sent",
        "time": now,
        "data": {
            "actor": {"id": account, "created_at": "2020-01-01T00:00:00Z"},
            "message_id": f"live-{number}",
            "recipient_id": "u2",
            "thread_id": "t1",
            "text": text,
        },
    }


def test_decisions_stream_in_newest_on_top_and_wait_while_one_points_at_them(live: SimpleNamespace, page: Page) -> None:
    live.sign_in(page, "rita")
    page.goto(live.url)
    first = page.locator(".live-row").first
    live.send(message(1, "see you at eight"))
    expect(first).to_contain_text("live-1", timeout=60_000)
    height = page.evaluate("document.documentElement.scrollHeight")
    first.hover()
    live.send(message(2, "see you at nine"))
    expect(page.locator("[data-live-state]")).to_have_text("Paused while you look", timeout=60_000)
    expect(first).to_contain_text("live-1")
    page.mouse.move(2, 2)
    expect(first).to_contain_text("live-2", timeout=60_000)
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    assert page.evaluate("document.documentElement.scrollHeight") == height  # what arrived moved nothing


def test_a_list_is_walked_and_filtered_by_keyboard(live: SimpleNamespace, made: console_rows.Made, page: Page) -> None:
    live.sign_in(page, "rita")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/decisions/")
    page.keyboard.press("/")
    page.keyboard.type("action:remove")
    page.keyboard.press("Enter")
    page.wait_for_url("**/decisions/?q=action*")
    expect(page.locator("a.chip[aria-current]")).to_have_text(re.compile("action: remove"))
    assert set(page.locator("tbody tr td:first-child").all_inner_texts()) == {"Remove"}
    page.locator("body").click(position={"x": 700, "y": 60})
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("tbody tr").nth(1).locator("a.row-link")
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/decisions/dec_*/")


def test_a_long_file_comes_into_a_list(
    live: SimpleNamespace, made: console_rows.Made, page: Page, tmp_path: Path
) -> None:
    """Its sending and reading are shown; wrong rows of a short one stand on the form."""
    rows = "".join(f"a-host-with-quite-a-long-name-{number:06}.upload.example\n" for number in range(55_000))
    (tmp_path / "long.txt").write_text(rows)  # 2.9 MB: on the disk, read in the background
    (tmp_path / "wrong.txt").write_text("a.example\nhttps://b.example/\n")
    live.sign_in(page, "ada")
    page.goto(f"{live.url}/lists/phishing/import/")
    page.locator("#id_file").set_input_files(tmp_path / "wrong.txt")
    page.get_by_role("button", name="Read it").click()
    expect(page.get_by_text("line 2, column `value`")).to_be_visible()
    page.locator("#id_file").set_input_files(tmp_path / "long.txt")
    page.get_by_role("button", name="Read it").click()
    page.wait_for_url("**/lists/phishing/revisions/*/")
    expect(page.get_by_text("somebody else has to approve it")).to_be_visible(timeout=60_000)
    expect(page.locator("dl.pairs").first).to_contain_text("55,000")


def test_a_picture_that_is_dropped_on_a_banks_page_becomes_hashes(
    live: SimpleNamespace, made: console_rows.Made, page: Page, tmp_path: Path
) -> None:
    """Anywhere on the page by mouse; on the page of files by keyboard. What came of it is seen, and then it is added."""
    (tmp_path / "cat.png").write_bytes(encoded(picture(5)))
    live.sign_in(page, "mira")
    page.goto(f"{live.url}/banks/in/propaganda/")
    veil = page.locator("form[data-drop]")
    expect(veil).to_be_hidden()
    brought = page.evaluate_handle(
        """bytes => {
            const all = new DataTransfer();
            all.items.add(new File([Uint8Array.from(atob(bytes), sign => sign.charCodeAt(0))], "cat.png", {type: "image/png"}));
            return all;
        }""",
        base64.b64encode((tmp_path / "cat.png").read_bytes()).decode(),
    )
    page.dispatch_event("main", "dragenter", {"dataTransfer": brought})
    expect(veil.get_by_text("Drop it to see its hashes")).to_be_visible()
    page.dispatch_event("main", "drop", {"dataTransfer": brought})
    page.wait_for_url("**/banks/in/propaganda/file/*/")
    expect(page.get_by_role("checkbox", name="PDQ (images, frames)")).to_be_checked()
    expect(page.get_by_text(hashing.pdq(picture(5)).hash)).to_be_visible()
    assert looked_at(page) == "" and looked_at(page, COLOURS) == ""

    page.goto(f"{live.url}/banks/in/propaganda/")
    page.keyboard.press("f")
    page.wait_for_url("**/banks/in/propaganda/file/")
    page.locator("#id_file").set_input_files(tmp_path / "cat.png")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/banks/in/propaganda/file/*/")
    page.get_by_role("checkbox", name="Turned a little").check()
    page.get_by_label("Source").fill("A user's report")
    page.get_by_label("Why").fill("It recruits")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/banks/in/propaganda/items/*/")
    expect(page.get_by_text("somebody else has to activate", exact=False).first).to_be_visible()
    expect(page.get_by_text("Also as turn2", exact=True)).to_be_visible()


def test_the_palette_goes_anywhere(live: SimpleNamespace, made: console_rows.Made, page: Page) -> None:
    live.sign_in(page, "admin")
    page.keyboard.press("Control+k")
    page.keyboard.type("links that steal")
    expect(page.get_by_role("option", name="Links that steal").first).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/policies/phishing.links/")
    page.keyboard.press("Control+k")
    page.keyboard.type(made.decisions[0])
    expect(page.get_by_role("option").first).to_contain_text("m0")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/decisions/{made.decisions[0]}/")


def test_content_is_shown_by_a_key_and_the_browser_verifies_the_decision(live: SimpleNamespace, page: Page) -> None:
    decided = live.send(message(3, "URGENT! You have won a prize, call 09058094565 now to claim 900 pounds"))
    live.sign_in(page, "otto")
    page.goto(f"{live.url}/decisions/{decided['decision']}/")
    expect(page.locator("main")).not_to_contain_text("09058094565")
    page.keyboard.press("b")
    expect(page.locator("blockquote")).to_contain_text("09058094565")
    page.get_by_role("button", name="Verify in this browser").click()
    expect(page.locator("verify-decision")).to_have_attribute("data-state", "passed", timeout=60_000)
    expect(page.locator("verify-decision li")).to_have_count(4)
    page.keyboard.press("b")
    expect(page.locator("main")).not_to_contain_text("09058094565")
    page.goto(f"{live.url}/audit/?q=verb:event.read person:otto@plaza.example")
    expect(page.locator("tbody tr").first).to_contain_text("Otto")


def test_the_whole_record_is_checked_while_one_watches(live: SimpleNamespace, page: Page) -> None:
    live.sign_in(page, "otto")
    page.goto(f"{live.url}/ledger/")
    page.keyboard.press("v")
    # The made-up rows of this module are in the ledger with commitments that are nobody's: the check says so.
    expect(page.locator("#check-state .alert")).to_be_visible(timeout=60_000)


def test_a_person_is_added_given_a_link_and_comes_in(live: SimpleNamespace, browser: Browser, page: Page) -> None:
    live.sign_in(page, "admin")
    page.goto(f"{live.url}/people/")
    page.keyboard.press("c")
    page.get_by_label("E-mail address").fill("grace@plaza.example")
    page.get_by_label("Name").fill("Grace Hopper")
    page.keyboard.press("Control+Enter")
    link = page.locator(".code code").inner_text()
    theirs = browser.new_context().new_page()
    theirs.goto(link)
    theirs.get_by_label("Password", exact=True).fill(PASSWORD)
    theirs.get_by_label("Once more").fill(PASSWORD)
    theirs.keyboard.press("Enter")
    theirs.wait_for_url("**/account/login/")
    theirs.goto(link)
    expect(theirs.get_by_role("heading", level=1)).to_have_text("This link does not work any more")
    live.sign_in(theirs, "grace")
    expect(theirs.get_by_role("navigation", name="Main")).to_contain_text("Queues")
    # Deactivated, she is out at once.
    page.goto(f"{live.url}/people/?q=grace")
    page.get_by_role("link", name="Grace Hopper").click()
    page.get_by_role("button", name="Deactivate").first.click()
    page.locator("dialog[open]").get_by_role("button", name="Deactivate").click()
    expect(page.locator("main")).to_contain_text("Deactivated")
    # In another page: theirs, which asks for new decisions, may be on its way to the sign-in already.
    another = theirs.context.new_page()
    another.goto(f"{live.url}/queues/")
    expect(another).to_have_url(re.compile("/account/login/"))
    theirs.context.close()


def test_a_key_is_made_its_secret_shown_once_and_revoked(live: SimpleNamespace, page: Page) -> None:
    live.sign_in(page, "admin")
    page.goto(f"{live.url}/keys/")
    page.keyboard.press("c")
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Name").fill("forum server")
    dialog.get_by_label(re.compile("events:write")).check()
    page.keyboard.press("Control+Enter")
    secret = page.locator(".code code").first.inner_text()
    assert secret.startswith("sh_")
    assert status_of_event(live, secret, until=lambda status: status in {200, 201})
    page.goto(f"{live.url}/keys/")
    assert secret not in page.content()
    row = page.get_by_role("row", name=re.compile("forum server"))
    row.get_by_role("button", name="Revoke").click()
    page.locator("dialog[open]").get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("Revoked")
    assert status_of_event(live, secret, until=lambda status: status == 401)


def status_of_event(live: SimpleNamespace, secret: str, *, until: Callable[[int], bool]) -> bool:
    """Send with the key until the answer is as wanted: the gateway reads the keys anew every few seconds."""
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/cloudevents+json"}
    for number in range(100):
        sent = live.http.post("/v1/events", json=message(1000 + number, "hello"), headers=headers)
        if until(sent.status_code):
            return True
        time.sleep(0.2)
    return False


@pytest.fixture
def security_key(page: Page) -> Iterator[None]:
    """A security key in the browser, as WebAuthn's automation makes one: it says yes to everything."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "usb",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield
    session.send("WebAuthn.disable")


def test_a_security_key_is_added_and_asked_for(live: SimpleNamespace, page: Page, security_key: None) -> None:
    from safehold.accounts import people

    user = people.add_person(None, "kay@plaza.example", "Kay", [Role.READ_ONLY])
    people.accept_invitation(user, people.invite(None, user), PASSWORD)
    # A browser allows WebAuthn on plain HTTP only for `localhost`, and not for an address.
    here = SimpleNamespace(url=live.url.replace("127.0.0.1", "localhost"))
    sign_in(page, here.url, "kay")
    page.goto(f"{here.url}/account/2fa/webauthn/add/")
    if "reauthenticate" in page.url:
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
    page.get_by_label("Name").fill("Blue key")
    page.get_by_role("button", name=re.compile("Add|Create")).click()
    page.wait_for_url(lambda url: "/webauthn/add" not in url)
    page.goto(f"{here.url}/profile/")
    expect(page.locator("main")).to_contain_text(re.compile("Security key|WebAuthn|security key", re.IGNORECASE))
    page.context.clear_cookies()
    sign_in(page, here.url, "kay")
    page.wait_for_url("**/account/2fa/authenticate/**")
    page.get_by_role("button", name=re.compile("security key|passkey", re.IGNORECASE)).click()
    page.wait_for_url(f"{here.url}/")


def sign_in(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/account/login/")
    page.get_by_label("Email").fill(f"{name}@plaza.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda to: "/login" not in to)


def test_texts_are_labelled_by_keyboard(live: SimpleNamespace, made: console_rows.Made, page: Page) -> None:
    live.sign_in(page, "mira")
    page.goto(f"{live.url}/models/next/?attribute=spam")
    before = Label.objects.count()
    met = []
    for key, told in (("y", "Kept: yes"), ("k", "Skipped"), ("n", "Kept: no")):
        met.append(page.locator("input[name=event]").get_attribute("value"))
        page.keyboard.press(key)
        expect(page.get_by_role("status").filter(has_text=told)).to_be_visible()
    assert len(set(met)) == 3
    assert Label.objects.count() == before + 2


def test_a_model_is_trained_from_its_page_which_opens_when_it_is_there(
    live: SimpleNamespace, made: console_rows.Made, page: Page
) -> None:
    lessons.teach(50, seed=11)
    live.sign_in(page, "ada")
    page.goto(f"{live.url}/models/")
    page.keyboard.press("t")
    expect(page.get_by_role("heading", level=1, name="Model 3")).to_be_visible()
    assert LearnedModel.objects.get(number=3).trained_by.email == "ada@plaza.example"
