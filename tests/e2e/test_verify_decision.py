"""`<verify-decision>` in a real browser: it believes what is true and says which step fails for what is not."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import Client
from playwright.sync_api import Page

from safehold.ledger.canonical import canonical
from safehold.record.checkpointer import checkpoint_once
from safehold.record.log import signer
from safehold.record.opening import opening
from safehold.record.recording import recording

pytestmark = [pytest.mark.browser]
SCRIPT = Path(__file__).parents[2] / "src/safehold/web/static/safehold/verify.js"
CSP = "default-src 'none'; script-src 'self'; connect-src 'self'"
PAGE = """<!doctype html><html lang="en"><title>Your decision</title>
<script type="module" src="/verify.js"></script>
<p>Reason: <span data-verify-field="verb"> %(shown)s </span></p>
<verify-decision data-kind="audit" data-id="%(id)s" data-proof="/proof" %(vkey)s>
  %(row)s
  <button type="button" data-verify-start>Verify this decision</button>
</verify-decision></html>"""


@pytest.fixture
def told(fresh_sqlite: SimpleNamespace, settings: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """A recorded row, what the proof endpoint says of it, and what its page may show."""
    settings.SAFEHOLD_LEDGER_KEY_FILE = tmp_path / "keys" / "ledger"
    signer.cache_clear()
    with recording() as record:
        rows = [record.audit("look", "event", f"evt_{n}", detail={"n": 1.5, "ü": "😀"}) for n in range(300)]
    checkpoint_once()
    answer = Client().get(f"/ledger/proof/audit/{rows[123].id}")
    assert answer.status_code == 200
    return SimpleNamespace(
        id=rows[123].id, proof=answer.json(), opening=opening(rows[123]), shown="look", vkey="", wait=0
    )


@pytest.fixture
def visit(told: SimpleNamespace, page: Page) -> Iterator[Callable[[], SimpleNamespace]]:
    """Serve the page as `told` says now, press the button, and return what the visitor reads."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/verify.js":
                self.reply("text/javascript", SCRIPT.read_bytes())
            elif self.path == "/proof" and told.wait:
                told.wait -= 1
                self.reply("application/json", b'{"error": "wait"}', 202)
            elif self.path == "/proof":
                self.reply("application/json", json.dumps(told.proof).encode(), 404 if "error" in told.proof else 200)
            else:
                row = json.dumps(told.opening).replace("<", "\\u003c")
                script = f'<script type="application/json">{row}</script>' if told.opening else ""
                html = PAGE % {"id": told.id, "shown": told.shown, "row": script, "vkey": told.vkey}
                self.reply("text/html; charset=utf-8", html.encode())

        def reply(self, kind: str, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Security-Policy", CSP)
            self.send_header("Retry-After", "0.05")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """The test's own output is enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def press() -> SimpleNamespace:
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.get_by_role("button", name="Verify this decision").press("Enter")
        page.wait_for_selector("verify-decision:not([data-state=idle]):not([data-state=running])")
        assert errors == []
        return SimpleNamespace(
            state=page.get_attribute("verify-decision", "data-state"),
            status=page.get_by_role("status").inner_text(),
            steps=page.locator("[data-verify-steps] li").all_inner_texts(),
            states=[item.get_attribute("data-state") for item in page.locator("[data-verify-steps] li").all()],
        )

    yield press
    server.shutdown()
    server.server_close()


def test_a_true_decision_is_verified_step_by_step(told: SimpleNamespace, visit: Callable[[], SimpleNamespace]) -> None:
    said = visit()
    assert said.state == "passed"
    assert said.status.startswith("Verified: this is what the ledger holds")
    assert said.states == ["passed"] * 4
    assert said.steps[0].startswith("The ledger has an entry: passed. Entry 123, made 20")
    assert said.steps[1] == "The entry says what this page says: passed. 8 fields, exactly as they were recorded."
    assert said.steps[2].startswith("The entry is in the log: passed. 9 hashes lead from it to the log's root ")
    assert said.steps[3].startswith(f"The log has signed it: passed. Signed by {signer().name} with key ")


def test_it_waits_for_the_checkpoint_that_covers_a_new_entry(
    told: SimpleNamespace, visit: Callable[[], SimpleNamespace]
) -> None:
    told.wait = 2
    assert visit().state == "passed"
    assert told.wait == 0


def test_a_reader_who_may_not_open_the_row_is_told_what_was_left_out(
    told: SimpleNamespace, visit: Callable[[], SimpleNamespace]
) -> None:
    told.opening = None
    said = visit()
    assert (said.state, said.states) == ("incomplete", ["passed", "skipped", "passed", "passed"])
    assert "not checked. Only the affected person's own page can check this." in said.steps[1]


def _changed_row(told: SimpleNamespace) -> None:
    told.opening["text"] = told.opening["text"].replace('"verb":"look"', '"verb":"loop"')


def _changed_page(told: SimpleNamespace) -> None:
    told.shown = "another reason"


def _changed_salt(told: SimpleNamespace) -> None:
    told.opening["salt"] = "00" * 32


def _another_entry(told: SimpleNamespace) -> None:
    told.proof["entry"] = canonical(json.loads(told.proof["entry"]) | {"id": "aud_other"}).decode()


def _forged_entry(told: SimpleNamespace) -> None:
    told.proof["entry"] = canonical(json.loads(told.proof["entry"]) | {"verb": "see"}).decode()


def _changed_hash(told: SimpleNamespace) -> None:
    told.proof["proof"][4] = told.proof["proof"][3]


def _shorter(told: SimpleNamespace) -> None:
    told.proof["proof"].pop()


def _longer(told: SimpleNamespace) -> None:
    told.proof["proof"].append(told.proof["proof"][0])


def _other_index(told: SimpleNamespace) -> None:
    told.proof["index"] = 122


def _other_root(told: SimpleNamespace) -> None:
    lines = told.proof["checkpoint"].split("\n")
    told.proof["checkpoint"] = "\n".join(
        [lines[0], lines[1], "A" + lines[2][1:] if lines[2][0] != "A" else "B" + lines[2][1:], *lines[3:]]
    )


def _unsigned(told: SimpleNamespace) -> None:
    told.proof["checkpoint"] = told.proof["checkpoint"].replace(f"— {signer().name} ", "— somebody.example/else ")


def _resigned(told: SimpleNamespace) -> None:
    note = told.proof["checkpoint"].rstrip("\n")
    told.proof["checkpoint"] = f"{note[:-10]}{'A' * 8 if note[-10:-2] != 'A' * 8 else 'B' * 8}{note[-2:]}\n"


def _another_key(told: SimpleNamespace) -> None:
    told.vkey = 'data-vkey="PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"'


def _mangled_key(told: SimpleNamespace) -> None:
    told.proof["vkey"] = told.proof["vkey"].replace("+", "x+", 1)


def _no_entry(told: SimpleNamespace) -> None:
    told.proof = {"error": "The ledger has no entry about audit aud_x."}


@pytest.mark.parametrize(
    ("tamper", "step", "says"),
    [
        (_changed_row, 1, "The record differs from what the ledger took down."),
        (_changed_page, 1, "“verb” on this page differs from the record."),
        (_changed_salt, 1, "The record differs from what the ledger took down."),
        (_no_entry, 0, "The ledger has no entry about audit aud_x."),
        (_another_entry, 0, "The server sent another entry's proof."),
        (_forged_entry, 2, "The proof leads to another log than the signed one."),
        (_changed_hash, 2, "The proof leads to another log than the signed one."),
        (_shorter, 2, "The proof is too short."),
        (_longer, 2, "The proof is too long."),
        (_other_index, 2, "The proof leads to another log than the signed one."),
        (_other_root, 3, "The log's signature is wrong."),
        (_unsigned, 3, "The log has not signed this checkpoint."),
        (_resigned, 3, "The log's signature is wrong."),
        (_another_key, 3, "The checkpoint is another log's."),
        (_mangled_key, 3, "The log's public key does not fit its own name."),
    ],
)
def test_what_was_tampered_with_fails_at_the_step_that_finds_it(
    told: SimpleNamespace,
    visit: Callable[[], SimpleNamespace],
    tamper: Callable[[SimpleNamespace], None],
    step: int,
    says: str,
) -> None:
    tamper(told)
    said = visit()
    assert said.state == "failed"
    assert said.status.startswith("Not verified")
    assert said.states[step] == "failed"
    assert said.steps[step].endswith(f"failed. {says}")


def test_a_key_known_from_elsewhere_is_used_instead_of_the_servers(
    told: SimpleNamespace, visit: Callable[[], SimpleNamespace]
) -> None:
    told.vkey = f'data-vkey="{told.proof["vkey"]}"'
    told.proof["vkey"] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert visit().state == "passed"
