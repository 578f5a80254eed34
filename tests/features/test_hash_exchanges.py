"""Exchanges: what others share comes in page by page, once, and goes when they withdraw it; what we think goes back; when they
are away, slow, wrong or cut off, nothing is lost and nothing half is kept. Contract tests: small servers speak each protocol, and
`threatexchange`'s own clients talk with them.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from typer.testing import CliRunner

from safehold.accounts.models import User
from safehold.accounts.people import Refused, add_person
from safehold.accounts.roles import Role
from safehold.cli import app
from safehold.desk.banks.changing import add_item, create_bank, move_item, say
from safehold.desk.banks.exchanges import sessions, trying, writing_back
from safehold.desk.banks.exchanges import sibling as siblings
from safehold.desk.banks.exchanges.fetching import fetch, keep
from safehold.desk.banks.exchanges.kinds import BadConfig
from safehold.desk.banks.exchanges.managing import add_exchange, switch
from safehold.desk.banks.exchanges.pages import Away
from safehold.desk.banks.exchanges.sessions import asking, session
from safehold.desk.banks.exchanges.writing_back import retry, send_due
from safehold.desk.banks.models import Bank, BankChange, BankItem, Exchange, ExchangeRecord, SignalOpinion, WriteBack
from safehold.record.verification import verify_record

PDQ = [f"{number:02x}" * 32 for number in range(1, 9)]
MD5 = [f"{number:02x}" * 16 for number in range(1, 9)]


class Stub:
    """A server that speaks one protocol. `fault` breaks the next answers; `asked` keeps what came."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, list[str]], bytes]] = []
        self.fault: list[str] = []
        self.answer: Callable[..., tuple[int, bytes]] = lambda *_: (404, b"{}")
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                parts = urlsplit(self.path)
                query = parse_qs(parts.query)
                stub.asked.append((self.command, parts.path, query, body))
                fault = stub.fault.pop(0) if stub.fault else ""
                if fault == "timeout":
                    time.sleep(1.5)
                status, said = stub.answer(self.command, parts.path, query, body, self.headers)
                if fault in ("429", "500", "401", "302"):
                    status, said = int(fault), b"no"
                self.send_response(status)
                if fault == "429":
                    self.send_header("retry-after", "3600")
                if fault == "302":
                    self.send_header("location", "http://169.254.169.254/latest")
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said[: len(said) // 2] if fault == "truncated" else said)
                if fault == "truncated":
                    self.close_connection = True

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def place(fresh_sqlite: SimpleNamespace, settings: Any, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    return ready(fresh_sqlite, settings, monkeypatch)


@pytest.fixture
def both_places(fresh_database: SimpleNamespace, settings: Any, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    return ready(fresh_database, settings, monkeypatch)


def ready(database: SimpleNamespace, settings: Any, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    settings.SAFEHOLD_EXCHANGE_PRIVATE_HOSTS = ["127.0.0.1"]
    monkeypatch.setattr(sessions, "SECONDS", (1.0, 1.0))
    create_bank(None, "theirs", categories=["csam"])
    return SimpleNamespace(ann=User.objects.create_user(email="ann@example.org", password=None), url=database.url)


def fetched(name: str = "x") -> Exchange:
    exchange = Exchange.objects.get(pk=name)
    fetch(exchange)
    exchange.refresh_from_db()
    return exchange


def states(kind: str = "") -> dict[str, str]:
    found = BankItem.objects.filter(bank="theirs")
    return dict((found.filter(kind=kind) if kind else found).values_list("value", "state"))


# StopNCII


class StopNcii(Stub):
    """Pages of two; records with status; feedback is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[dict[str, Any]] = []
        self.feedback: list[dict[str, Any]] = []
        self.answer = self.speak

    def put(self, value: str, kind: str = "ImagePDQ", status: str = "Active", feedbacks: tuple[str, ...] = ()) -> None:
        self.records = [each for each in self.records if each["hashValue"] != value]
        self.records.append(
            {
                "lastModtimestamp": 100 + len(self.records) + sum(len(each["hashValue"]) for each in self.records) % 7,
                "signalType": kind, "hashValue": value, "hashStatus": status, "caseNumbers": {"c1": status},
                "CSPFeedbacks": [{"source": "Other", "feedbackValue": each, "tags": ["seen"]} for each in feedbacks],
            }
        )  # fmt: skip

    def speak(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes, headers: Any
    ) -> tuple[int, bytes]:
        if headers.get("Ocp-Apim-Subscription-Key") != "sub" or headers.get("x-functions-key") not in ("fetch", "feed"):
            return 401, b"{}"
        if path == "/SubmitFeedback":
            self.feedback += json.loads(body)["hashFeedbacks"]
            return 200, b"{}"
        start = int(query.get("nextPageToken", query["startTimestamp"])[0]) if "nextPageToken" in query else 0
        page = self.records[start : start + 2]
        more = start + 2 < len(self.records)
        said = {
            "count": len(page), "nextPageToken": str(start + 2) if more else None, "nextSetTimestamp": 500 + start,
            "hasMoreRecords": more, "hashRecords": page,
        }  # fmt: skip
        return 200, json.dumps(said).encode()


@pytest.fixture
def ncii() -> Iterator[StopNcii]:
    made = StopNcii()
    for value in PDQ[:3]:
        made.put(value)
    made.put(MD5[0], "VideoMD5")
    yield made
    made.server.shutdown()
    made.server.server_close()


def stopncii(stub: Stub, **more: Any) -> None:
    secret = {"subscription_key": "sub", "fetch_function_key": "fetch", "feedback_function_key": "feed"}
    add_exchange(None, "x", "stopncii", "theirs", {"base_url": stub.url}, secret, **more)


def test_stopncii_comes_in_by_pages_and_goes_when_it_is_withdrawn(both_places: SimpleNamespace, ncii: StopNcii) -> None:
    stopncii(ncii)
    exchange = fetched()
    assert (exchange.error, exchange.standing) == ("", "ok") and exchange.progress["added"] == 4
    assert states() == dict.fromkeys([*PDQ[:3], MD5[0]], "quarantined")
    assert BankItem.objects.get(value=MD5[0]).kind == "video_md5"
    number = Bank.objects.get(pk="theirs").number
    fetched()
    assert Bank.objects.get(pk="theirs").number == number, "the same again changes nothing"
    ncii.put(PDQ[1], status="Withdrawn")
    fetched()
    assert states()[PDQ[1]] == "retired" and states()[PDQ[0]] == "quarantined"
    ncii.put(PDQ[1])
    assert fetched().progress["returned"] == 1 and states()[PDQ[1]] == "quarantined"
    assert not verify_record().findings


def test_what_arrives_counts_at_once_only_where_that_was_said_and_nobody_doubts_it(
    place: SimpleNamespace, ncii: StopNcii
) -> None:
    ncii.put(PDQ[4], feedbacks=("NotBlocked",))
    ncii.put(PDQ[5], feedbacks=("Blocked", "NotBlocked"))
    ncii.put(PDQ[6], feedbacks=("Blocked",))
    stopncii(ncii, arrive_active=True)
    fetched()
    assert states()[PDQ[0]] == states()[PDQ[6]] == "active"
    assert states()[PDQ[4]] == states()[PDQ[5]] == "quarantined"
    said = dict(SignalOpinion.objects.filter(party="x").values_list("item__value", "belief"))
    assert (said[PDQ[4]], said[PDQ[5]], said[PDQ[6]]) == ("disputed", "disputed", "positive")


FAULTS = [("429", 3_500), ("500", 50), ("truncated", 50), ("timeout", 50), ("401", 50), ("302", 50)]


@pytest.mark.parametrize(("fault", "at_least"), FAULTS)
def test_a_fault_keeps_what_was_there_says_why_and_is_tried_again_from_where_it_was(
    place: SimpleNamespace, ncii: StopNcii, fault: str, at_least: int
) -> None:
    stopncii(ncii)
    ncii.fault = ["", fault]
    exchange = fetched()
    assert exchange.error and exchange.failures == 1 and exchange.standing == "failing"
    assert (exchange.next_at - timezone.now()).total_seconds() > at_least
    assert "sub" not in exchange.error and "fetch" not in exchange.error.replace("fetched", "")
    assert len(states()) == 2 and exchange.checkpoint is not None, "the first page is kept with its checkpoint"
    assert not any("169.254" in path for _, path, _, _ in ncii.asked)
    exchange = fetched()
    assert (exchange.error, exchange.failures) == ("", 0) and len(states()) == 4


def test_a_checkpoint_that_is_too_old_is_fetched_anew_and_what_is_gone_since_goes(
    place: SimpleNamespace, ncii: StopNcii
) -> None:
    stopncii(ncii)
    fetched()
    long_ago = int(time.time()) - 60 * 86_400
    Exchange.objects.update(checkpoint={"update_time": 500, "last_fetch_time": long_ago})
    ncii.records = [each for each in ncii.records if each["hashValue"] != PDQ[2]]
    ncii.fault = ["", "500"]
    fetched()  # interrupted after the first page
    fetched()
    assert states()[PDQ[2]] == "retired" and states()[PDQ[0]] == "quarantined"
    assert ExchangeRecord.objects.count() == 3


def test_opinions_go_back_and_none_is_lost(
    place: SimpleNamespace, ncii: StopNcii, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopncii(ncii, write_back=True, arrive_active=True)
    fetched()
    item = BankItem.objects.get(value=PDQ[0])
    move_item(place.ann, item.pk, "disputed", "a logo")
    say(place.ann, BankItem.objects.get(value=PDQ[1]).pk, "positive")
    ncii.fault = ["500", "timeout"]
    assert (send_due() == 2 and ncii.feedback != []) or WriteBack.objects.filter(state="queued").count() == 2
    for _ in range(3):
        WriteBack.objects.filter(state="queued").update(next_at=timezone.now())
        send_due()
    assert set(WriteBack.objects.values_list("state", flat=True)) == {"sent"}
    said = {(each["hashValue"], each["feedbackValue"]) for each in ncii.feedback}
    assert said == {(PDQ[0], "PendingReview"), (PDQ[1], "Blocked")}
    monkeypatch.setattr(writing_back, "SCHEDULE", (0,))
    say(place.ann, item.pk, "negative")
    ncii.fault = ["500"] * 2
    send_due()
    WriteBack.objects.filter(state="queued").update(next_at=timezone.now())
    send_due()
    dead = WriteBack.objects.get(state="dead")
    assert "500" in dead.error
    assert retry(place.ann, "x") == 1 and send_due() == 1
    assert ncii.feedback[-1] == {"tags": [], "feedbackValue": "NotBlocked", "hashValue": PDQ[0]}
    assert not verify_record().findings


# NCMEC


class Ncmec(Stub):
    """The hash sharing API's XML: entries of a time range, two a page, in no order of time."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[tuple[int, str, str]] = []  # when, id, xml
        self.answer = self.speak

    def put(self, number: int, at: int, prints: str, *, kind: str = "image", deleted: bool = False) -> None:
        tag = f"deleted{kind.capitalize()}" if deleted else kind
        body = "" if deleted else f"<classification>A1</classification><fingerprints>{prints}</fingerprints>"
        xml = f'<{tag}><member id="42">Example</member><timestamp>x</timestamp><id>{number}</id>{body}</{tag}>'
        self.entries = [each for each in self.entries if each[1] != str(number)] + [(at, str(number), xml)]

    def speak(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes, headers: Any
    ) -> tuple[int, bytes]:
        if not headers.get("Authorization", "").startswith("Basic "):
            return 401, b""
        if path.endswith("/reasons"):
            return 200, b'<r><availableFeedbackReasons><reason guid="g-1" name="wrong"/></availableFeedbackReasons></r>'
        if method == "PUT":
            return 200, b"<ok/>"
        start, end = (
            datetime.fromisoformat(query[name][0].replace("Z", "+00:00")).timestamp() for name in ("from", "to")
        )
        inside = [each for each in self.entries if start <= each[0] < end]
        at = int(query.get("start", ["0"])[0])
        page = inside[at : at + 2]
        newest = max((each[0] for each in page), default=0)
        stamp = datetime.fromtimestamp(newest, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        pictures = "".join(xml for _, _, xml in page if "ideo" not in xml)
        videos = "".join(xml for _, _, xml in page if "ideo" in xml)
        following = ""
        if at + 2 < len(inside):
            asked = f"from={query['from'][0]}&amp;to={query['to'][0]}&amp;start={at + 2}&amp;size=2&amp;max=9"
            following = f"<paging><next>/v2/entries?{asked}</next></paging>"
        xml = (
            '<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">'
            f'<images count="1" maxTimestamp="{stamp}">{pictures}</images>'
            f'<videos count="1" maxTimestamp="{stamp}">{videos}</videos>{following}</queryResult>'
        )
        return 200, xml.encode()


@pytest.fixture
def ncmec() -> Iterator[Ncmec]:
    made = Ncmec()
    recent = int(time.time()) - 3_000
    made.put(1, recent, f"<md5>{MD5[0]}</md5><pdq>{PDQ[0]}</pdq>")
    made.put(2, recent, f"<md5>{MD5[1]}</md5>", kind="video")
    made.put(3, recent, f"<sha1>{'ab' * 20}</sha1>")
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_ncmec_comes_in_with_the_digests_of_pictures_and_votes_go_back(place: SimpleNamespace, ncmec: Ncmec) -> None:
    secret = {"user": "me", "password": "pw"}
    add_exchange(None, "x", "ncmec", "theirs", {"base_url": ncmec.url}, secret, write_back=True, arrive_active=True)
    exchange = fetched()
    assert exchange.error == ""
    assert {(item.kind, item.value) for item in BankItem.objects.all()} == {
        ("pdq", PDQ[0]), ("md5", MD5[0]), ("video_md5", MD5[1]), ("md5", MD5[1]), ("sha1", "ab" * 20),
    }  # fmt: skip
    assert BankItem.objects.get(kind="pdq").reference == "A1"
    say(None, BankItem.objects.get(kind="pdq").pk, "positive")
    say(None, BankItem.objects.get(kind="sha1").pk, "negative")
    send_due()
    put = [(path, body) for method, path, _, body in ncmec.asked if method == "PUT"]
    assert {path for path, _ in put} == {"/v2/entries/42/1/PDQ/feedback", "/v2/entries/42/3/SHA1/feedback"}
    assert b"affirmative" in put[0][1] and b"g-1" in put[1][1]
    ncmec.put(1, int(time.time()) - 6, "", deleted=True)
    Exchange.objects.update(checkpoint={"get_entries_max_ts": int(time.time()) - 100, "paging_info": None})
    fetched()
    assert states()[PDQ[0]] == "retired" and states()["ab" * 20] == "active"


def test_ncmec_cut_off_takes_nothing_of_that_page(place: SimpleNamespace, ncmec: Ncmec) -> None:
    add_exchange(None, "x", "ncmec", "theirs", {"base_url": ncmec.url}, {"user": "me", "password": "pw"})
    ncmec.fault = ["truncated"]
    exchange = fetched()
    assert exchange.error and exchange.checkpoint is None and not BankItem.objects.exists()
    assert fetched().error == "" and BankItem.objects.exists()


# Tech Against Terrorism


def test_tech_against_terrorism_signs_in_and_goes_on_from_its_checkpoint(place: SimpleNamespace, stub: Stub) -> None:
    entries = [
        {"hash_digest": value, "algorithm": algorithm, "ideology": "islamist", "file_type": "mp4", "deleted": False,
         "updated_on": 1.0, "created_on": "2026-01-01", "id": number}
        for number, (value, algorithm) in enumerate([(PDQ[0], "PDQ"), (MD5[0], "MD5"), (PDQ[1], "PDQ")])
    ]  # fmt: skip

    def speak(method: str, path: str, query: dict[str, list[str]], body: bytes, headers: Any) -> tuple[int, bytes]:
        if path == "/token-auth/tcap/":
            return 200, b'{"token": "t0ken"}'
        if headers.get("Authorization") != "Bearer t0ken":
            return 401, b"{}"
        at = int(query.get("offset", ["0"])[0])
        after = query.get("after", [""])[0]
        page = [] if after else entries[at : at + 2]
        more = not after and at + 2 < len(entries)
        said = {
            "count": len(page), "next": f"offset={at + 2}" if more else None, "previous": None,
            "checkpoint": f"17040852{at:02},{at}" if page else "", "results": page,
        }  # fmt: skip
        return 200, json.dumps(said).encode()

    stub.answer = speak
    add_exchange(None, "x", "tat", "theirs", {"base_url": stub.url}, {"username": "u", "password": "p"})
    assert fetched().error == "" and set(states()) == {PDQ[0], PDQ[1], MD5[0]}
    assert Exchange.objects.get().checkpoint == {"checkpoint": "1704085202,2"}
    assert fetched().error == ""
    assert stub.asked[-1][2]["after"] == ["1704085202,2"]
    with pytest.raises(Refused, match="no opinions"):
        add_exchange(None, "y", "tat", "theirs", {}, {"username": "u", "password": "p"}, write_back=True)


def tat(stub: Stub, **more: Any) -> None:
    """Three hashes on pages of two, from a checkpoint on."""
    prints = [(PDQ[0], "PDQ"), (MD5[0], "MD5"), (PDQ[1], "PDQ")]
    entries = [
        {"hash_digest": value, "algorithm": algorithm, "ideology": "islamist", "file_type": "mp4", "deleted": False,
         "updated_on": 1.0, "created_on": "2026-01-01", "id": number}
        for number, (value, algorithm) in enumerate(prints)
    ]  # fmt: skip

    def speak(method: str, path: str, query: dict[str, list[str]], body: bytes, headers: Any) -> tuple[int, bytes]:
        if path == "/token-auth/tcap/":
            return 200, b'{"token": "t0ken"}'
        after = query.get("after", [""])[0]
        at = int(query["offset"][0]) if "offset" in query else int(after.partition(",")[2]) + 2 if after else 0
        page, more = entries[at : at + 2], at + 2 < len(entries)
        said = {
            "count": len(page), "next": f"offset={at + 2}" if more else None, "previous": None,
            "checkpoint": f"17040852{at:02},{at}" if page else "", "results": page,
        }  # fmt: skip
        return 200, json.dumps(said).encode()

    stub.answer = speak
    add_exchange(None, "x", "tat", "theirs", {"base_url": stub.url}, {"username": "u", "password": "pa55"}, **more)


def sibling(stub: Stub) -> None:
    """Another Safehold with three items on pages of two."""

    def speak(method: str, path: str, query: dict[str, list[str]], body: bytes, headers: Any) -> tuple[int, bytes]:
        at = int(query.get("after", ["0"])[0] or 0)
        items = [
            {"id": number, "type": "pdq", "value": value, "state": "active"} for number, value in enumerate(PDQ[:3])
        ]
        said = {"items": items[at : at + 2], "next": str(min(at + 2, 3)), "more": at + 2 < 3}
        return 200, json.dumps(said).encode()

    stub.answer = speak
    add_exchange(None, "x", "safehold", "theirs", {"url": stub.url, "bank": "bad"}, {"key": "pa55"})


@pytest.mark.parametrize(("fault", "at_least"), FAULTS)
@pytest.mark.parametrize(("kind", "before"), [("tat", 2), ("safehold", 1)])
def test_a_fault_of_tech_against_terrorism_or_another_safehold_loses_nothing_either(
    place: SimpleNamespace, stub: Stub, monkeypatch: pytest.MonkeyPatch, kind: str, before: int, fault: str, at_least: int
) -> None:  # fmt: skip
    monkeypatch.setattr(siblings, "SECONDS", 1.0)
    tat(stub) if kind == "tat" else sibling(stub)
    stub.fault = [""] * before + [fault]
    exchange = fetched()
    assert exchange.error and exchange.failures == 1 and exchange.standing == "failing"
    assert (exchange.next_at - timezone.now()).total_seconds() > at_least
    assert "pa55" not in exchange.error and "t0ken" not in exchange.error
    assert len(states()) == 2 and exchange.checkpoint is not None, "the first page is kept with its checkpoint"
    exchange = fetched()
    assert (exchange.error, exchange.failures) == ("", 0) and len(states()) == 3


def test_an_answer_that_is_too_long_is_not_read_to_its_end(
    place: SimpleNamespace, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    tat(stub)
    monkeypatch.setattr(sessions, "MOST_BYTES", 300)
    assert "longer than 300 bytes" in fetched().error and not BankItem.objects.exists()
    monkeypatch.setattr(sessions, "MOST_BYTES", 100_000)
    monkeypatch.setattr(sessions, "MOST_SECONDS", -1.0)
    assert "takes too long" in fetched().error and not BankItem.objects.exists()
    monkeypatch.setattr(sessions, "MOST_SECONDS", 60.0)
    assert fetched().error == "" and len(states()) == 3


# Meta's ThreatExchange


def test_threatexchange_comes_in_with_its_members_opinions_and_reactions_go_back(
    place: SimpleNamespace, stub: Stub
) -> None:
    def update(value: str, number: int, *statuses: str, gone: bool = False) -> dict[str, Any]:
        made = [{"id": str(number * 10 + at), "owner": {"id": str(at + 1)}, "status": status, "tags": []}
                for at, status in enumerate(statuses)]  # fmt: skip
        return {
            "id": str(number), "indicator": value, "type": "HASH_PDQ", "last_updated": 1000 + number,
            "should_delete": gone, "descriptors": {"data": made},
        }  # fmt: skip

    first = [update(PDQ[0], 1, "MALICIOUS"), update(PDQ[1], 2, "MALICIOUS", "NON_MALICIOUS")]
    later = [[update(PDQ[2], 3, "UNKNOWN")], [], [update(PDQ[0], 4, gone=True)]]

    def speak(method: str, path: str, query: dict[str, list[str]], body: bytes, headers: Any) -> tuple[int, bytes]:
        if path == "/77/threat_updates/" and "start_time" not in query and "after" not in query:
            following = {"paging": {"next": f"{stub.url}/77/threat_updates/?after=x"}}
            return 200, json.dumps({"data": first, **following}).encode()
        if path == "/77/threat_updates/":
            return 200, json.dumps({"data": later.pop(0)}).encode()
        if path == "/threat_descriptors":
            return 200, b'{"data": [{"id": "555"}]}'
        return 200, b'{"success": true}'

    stub.answer = speak
    secret = {"api_token": "1234|abcdef"}
    add_exchange(
        None, "x", "threatexchange", "theirs", {"privacy_group": "77", "base_url": stub.url}, secret,
        arrive_active=True, write_back=True,
    )  # fmt: skip
    assert fetched().error == ""
    assert states() == {PDQ[0]: "active", PDQ[1]: "quarantined", PDQ[2]: "active"}
    assert fetched().error == "", "nothing new is no fault"
    say(None, BankItem.objects.get(value=PDQ[2]).pk, "negative")
    assert send_due() == 1
    method, path, _, body = stub.asked[-1]
    assert (method, path, body) == ("POST", "/555", b"reactions=NOT_HELPFUL")
    assert fetched().error == "" and states()[PDQ[0]] == "retired"
    with pytest.raises(BadConfig, match="privacy_group"):
        add_exchange(None, "y", "threatexchange", "theirs", {}, secret)


# Files


def test_a_file_names_all_there_is_and_a_wrong_row_takes_nothing(
    place: SimpleNamespace, tmp_path: Path, stub: Stub
) -> None:
    path = tmp_path / "feed.csv"
    path.write_text(f"type,value\nmd5,{MD5[0]}\nmd5,{MD5[1]}\n")
    add_exchange(None, "x", "file", "theirs", {"url": str(path)}, {}, arrive_active=True)
    assert fetched().progress["added"] == 2
    assert fetched().progress.get("records") is None, "the same file is not read twice"
    path.write_text(f"type,value\nmd5,{MD5[1]}\nmd5,xyz\n")
    assert "line 3, column `value`" in fetched().error and set(states().values()) == {"active"}
    path.write_text(f"type,value\nmd5,{MD5[1]}\nmd5,{MD5[2]}\n")
    assert fetched().error == ""
    assert states() == {MD5[0]: "retired", MD5[1]: "active", MD5[2]: "active"}
    stub.answer = lambda *_: (200, f"{PDQ[0]}\n{PDQ[1]}\n".encode())
    stub.fault = ["truncated", "429"]
    add_exchange(None, "y", "file", "theirs", {"url": f"{stub.url}/feed.txt", "type": "pdq"}, {"token": "t"})
    assert fetched("y").error and fetched("y").error and not states("pdq")
    assert fetched("y").error == "" and len(states("pdq")) == 2


# All


def test_what_an_exchange_needs_is_said_and_private_addresses_are_refused(
    place: SimpleNamespace, settings: Any, stub: Stub
) -> None:
    with pytest.raises(BadConfig, match="secret password"):
        add_exchange(None, "x", "ncmec", "theirs", {}, {"user": "me"})
    with pytest.raises(BadConfig, match="colour"):
        add_exchange(None, "x", "file", "theirs", {"url": "x.csv", "colour": "red"}, {})
    settings.SAFEHOLD_EXCHANGE_PRIVATE_HOSTS = []
    stopncii(stub)
    assert "SAFEHOLD_EXCHANGE_PRIVATE_HOSTS" in fetched().error and stub.asked == []
    assert "subscription_key" not in Exchange.objects.get().secret  # it is sealed
    add_exchange(None, "y", "file", "theirs", {"url": "https://127.0.0.1/feed.csv"}, {})
    assert "no public address" in fetched("y").error


def signed_in(role: Role) -> Client:
    client = Client()
    client.force_login(add_person(None, f"{role.value}@example.org", role.value, [role]))
    return client


STOPNCII = "/banks/exchanges/add/?kind=stopncii"


def told(stub: Stub, **more: Any) -> dict[str, Any]:
    """What somebody types in for StopNCII."""
    return {
        "name": "x", "into": "theirs", "config_base_url": stub.url, "secret_subscription_key": "sub",
        "secret_fetch_function_key": "fetch", "arrives": "quarantined", "every_minutes": 60, "test": "on", **more,
    }  # fmt: skip


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_not_even_connected_to(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://{host}:{listening.getsockname()[1]}/"
        with pytest.raises(Away, match="no public address"), asking("NCMEC"):
            session(()).get(url)
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
        with pytest.raises(Away, match="can't be reached"), asking("NCMEC"):
            session(("nowhere.invalid",)).get("https://nowhere.invalid/")


def test_an_exchange_is_added_in_the_console_once_it_answers_and_its_credentials_are_never_shown(
    place: SimpleNamespace, ncii: StopNcii
) -> None:
    admin = signed_in(Role.ADMIN)
    assert signed_in(Role.MODERATOR).get(STOPNCII).status_code == 403
    assert "StopNCII.org" in admin.get("/banks/exchanges/add/").content.decode()
    assert 'name="write_back"' in admin.get(STOPNCII).content.decode()
    assert 'name="write_back"' not in admin.get("/banks/exchanges/add/?kind=tat").content.decode()
    wrong = admin.post(STOPNCII, told(ncii, secret_fetch_function_key="t0psecret"))
    assert wrong.status_code == 422 and not Exchange.objects.exists()
    assert "refuses our credentials" in wrong.content.decode() and "t0psecret" not in wrong.content.decode()
    assert admin.post(STOPNCII, told(ncii, secret_fetch_function_key="")).status_code == 422
    assert admin.post(STOPNCII, told(ncii, name="Not a name")).status_code == 422
    assert admin.post(STOPNCII, told(ncii, arrives="active", write_back="on")).status_code == 302
    made = Exchange.objects.get()
    assert (made.kind, made.bank_id, made.arrive_active, made.write_back) == ("stopncii", "theirs", True, True)
    assert not BankItem.objects.exists(), "a test takes nothing"
    fetched()
    assert states()[PDQ[0]] == "active"
    shown = admin.get("/banks/exchanges/in/x/").content.decode() + admin.get("/banks/exchanges/").content.decode()
    assert 'value="sub"' not in shown and 'value="fetch"' not in shown.replace('name="act" value="fetch"', "")
    again = admin.post(STOPNCII, told(ncii))
    assert again.status_code == 422 and "already" in again.content.decode()
    assert not verify_record().findings


def test_kept_credentials_go_to_no_other_address_and_another_config_is_fetched_anew(
    place: SimpleNamespace, ncii: StopNcii, stub: Stub
) -> None:
    admin = signed_in(Role.ADMIN)
    stopncii(ncii)
    fetched()
    page = "/banks/exchanges/in/x/"
    kept = {"config_base_url": ncii.url, "arrives": "active", "every_minutes": 30, "write_back": "on"}
    assert admin.post(page, kept).status_code == 302
    made = Exchange.objects.get()
    assert (made.arrive_active, made.every_minutes, made.write_back) == (True, 30, True) and made.checkpoint is not None
    moved = admin.post(page, kept | {"config_base_url": stub.url, "test": "on"})
    assert moved.status_code == 422 and "another address" in moved.content.decode() and stub.asked == []
    half = admin.post(page, kept | {"secret_subscription_key": "sub"})
    assert half.status_code == 422 and "all of the credentials" in half.content.decode()
    new = {"secret_subscription_key": "sub", "secret_fetch_function_key": "fetch"}
    assert admin.post(page, kept | new | {"config_base_url": f"{ncii.url}/", "test": "on"}).status_code == 302
    assert Exchange.objects.get().checkpoint is None
    Exchange.objects.update(leased_until=timezone.now() + timedelta(minutes=1))
    assert "being fetched" in admin.post(page, kept | new).content.decode()
    assert verify_record().findings == []


def test_the_connection_of_an_exchange_is_tested(
    place: SimpleNamespace, ncii: StopNcii, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = signed_in(Role.ADMIN)
    stopncii(ncii)
    test = ("/banks/exchanges/x/act/", {"act": "test"})
    assert "2 records on its first page" in admin.post(*test, follow=True).content.decode()
    ncii.fault = ["500"]
    assert "answers 500" in admin.post(*test, follow=True).content.decode()
    monkeypatch.setattr(trying, "SECONDS", 0.1)
    ncii.fault = ["timeout"]
    assert "within 0.1 seconds" in admin.post(*test, follow=True).content.decode()
    assert not BankItem.objects.exists() and Exchange.objects.get().error == ""


def test_files_of_this_machine_are_named_at_the_shell_only(place: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("not for the console\n")
    asked = {"name": "x", "into": "theirs", "config_url": str(path), "arrives": "quarantined", "every_minutes": 60}
    answer = signed_in(Role.ADMIN).post("/banks/exchanges/add/?kind=file", asked | {"test": "on"})
    assert answer.status_code == 422 and "put in at the shell" in answer.content.decode()
    assert "the first line" not in answer.content.decode() and not Exchange.objects.exists()


def test_one_process_fetches_at_a_time_and_a_bank_that_is_busy_is_waited_for(
    place: SimpleNamespace, ncii: StopNcii
) -> None:
    stopncii(ncii)
    Exchange.objects.update(leased_until=timezone.now() + timedelta(minutes=1))
    assert fetch(Exchange.objects.get()) is False and ncii.asked == []
    Exchange.objects.update(leased_until=None)
    BankChange.objects.create(bank_id="theirs", number=50, act="import", state="applying")
    assert "is being written" in fetched().error and not BankItem.objects.exists()
    switch(None, "x", enabled=False)
    assert Exchange.objects.get().standing == "off"


def test_items_are_retired_when_they_were_kept_long_enough(place: SimpleNamespace) -> None:
    create_bank(None, "short", retention_days=30)
    old, new = (add_item(None, "short", "md5", value) for value in MD5[:2])
    BankItem.objects.filter(pk=old.pk).update(added_at=timezone.now() - timedelta(days=31))
    assert keep() == 1
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.state, new.state) == ("retired", "active") and keep() == 0


def test_exchanges_are_kept_at_the_shell(place: SimpleNamespace, tmp_path: Path, ncii: StopNcii) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["exchanges", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    secrets = tmp_path / "secret.json"
    secrets.write_text(json.dumps({"subscription_key": "sub", "fetch_function_key": "fetch"}))
    assert "privacy_group" in run("kinds")
    assert "subscription_key" in run("add", "n", "stopncii", "theirs", code=1)
    run(
        "add",
        "n",
        "stopncii",
        "theirs",
        "--config",
        f"base_url={ncii.url}",
        "--secret-file",
        str(secrets),
        "--write-back",
    )
    assert "4 added" in run("fetch", "n")
    assert "ok" in run("list")
    secrets.write_text(json.dumps({"subscription_key": "other", "fetch_function_key": "fetch"}))
    run("secret", "n", "--secret-file", str(secrets))
    assert "credentials" in run("fetch", "n", code=1)
    assert "is off" in run("switch", "n", "off")
    assert "0 are queued" in run("retry", "n")
    assert "no exchange" in run("fetch", "none", code=1)
