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
from safehold.accounts.models import ApiKey
from safehold.accounts.roles import Scope
from safehold.cli import app
from safehold.desk.banks.changing import add_item, create_bank, move_item, say
from safehold.desk.banks.exchanges.fetching import fetch
from safehold.desk.banks.exchanges.managing import add_exchange
from safehold.desk.banks.exchanges.writing_back import send_due
from safehold.desk.banks.models import BankItem, Exchange, SignalOpinion
from safehold.record.models import AuditEvent
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
                "read": [Scope.READ_BANKS], "sibling": [Scope.READ_BANKS, Scope.WRITE_BANKS],
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
        ("PATCH", "/c/bank/bad", {}, 405, "takes"),
        ("PATCH", "/c/bank/bad/content/1", {}, 405, "takes"),
        ("GET", "/c/bank/bad/content/x", {}, 404, "not found"),
        ("GET", f"/c/bank/bad/content/{'9' * 18}", {}, 404, "not found"),
        ("GET", "/c/bank/bad/content/²", {}, 404, "not found"),
        ("GET", "/c/exchange/none", {}, 404, "not found"),
        ("GET", "/c/exchange/none/status", {}, 404, "not found"),
        ("GET", "/c/exchanges/api/none", {}, 400, "no such Exchange API"),
        ("GET", "/c/signal_type/index", {"params": {"signal_type": "phash"}}, 400, "No such signal type"),
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


def test_banks_are_made_and_turned_up_and_down(hma: SimpleNamespace) -> None:
    made = hma.write.post("/c/banks", json={"name": "MADE_BY_KEY", "enabled_ratio": 0.25})
    assert (made.status_code, made.json()) == (201, {"name": "MADE_BY_KEY", "matching_enabled_ratio": 0.25})
    assert (
        hma.match.get("/c/bank/MADE_BY_KEY").json() == made.json() and made.json() in hma.match.get("/c/banks").json()
    )
    for wanted, ratio in [
        ({"enabled": False}, 0.0),
        ({"enabled": True}, 1.0),
        ({"enabled_ratio": 0.5, "name": "MADE_BY_KEY"}, 0.5),
    ]:
        said = hma.write.put("/c/bank/MADE_BY_KEY", json=wanted)
        assert (said.status_code, said.json()["matching_enabled_ratio"]) == (200, ratio)
    trail = AuditEvent.objects.filter(object_kind="bank", object_id="MADE_BY_KEY")
    assert {event.actor for event in trail} == {ApiKey.objects.get(name="write").pk}
    assert hma.match.post("/c/banks", json={"name": "other"}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/c/banks", {"name": "bad"}, 403, "already"),
        ("POST", "/c/banks", {"name": "1_invalid"}, 400, "letter"),
        ("POST", "/c/banks", {"name": 7}, 400, "name"),
        ("POST", "/c/banks", {"name": "x", "enabled_ratio": 1.5}, 400, "enabled_ratio"),
        ("POST", "/c/banks", {"name": "x", "enabled": "yes"}, 400, "enabled"),
        ("PUT", "/c/bank/absent", {"enabled": True}, 404, "not found"),
        ("PUT", "/c/bank/bad", {"name": "worse"}, 403, "keeps its name"),
        ("PUT", "/c/bank/bad", {}, 400, "enabled_ratio"),
        ("DELETE", "/c/bank/bad", None, 403, "enabled_ratio"),
        ("POST", "/c/bank/bad/content", {}, 400, "Neither"),
        ("POST", "/c/bank/bad/signal", {}, 400, "No signals"),
        ("DELETE", "/c/bank/absent/content/1", None, 404, "not found"),
        ("PUT", "/c/bank/absent/content/1", {"disable_until_ts": 0}, 404, "not found"),
        ("PUT", "/c/bank/bad/content/1", {}, 400, "disable_until_ts"),
        ("PUT", "/c/bank/bad/content/1", {"disable_until_ts": True}, 400, "disable_until_ts"),
        ("PUT", "/c/bank/bad/content/1", {"disable_until_ts": 1_900_000_000}, 403, "for a time"),
        ("POST", "/c/exchanges", {"bank": "bad", "api": "ncmec", "api_json": {}}, 403, "safehold exchanges"),
        ("POST", "/c/exchanges/api/ncmec", {"credential_json": {}}, 403, "safehold exchanges"),
        ("DELETE", "/c/exchange/feed", None, 403, "safehold exchanges"),
        ("PUT", "/c/exchange/absent", {"enabled": True}, 404, "not found"),
        ("PUT", "/c/exchange/feed", {"bank": "bad"}, 403, "`bank`"),
        ("PUT", "/c/exchange/feed", {}, 400, "enabled"),
        ("PUT", "/c/signal_type/pdq", {"enabled_ratio": 0.5}, 403, "enabled_ratio"),
        ("PUT", "/c/signal_type/phash", {"enabled_ratio": 0.5}, 404, "No such signal type"),
    ],
)
def test_what_a_bank_cant_be_is_said(
    hma: SimpleNamespace, method: str, path: str, body: object, status: int, said: str
) -> None:
    answer: httpx.Response = hma.write.request(method, path, json=body)
    assert (answer.status_code, said in answer.json()["message"]) == (status, True), answer.text


def test_content_goes_in_by_its_file_and_out_by_its_number(hma: SimpleNamespace) -> None:
    create_bank(None, "files-in", two_people=False)
    body = picture(9)
    put = hma.write.post("/c/bank/files-in/content", files={"photo": ("dog.png", body, "image/png")})
    assert put.status_code == 200 and set(put.json()["signals"]) == {"pdq", "md5", "sha1", "sha256"}
    by_url = hma.write.post("/c/bank/files-in/content", params={"url": f"{hma.files}/cat.png", "types": "md5"}).json()
    assert set(by_url["signals"]) == {"md5"} and by_url["id"] != put.json()["id"]
    number = put.json()["id"]
    shown = hma.match.get(f"/c/bank/files-in/content/{number}", params={"include_signals": "true"}).json()
    bank = {"name": "files-in", "matching_enabled_ratio": 1.0}
    assert shown.pop("signals").items() <= put.json()["signals"].items()
    assert shown == {
        "id": number, "disable_until_ts": 1, "collab_metadata": {}, "original_media_uri": None, "bank": bank,
    }  # fmt: skip
    assert hma.match.get(f"/c/bank/bad/content/{number}").status_code == 404  # of another bank
    assert hma.match.put(f"/c/bank/files-in/content/{number}", json={"disable_until_ts": 0}).status_code == 403
    assert hma.write.put(f"/c/bank/files-in/content/{number}", json={"disable_until_ts": 1}).json() == shown
    off = hma.write.put(f"/c/bank/files-in/content/{number}", json={"disable_until_ts": 0})
    assert (off.json()["disable_until_ts"], BankItem.objects.get(pk=number).state) == (0, "disputed")
    on = hma.write.put(f"/c/bank/files-in/content/{number}", json={"disable_until_ts": 1})
    assert (on.status_code, "a person" in on.text) == (403, True)
    assert hma.match.delete(f"/c/bank/files-in/content/{number}").status_code == 403
    assert hma.write.delete(f"/c/bank/files-in/content/{number}").json() == {"deleted": 1}
    assert hma.write.delete(f"/c/bank/files-in/content/{number}").json() == {"deleted": 0}
    assert BankItem.objects.get(pk=number).state == "retired"
    assert hma.match.get(f"/c/bank/files-in/content/{number}").json()["disable_until_ts"] == 0
    again = hma.write.post("/c/bank/files-in/signal", json=put.json()["signals"]).json()
    assert again["id"] == number and BankItem.objects.get(pk=number).state == "active"


def test_exchanges_kinds_and_the_state_of_the_index_are_told(hma: SimpleNamespace) -> None:
    create_bank(None, "fed")
    add_exchange(None, "feed", "file", "fed", {"url": "https://feed.example/list.csv"}, {"token": "secret-token"})
    assert "feed" in hma.match.get("/c/exchanges").json()
    shown = hma.match.get("/c/exchange/feed")
    assert (
        shown.json() == {"name": "feed", "api": "file", "enabled": True, "bank": "fed"} and "secret" not in shown.text
    )
    switched = [hma.write.put("/c/exchange/feed", json={"enabled": on}).json()["enabled"] for on in (False, True)]
    assert switched == [False, True] and hma.match.put("/c/exchange/feed", json={"enabled": False}).status_code == 403
    status = hma.match.get("/c/exchange/feed/status").json()
    assert (status["last_fetch_complete_ts"], status["up_to_date"], status["fetched_items"]) == (None, False, 0)
    assert {"ncmec", "stopncii", "file"} <= set(hma.match.get("/c/exchanges/apis").json())
    asked = hma.match.get("/c/exchanges/api/ncmec").json()
    assert asked == {"supports_authentification": True, "has_set_authentification": False}
    assert {"name": "pdq", "enabled_ratio": 1.0} in hma.match.get("/c/signal_type").json()
    assert {"name": "photo", "enabled": True} in hma.match.get("/c/content_type").json()
    [(kind, index)] = hma.match.get("/c/signal_type/index", params={"signal_type": "pdq"}).json().items()
    assert kind == "pdq" and index["db_size"] == index["index_size"] and not index["index_out_of_date"]
    assert (hma.anonymous.get("/status").status_code, hma.anonymous.get("/status").text) == (200, "I-AM-ALIVE")
    addresses = hma.anonymous.get("/site-map").json()
    assert addresses == sorted(addresses) and "/c/bank/<name>/content/<item>" in addresses


def test_another_safehold_reads_a_bank_and_says_what_it_thinks(hma: SimpleNamespace, settings: Any) -> None:
    settings.SAFEHOLD_EXCHANGE_PRIVATE_HOSTS = ["127.0.0.1"]
    create_bank(None, "shared")
    items = [add_item(None, "shared", "md5", f"{number:032x}") for number in range(5)]
    text = add_item(None, "shared", "raw_text", "Join us now")
    create_bank(None, "copy")
    url = str(hma.match.base_url).rstrip("/")
    add_exchange(
        None, "sibling", "safehold", "copy", {"url": url, "bank": "shared"}, {"key": hma.secrets["sibling"]},
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
    assert hma.sibling.post("/v1/banks/shared", json={"item": 10**30, "belief": "seed"}).status_code == 422
    assert hma.sibling.post("/v1/banks/shared", json={"item": late.pk, "belief": "maybe"}).status_code == 422
    reading = hma.read.post("/v1/banks/shared", json={"item": late.pk, "belief": "seed"})
    assert reading.status_code == 403 and "banks:write" in reading.text


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
