"""The console in a real browser: accessible in both themes and on a phone, quick by keyboard, live, and checking itself.

The pages are filled with made-up rows (tests/console_rows.py) where looks are tested, and with real events, decided by
the running engine, where what they say is tested.
"""

import io
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from safehold.accounts.models import User
from safehold.accounts.roles import Role
from safehold.desk.banks.changing import add_item, create_bank, move_item
from safehold.desk.banks.exchanges.fetching import fetch
from safehold.desk.banks.exchanges.managing import add_exchange
from safehold.desk.banks.importing import import_file
from safehold.desk.banks.models import BankChange, BankHit, BankItem, Exchange
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Event
from safehold.desk.learning.models import Label, LearnedModel, ShadowRun, ShadowScore, TrainingRun
from safehold.desk.learning.promoting import promote, watch
from safehold.desk.learning.training import train_now
from safehold.desk.lists.changing import add_entry, move_entry
from safehold.desk.lists.importing import apply, stage
from safehold.desk.lists.models import Entry, Revision
from safehold.desk.looks.models import Look
from safehold.desk.rules.costs import add_runs
from safehold.engine import installed_signals
from safehold.signals import bench
from tests import console_rows, lessons
from tests.backtest_report import finished_backtest
from tests.e2e.conftest import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def made(live: SimpleNamespace) -> console_rows.Made:
    bring_in_a_list()
    made = console_rows.make(320)
    let_signals_run(live.var)
    fill_a_bank()
    teach_models()
    let_looks_wait()
    finished_backtest(live.var / "history", made.overridden)
    return made


def teach_models() -> None:
    """Model 1 is live, model 2 in shadow and has scored what both have seen."""
    lessons.teach(160)
    for seed in (0, 1):
        model = train_now(None, "plaza", seed=seed)
        watch(None, model.pk)
        if not seed:
            promote(None, model.pk)
    TrainingRun.objects.create(
        id="trn_failed", service_id="plaza", started_by=User.objects.get(email="ada@plaza.example"), state="failed",
        error="OSError: no space left on device",
    )  # fmt: skip
    event = Event.objects.order_by("-position")[0]
    ShadowRun.objects.create(model=model, position=event.position)
    ShadowScore.objects.create(model=model, event=event, said={"spam": 0.9}, live_said={"spam": 0.2})


def let_looks_wait() -> None:
    """A second look that waits, and one that nobody answered."""
    first, second = Decision.objects.order_by("-id")[:2]
    away = "model: ConnectError: [Errno 111] Connection refused"
    Look.objects.create(decision=first, policy="hate.protected-groups", attempts=2, why=away)
    Look.objects.create(
        decision=second,
        policy="hate.protected-groups",
        attempts=9,
        why=away,
        finished_at=datetime.now(UTC),
        outcome="failed",
    )


def bring_in_a_list() -> None:
    """Entries in each state, one import that is in effect and one that waits."""
    known = {
        "source": "ticket 4711",
        "reference": "https://desk.example/4711",
        "confidence": 80,
        "note": "Reported twice",
    }
    for number in range(4):
        add_entry(None, "phishing", f"evil{number}.example", known)
    move_entry(None, Entry.objects.get(value="evil1.example").pk, "disputed", "It was sold to somebody else")
    move_entry(None, Entry.objects.get(value="evil2.example").pk, "retired")
    rows = "".join(f"feed{number}.example\n" for number in range(60)).encode()
    feed = {"filename": "feed.txt", "source": "https://feed.example"}
    apply(None, stage(None, "phishing", io.BytesIO(rows), "plain", **feed).pk)
    rows = b"value,confidence\nfeed1.example,90\nnext.example,70\nevil1.example,\n"
    stage(None, "phishing", io.BytesIO(rows), "csv", **feed | {"filename": "feed.csv", "mode": "replace"})


def fill_a_bank() -> None:
    """Items in each state with hits and opinions, and an exchange that fails."""
    create_bank(None, "propaganda", title="Propaganda", categories=["terrorism"], enabled_ratio=0.5)
    create_bank(None, "innocent", "negative", title="Innocent")
    items = [
        add_item(None, "propaganda", "pdq", f"{number:02x}" * 32, source="a partner", reference="case 12")
        for number in range(12)
    ]
    move_item(None, items[0].pk, "disputed", "A logo")
    move_item(None, items[1].pk, "retired")
    decision = Decision.objects.order_by("-id")[0]
    BankHit.objects.create(item=items[0], decision=decision.pk, at=decision.decided_at, distance=7, action="remove")
    with NamedTemporaryFile("w", suffix=".txt") as feed:
        feed.write("\n".join(f"{number:032x}" for number in range(9)))
        feed.flush()
        import_file(None, "propaganda", Path(feed.name), "plain", kind="md5", active=False)
    add_exchange(None, "partner", "file", "propaganda", {"url": "/nowhere/feed.csv"}, {})
    fetch(Exchange.objects.get())


def let_signals_run(var: Path) -> None:
    """What gateways noted of them for two days, one that is dearer than it says and fails, and a bench of this machine."""
    today = datetime.now(UTC).date()
    signals = {signal.name: signal.version for signal in installed_signals()}
    for back in (0, 1):
        add_runs({("links", signals["links"], False): {60: 90, 66: 9, 72: 1}}, today - timedelta(days=back))
    add_runs({("text", signals["text"], False): {80: 90}, ("text", signals["text"], True): {84: 10}}, today)
    times = bench.Times(p50=31.0, p99=62.0, runs=2_000)
    lexicon = bench.Measured(
        name="lexicon",
        version=signals["lexicon"],
        declared=60.0,
        load_ms=197.0,
        memory=8_700_000,
        short=times,
        long=times,
    )
    bench.write(var / "signals" / "bench.json", bench.Bench(at=datetime.now(UTC), signals=[lexicon]))


def pages(made: console_rows.Made) -> dict[str, str]:
    from safehold.desk.decisions.models import PolicyVersion

    acted = Decision.objects.exclude(rule="").order_by("-id")[0].pk
    old, new = PolicyVersion.objects.filter(key="spam.bulk").order_by("effective_from").values_list("pk", flat=True)[:2]
    applied, waiting = (
        Revision.objects.filter(act="import", state=state).values_list("pk", flat=True)[0]
        for state in ("applied", "staged")
    )
    proposed, batch = console_rows.rule_life(made)
    listed = Entry.objects.get(value="evil1.example").pk
    hashed = BankItem.objects.get(state="disputed").pk
    brought = BankChange.objects.get(act="import").number
    return {
        "overview": "/",
        "decisions": "/decisions/",
        "decisions filtered": "/decisions/?q=action:remove by:rules",
        "decisions, nothing found": "/decisions/?q=account:nobody",
        "decisions, bad query": "/decisions/?q=acton:remove",
        "decision": f"/decisions/{acted}/",
        "decision with its content": f"/decisions/{acted}/?reveal=1",
        "decision in a chain": f"/decisions/{made.overridden}/",
        "policies": "/policies/",
        "policy": "/policies/phishing.links/",
        "what changed": f"/policies/spam.bulk/{old}/{new}/",
        "rule": "/policies/spam.bulk/rules/repeated-text/",
        "changes": "/policies/changes/",
        "change that waits": f"/policies/changes/{proposed}/",
        "policies and Git": "/policies/git/",
        "batches": "/policies/batches/",
        "batch to confirm": f"/policies/batches/{batch}/",
        "revert": "/policies/batches/new/?kind=revert&rule=spam.bulk/repeated-text",
        "apply to the past": "/policies/batches/new/?kind=retro&rule=spam.bulk/repeated-text",
        "backtests": "/backtests/",
        "backtest": "/backtests/bkt_made/",
        "lists": "/lists/",
        "list": "/lists/phishing/",
        "list, searched": "/lists/phishing/?q=state:disputed",
        "list in files": "/lists/disposable_mail/",
        "entry of a list": f"/lists/phishing/entries/{listed}/",
        "history of a list": "/lists/phishing/history/",
        "import in effect": f"/lists/phishing/revisions/{applied}/",
        "import that waits": f"/lists/phishing/revisions/{waiting}/",
        "propose an entry": "/lists/phishing/add/",
        "import a file": "/lists/phishing/import/",
        "hash banks": "/banks/",
        "hash bank": "/banks/in/propaganda/",
        "hash bank, searched": "/banks/in/propaganda/?q=state:disputed",
        "item of a bank": f"/banks/in/propaganda/items/{hashed}/",
        "add a hash": "/banks/in/propaganda/add/",
        "settings of a bank": "/banks/in/propaganda/settings/",
        "import into a bank": "/banks/in/propaganda/import/",
        "import of a bank that waits": f"/banks/in/propaganda/changes/{brought}/",
        "make a bank": "/banks/make/",
        "exchanges": "/banks/exchanges/",
        "kinds of exchanges": "/banks/exchanges/add/",
        "add an exchange": "/banks/exchanges/add/?kind=ncmec",
        "settings of an exchange": "/banks/exchanges/in/partner/",
        "signals": "/signals/",
        "signal": "/signals/links/",
        "signal that costs too much": "/signals/text/",
        "signal that was measured here": "/signals/lexicon/",
        "second looks": "/looks/",
        "models": "/models/",
        "model": "/models/1/",
        "model in shadow, with texts": "/models/2/?reveal=1",
        "labels": "/models/labels/",
        "training": "/models/training/trn_failed/",
        "what to label next": "/models/next/?attribute=spam",
        "ledger": "/ledger/",
        "entries": "/ledger/entries/",
        "entry": "/ledger/entries/20/",
        "webhooks": "/webhooks/",
        "dead letters": "/webhooks/dead/",
        "message": f"/webhooks/messages/{made.delivery}/",
        "message, shown": f"/webhooks/messages/{made.delivery}/?reveal=1",
        "endpoints": "/webhooks/endpoints/",
        "endpoint": f"/webhooks/endpoints/{made.endpoint}/",
        "add an endpoint": "/webhooks/endpoints/add/",
        "audit": "/audit/",
        "reports": "/reports/?view=all",
        "report": f"/reports/{made.notice}/",
        "people": "/people/",
        "add somebody": "/people/add/",
        "person": f"/people/{made.people[Role.MODERATOR].pk}/",
        "keys": "/keys/",
        "profile": "/profile/",
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible(
    live: SimpleNamespace, made: console_rows.Made, page: Page, axe: Any, theme: str
) -> None:
    page.context.add_cookies([{"name": "theme", "value": theme, "url": live.url}])
    live.sign_in(page, "admin")
    for name, path in pages(made).items():
        page.goto(live.url + path)
        axe(page)
        assert page.locator("h1").count() == 1, f"{name} has not one h1"


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


def test_every_page_fits_a_phone(live: SimpleNamespace, made: console_rows.Made, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True)
    page = live.sign_in(context.new_page(), "admin")
    too_wide = {}
    for name, path in pages(made).items():
        page.goto(live.url + path)
        if (width := page.evaluate("document.documentElement.scrollWidth")) > 360:
            too_wide[name] = width
    context.close()
    assert too_wide == {}


def test_nothing_breaks_the_content_security_policy(live: SimpleNamespace, made: console_rows.Made, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    live.sign_in(page, "admin")
    for name, path in pages(made).items():
        if name != "decisions, bad query":  # which is answered with 400, as it should be
            page.goto(live.url + path)
    assert said == []


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
    theirs.goto(f"{live.url}/queues/")
    expect(theirs).to_have_url(re.compile("/account/login/"))
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
