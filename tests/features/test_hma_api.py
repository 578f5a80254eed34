"""Clients of Hasher-Matcher-Actioner work against Safehold: the same addresses, parameters and answers, with our key.

The requests are those of HMA 1.0's own tests and of its clients (hma-matrix, Mjolnir's plug-in): query parameters, one multipart
file named by its content type, JSON of kinds to hashes.
"""

import hashlib
import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from PIL import Image
from typer.testing import CliRunner

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.cli import app
from safehold.desk.banks.changing import add_item, create_bank, move_item, say
from safehold.desk.banks.exchanges.fetching import fetch
from safehold.desk.banks.exchanges.managing import add_exchange
from safehold.desk.banks.exchanges.writing_back import send_due
from safehold.desk.banks.models import BankItem, Exchange, SignalOpinion
from safehold.signals.media.hashing import pdq
from tests.gateway_server import database_of_its_own, policy_folder, serving
from tests.world import service

FLAT = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
MD5 = "9e107d9d372bb6826bd81d3542a419d6"


def picture(seed: int = 3) -> bytes:
    image = Image.effect_mandelbrot((320, 240), (-2 + seed / 10, -1.2, 1.1, 1.2), 60).convert("RGB")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class _Files(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = picture() if self.path == "/cat.png" else b"x"
        self.send_response(200 if self.path == "/cat.png" else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def hma(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("hma")
    databases = database_of_its_own("sqlite", request, folder)
    files = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    Thread(target=files.serve_forever, daemon=True).start()
    with databases as url:
        service()
        secrets = {
            name: create_key(None, name, scopes, service="plaza")[1]
            for name, scopes in {
                "match": [Scope.MATCH_HASHES], "write": [Scope.MATCH_HASHES, Scope.WRITE_BANKS], "none": [Scope.WRITE_EVENTS],
                "read": [Scope.READ_BANKS],
            }.items()
        }  # fmt: skip
        create_bank(None, "bad")
        create_bank(None, "new-feed", enabled_ratio=0.0)
        create_bank(None, "quick", two_people=False)
        shown = pdq(Image.open(io.BytesIO(picture()))).hash
        items = {
            "picture": add_item(None, "bad", "pdq", shown).pk,
            "md5": add_item(None, "bad", "video_md5", MD5).pk,
            "held": add_item(None, "new-feed", "video_md5", MD5).pk,
        }
        with serving(url, policy_folder(folder / "policies"), folder, fetch_private_hosts="127.0.0.1") as server:
            clients = {name: server.client(secret) for name, secret in secrets.items()}
            yield SimpleNamespace(
                **clients,
                secrets=secrets,
                items=items,
                anonymous=server.client(),
                shown=shown,
                files=f"http://127.0.0.1:{files.server_port}",
            )
    files.shutdown()


def test_a_hash_is_looked_up_by_bank(hma: SimpleNamespace) -> None:
    asked = {"signal": MD5, "signal_type": "video_md5"}
    found = hma.match.get("/m/lookup", params=asked).json()
    assert found == {"bad": [{"bank_content_id": hma.items["md5"], "distance": "0"}]}
    assert hma.match.get("/m/lookup", params=asked | {"banks": "quick,other"}).json() == {}
    assert hma.match.get("/m/lookup", params=asked | {"signal": "0" * 32}).json() == {}


def test_a_raw_look_up_says_numbers_or_distances_whatever_share_counts(hma: SimpleNamespace) -> None:
    asked = {"signal": MD5, "signal_type": "video_md5"}
    both = sorted([hma.items["md5"], hma.items["held"]])
    assert sorted(hma.match.get("/m/raw_lookup", params=asked).json()["matches"]) == both
    with_distance = hma.match.get("/m/raw_lookup", params=asked | {"include_distance": "true"}).json()["matches"]
    assert {tuple(each) for each in with_distance} == {("bank_content_id", "distance")}


def test_a_file_is_hashed_and_looked_up_however_it_comes(hma: SimpleNamespace) -> None:
    body = picture()
    digests = {"md5": hashlib.md5(body, usedforsecurity=False).hexdigest(), "sha256": hashlib.sha256(body).hexdigest()}
    said = hma.match.post("/h/hash", files={"photo": ("cat.png", body, "image/png")}).json()
    assert said == {"pdq": hma.shown, "sha1": hashlib.sha1(body, usedforsecurity=False).hexdigest(), **digests}
    url = {"url": f"{hma.files}/cat.png"}
    assert hma.match.get("/h/hash", params=url).json() == said
    assert hma.match.get("/h/hash", params=url | {"types": "pdq"}).json() == {"pdq": hma.shown}
    found = hma.match.post("/m/lookup", files={"photo": ("cat.png", body, "image/png")}).json()
    assert found["pdq"] == {"bad": [{"bank_content_id": hma.items["picture"], "distance": "0"}]} and found["md5"] == {}
    assert hma.match.get("/m/lookup", params=url).json() == found
    assert hma.match.get("/m/lookup", params=url | {"signal_type": "pdq"}).json() == found["pdq"]


def test_hashes_are_compared(hma: SimpleNamespace) -> None:
    other = f"{int(FLAT, 16) ^ 0b1011:064x}"
    said = hma.match.post("/m/compare", json={"pdq": [FLAT, other], "md5": [MD5, "0" * 32]}).json()
    assert said == {"pdq": [True, {"distance": 3}], "md5": [False, {"distance": 1}]}


def test_banks_are_listed_and_filled(hma: SimpleNamespace) -> None:
    banks = hma.match.get("/c/banks").json()
    assert {bank["name"]: bank["matching_enabled_ratio"] for bank in banks} == {
        "bad": 1.0,
        "new-feed": 0.0,
        "quick": 1.0,
    }
    assert hma.match.get("/c/bank/bad").json() == {"name": "bad", "matching_enabled_ratio": 1.0}
    added = hma.write.post("/c/bank/quick/signal", json={"pdq": FLAT, "md5": MD5}).json()
    assert added["signals"] == {"pdq": FLAT, "md5": MD5}
    assert {item.state for item in BankItem.objects.filter(bank="quick")} == {"active"}
    waiting = hma.write.post("/c/bank/bad/signal", json={"sha256": "ab" * 32}).json()
    item = BankItem.objects.get(pk=waiting["id"])
    assert item.state == "quarantined" and item.source.startswith("API key")
    move_item(None, item.pk, "retired")
    status = hma.match.get("/m/index/status").json()
    assert status["video_md5"]["size"] == 1 and status["tlsh"]["size"] == 0


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "said"),
    [
        ("GET", "/m/raw_lookup", {"params": {"signal": MD5}}, 400, "signal_type"),
        ("GET", "/m/lookup", {"params": {"signal": MD5, "signal_type": "phash"}}, 400, "No such SignalType"),
        ("GET", "/m/lookup", {"params": {"signal": "xyz", "signal_type": "pdq"}}, 400, "invalid signal"),
        ("GET", "/h/hash", {}, 400, "url is required"),
        ("GET", "/h/hash", {"params": {"url": "https://10.0.0.1/x"}}, 400, "public addresses only"),
        ("GET", "/h/hash", {"params": {"url": "https://example.org:99999/x"}}, 400, "public addresses only"),
        ("GET", "/h/hash", {"params": {"url": "file:///etc/passwd"}}, 400, "https from"),
        ("POST", "/h/hash", {"json": {}}, 400, "multipart"),
        ("POST", "/h/hash", {"files": {"picture": b"x"}}, 400, "content_type"),
        ("POST", "/h/hash", {"files": {"photo": ("x.png", b"\x89PNG\r\n\x1a\nbroken")}}, 400, "can't be opened"),
        ("POST", "/m/compare", {"json": {"pdq": [FLAT]}}, 400, "exactly 2"),
        ("POST", "/m/compare", {"content": b"{"}, 400, "JSON"),
        ("POST", "/m/compare", {"content": b"[" * 100_000}, 400, "nesting"),
        ("GET", "/c/bank/none", {}, 404, "not found"),
        ("GET", "/c/bank/no%00ne", {}, 404, "no such address"),
        ("DELETE", "/c/bank/bad", {}, 405, "takes"),
    ],
)
def test_what_is_wrong_is_said_as_hma_says_it(
    hma: SimpleNamespace, method: str, path: str, more: dict[str, object], status: int, said: str
) -> None:
    answer: httpx.Response = hma.match.request(method, path, **more)
    assert answer.status_code == status, answer.text
    assert said in json.dumps(answer.json())


def test_a_key_is_asked_for(hma: SimpleNamespace, tmp_path: Path) -> None:
    assert hma.anonymous.get("/c/banks").status_code == 401
    assert hma.none.get("/c/banks").status_code == 403
    refused = hma.match.post("/c/bank/quick/signal", json={"md5": "1" * 32})
    assert refused.status_code == 403 and "banks:write" in refused.json()["message"]
    assert hma.write.post("/c/bank/absent/signal", json={"md5": "1" * 32}).status_code == 404


def test_another_safehold_reads_a_bank_and_says_what_it_thinks(hma: SimpleNamespace, settings: Any) -> None:
    settings.SAFEHOLD_EXCHANGE_PRIVATE_HOSTS = ["127.0.0.1"]
    create_bank(None, "shared")
    items = [add_item(None, "shared", "md5", f"{number:032x}") for number in range(5)]
    text = add_item(None, "shared", "raw_text", "Join us now")
    create_bank(None, "copy")
    url = str(hma.match.base_url).rstrip("/")
    add_exchange(
        None, "sibling", "safehold", "copy", {"url": url, "bank": "shared"}, {"key": hma.secrets["read"]},
        arrive_active=True, write_back=True,
    )  # fmt: skip

    def fetched() -> dict[str, str]:
        exchange = Exchange.objects.get(pk="sibling")
        fetch(exchange)
        exchange.refresh_from_db()
        assert exchange.error == ""
        return dict(BankItem.objects.filter(bank="copy").values_list("value", "state"))

    assert fetched() == dict.fromkeys([*(item.value for item in items), text.value], "active")
    move_item(None, items[0].pk, "disputed")
    move_item(None, items[1].pk, "retired")
    late = add_item(None, "shared", "md5", "f" * 32)
    states = fetched()
    assert states[items[1].value] == "retired" and states[late.value] == "active"
    say(None, BankItem.objects.get(bank="copy", value=late.value).pk, "negative")
    assert send_due() == 1
    said = SignalOpinion.objects.filter(item=late).order_by("-id").first()
    assert said.belief == "negative" and said.party.startswith("API key")
    assert hma.none.get("/v1/banks/shared").status_code == 403
    assert hma.read.get("/v1/banks/absent").status_code == 404
    for place in ("x", "²", "9" * 25, "1.2.3"):
        assert hma.read.get("/v1/banks/shared", params={"after": place}).status_code == 422
    assert hma.read.post("/v1/banks/shared", json={"item": 10**30, "belief": "seed"}).status_code == 422
    assert hma.read.post("/v1/banks/shared", json={"item": late.pk, "belief": "maybe"}).status_code == 422


def test_a_file_on_this_machine_goes_into_a_bank_by_its_hashes(hma: SimpleNamespace, tmp_path: Path) -> None:
    create_bank(None, "files")
    path = tmp_path / "cat.png"
    path.write_bytes(picture(7))
    done = CliRunner().invoke(app, ["banks", "add-file", "files", str(path)])
    assert done.exit_code == 0, done.output
    assert set(BankItem.objects.filter(bank="files").values_list("kind", flat=True)) == {"pdq", "sha256"}
    path.write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    broken = CliRunner().invoke(app, ["banks", "add-file", "files", str(path)])
    assert broken.exit_code == 1 and "can't be opened" in broken.output
