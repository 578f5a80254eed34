"""The pages of hash banks: somebody adds, somebody else activates; items are disputed and settled; exchanges are watched."""

import json
import re
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from safehold.accounts.people import add_person
from safehold.accounts.roles import Role
from safehold.desk.banks import importing
from safehold.desk.banks.changing import add_item, create_bank
from safehold.desk.banks.exchanges.fetching import fetch
from safehold.desk.banks.exchanges.managing import add_exchange
from safehold.desk.banks.importing import import_file
from safehold.desk.banks.models import Bank, BankChange, BankHit, BankItem, Exchange, SignalOpinion
from safehold.record.verification import verify_record
from tests.world import happens, service

MD5 = "9e107d9d372bb6826bd81d3542a419d6"


@pytest.fixture
def place(fresh_sqlite: SimpleNamespace) -> SimpleNamespace:
    people = {
        "moderator": Role.MODERATOR, "senior": Role.SENIOR_MODERATOR, "admin": Role.ADMIN, "reader": Role.READ_ONLY,
    }  # fmt: skip
    made = SimpleNamespace()
    for name, role in people.items():
        client = Client()
        client.force_login(add_person(None, f"{name}@example.org", name, [role]))
        setattr(made, name, client)
    create_bank(None, "bad", title="Bad things")
    return made


def page(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return answer.content.decode()


def test_somebody_adds_and_somebody_else_activates(place: SimpleNamespace) -> None:
    assert "Bad things" in page(place.reader, "/banks/")
    assert "Add a hash" not in page(place.reader, "/banks/in/bad/")
    page(place.reader, "/banks/in/bad/add/", 403)
    wrong = place.moderator.post("/banks/in/bad/add/", {"kind": "md5", "value": "xyz"})
    assert wrong.status_code == 422 and "32 hexadecimal digits" in wrong.content.decode()
    place.moderator.post("/banks/in/bad/add/", {"kind": "md5", "value": MD5.upper(), "reference": "case 7"})
    item = BankItem.objects.get()
    address = f"/banks/in/bad/items/{item.pk}/"
    assert "Somebody else has to activate it" in page(place.moderator, address)
    place.moderator.post(f"{address}move/", {"activity": "activated"})
    assert BankItem.objects.get().state == "quarantined"
    assert "case 7" in page(place.senior, address)
    place.senior.post(f"{address}move/", {"activity": "activated"})
    place.moderator.post(f"{address}move/", {"activity": "disputed", "note": "a logo"})
    assert BankItem.objects.get().state == "disputed" and "a logo" in page(place.reader, address)
    place.senior.post(f"{address}move/", {"activity": "cleared"})
    assert BankItem.objects.get().state == "negative"
    place.reader.post(f"{address}opinion/", {"belief": "positive"})
    place.moderator.post(f"{address}opinion/", {"belief": "positive"})
    assert SignalOpinion.objects.order_by("-id").first().by.email == "moderator@example.org"


def test_items_are_found_by_hash_state_and_type(place: SimpleNamespace) -> None:
    item = add_item(None, "bad", "md5", MD5)
    add_item(None, "bad", "url", "https://evil.example/x")
    for text, shown in (
        (MD5.upper(), True),
        ("type:url", False),
        ("state:active", True),
        (str(item.pk), True),
        ("00", False),
    ):
        assert (MD5[:20] in page(place.reader, f"/banks/in/bad/?q={text}")) is shown, text
    assert "evil.example" in page(place.reader, "/banks/in/bad/?q=EVIL.example/x")
    assert "state" in page(place.reader, "/banks/in/bad/?q=state:gone", 400)


def test_what_an_import_brought_is_activated_as_a_whole(place: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "feed.txt"
    path.write_text("\n".join(f"{number:032x}" for number in range(3)))
    import_file(None, "bad", path, "plain", kind="md5", active=False)
    number = Bank.objects.get(pk="bad").number
    assert "Activate 3 that wait" in page(place.senior, "/banks/in/bad/")
    assert "that wait" not in page(place.moderator, "/banks/in/bad/")
    place.senior.post(f"/banks/in/bad/changes/{number}/activate/")
    assert set(BankItem.objects.values_list("state", flat=True)) == {"active"}


def test_a_bank_is_made_and_set(place: SimpleNamespace) -> None:
    page(place.moderator, "/banks/make/", 403)
    place.senior.post("/banks/make/", {"name": "new", "sign": "negative", "categories": "a, b"})
    made = Bank.objects.get(pk="new")
    assert (made.sign, made.categories) == ("negative", ["a", "b"])
    again = place.senior.post("/banks/make/", {"name": "new", "sign": "positive"})
    assert again.status_code == 422 and "already" in again.content.decode()
    videos = {"video_query_share": "0.8", "video_item_share": "0"}
    wrong = place.senior.post("/banks/in/new/settings/", {"enabled_ratio": "2", "pdq_distance": "31"} | videos)
    assert wrong.status_code == 422
    place.senior.post("/banks/in/new/settings/", {"enabled_ratio": "0.25", "pdq_distance": "8"} | videos)
    assert "25 %" in page(place.reader, "/banks/in/new/")


def test_hashes_of_a_decision_go_into_a_bank_and_hits_lead_back(place: SimpleNamespace) -> None:
    service()
    nothing = happens("hold", by="u1")
    assert "brought no media" in page(place.moderator, f"/decisions/{nothing.pk}/bank/")
    data = {
        "message_id": "m1",
        "recipient_id": "u9",
        "text": "",
        "media": [{"mime": "image/png", "md5": MD5, "pdq": "ab" * 32}],
    }
    decision = happens("hold", by="u1", data=data)
    assert "Add to a bank" in page(place.moderator, f"/decisions/{decision.pk}/")
    assert "Add to a bank" not in page(place.reader, f"/decisions/{decision.pk}/")
    chosen = {"bank": "bad", "hashes": [f"md5 {MD5}", f"pdq {'ab' * 32}"], "note": "propaganda"}
    place.moderator.post(f"/decisions/{decision.pk}/bank/", chosen)
    added = BankItem.objects.filter(reference=decision.pk)
    assert {(item.kind, item.state) for item in added} == {("md5", "quarantined"), ("pdq", "quarantined")}
    again = place.moderator.post(f"/decisions/{decision.pk}/bank/", chosen)
    assert again.status_code == 422 and "already" in again.content.decode()
    item = added.get(kind="md5")
    BankHit.objects.create(item=item, decision=decision.pk, at=decision.decided_at, distance=0, action="hold")
    assert decision.pk in page(place.reader, f"/banks/in/bad/items/{item.pk}/")


def test_exchanges_say_how_they_stand_and_are_asked_by_those_who_may(place: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    add_exchange(None, "partner", "file", "bad", {"url": str(path)}, {})
    assert "Not fetched yet" in page(place.reader, "/banks/exchanges/")
    fetch(Exchange.objects.get())
    assert "can&#x27;t be read" in page(place.reader, "/banks/exchanges/")
    assert "Fetch now" not in page(place.reader, "/banks/exchanges/")
    path.write_text(f"type,value\nmd5,{MD5}\n")
    place.admin.post("/banks/exchanges/partner/act/", {"act": "fetch"})
    fetch(Exchange.objects.get())
    shown = page(place.admin, "/banks/exchanges/")
    assert "In step" in shown and "1 added" in shown
    place.admin.post("/banks/exchanges/partner/act/", {"act": "off"})
    assert Exchange.objects.get().standing == "off"
    assert place.moderator.post("/banks/exchanges/partner/act/", {"act": "on"}).status_code == 403


def upload(client: Client, name: str, text: str, status: int = 302, **more: str) -> str:
    """Send a file of hashes; where it leads, or the page that says what is wrong."""
    file = SimpleUploadedFile(name, text.encode())
    answer = client.post("/banks/in/bad/import/", {"file": file, **more})
    assert answer.status_code == status, answer.content.decode()
    return str(answer["location"]) if status == 302 else answer.content.decode()


def test_a_file_waits_until_somebody_else_activates_all_of_it(place: SimpleNamespace) -> None:
    page(place.reader, "/banks/in/bad/import/", 403)
    rows = "".join(f"md5,{number:032x},case {number}\n" for number in range(60))
    at = upload(place.moderator, "feed.csv", f"type,value,reference\n{rows}")
    assert set(BankItem.objects.values_list("state", flat=True)) == {"quarantined"}
    shown = page(place.moderator, at)
    assert "somebody else has to activate it" in shown and "Activate all" not in shown and "Discard" in shown
    assert "case 49" in shown and "case 50" not in shown
    place.moderator.post(f"{at}activate/")
    assert set(BankItem.objects.values_list("state", flat=True)) == {"quarantined"}, "not one's own"
    assert "Activate all" in page(place.senior, at) and "Activate all" not in page(place.reader, at)
    place.senior.post(f"{at}activate/")
    assert set(BankItem.objects.values_list("state", flat=True)) == {"active"}
    assert "It waits" not in page(place.senior, at)
    assert not verify_record().findings


def test_wrong_rows_are_named_by_line_and_column_and_nothing_is_written(place: SimpleNamespace) -> None:
    shown = upload(place.moderator, "feed.csv", f"type,value\nmd5,{MD5}\nmd5,xyz\nshape,{MD5}\n", 422)
    cells = [cell.strip() for cell in re.findall(r"<td[^>]*>([^<]*)</td>", shown)]
    assert cells[0::3] == ["3", "4"] and cells[1::3] == ["value", "type"] and "32 hexadecimal digits" in cells[2]
    assert "2 rows are wrong" in shown and not BankItem.objects.exists() and not BankChange.objects.filter(act="import")
    assert "is no kind of hash" in upload(place.moderator, "feed.ndjson", '{"type": "shape", "value": "x"}\n', 422)
    assert "which kind of hash" in upload(place.moderator, "feed.txt", MD5, 422)
    assert "choose the format" in upload(place.moderator, "feed.bin", MD5, 422)
    assert "has no rows" in upload(place.moderator, "feed.txt", "# nothing\n", 422, kind="md5")
    upload(place.moderator, "feed.bin", MD5, format="plain", kind="md5", source="A partner")
    assert BankItem.objects.get().source == "A partner"
    upload(place.moderator, "more.jsonl", json.dumps({"type": "md5", "value": MD5[::-1]}))
    assert BankItem.objects.count() == 2


def test_what_was_brought_is_discarded_and_can_be_brought_again(place: SimpleNamespace) -> None:
    add_item(None, "bad", "md5", MD5)
    text = f"{MD5}\n{'ab' * 16}\n"
    at = upload(place.moderator, "feed.txt", text, kind="md5")
    place.reader.post(f"{at}act/", {"act": "discard"})
    assert BankItem.objects.get(value="ab" * 16).state == "quarantined"
    place.moderator.post(f"{at}act/", {"act": "discard"})
    states = dict(BankItem.objects.values_list("value", "state"))
    assert states == {MD5: "active", "ab" * 16: "retired"}, "what was there before stays as it was"
    again = upload(place.senior, "feed.txt", text, kind="md5")
    assert BankItem.objects.get(value="ab" * 16).state == "quarantined"
    place.admin.post(f"{again}activate/")
    assert set(BankItem.objects.values_list("state", flat=True)) == {"active"}
    assert not verify_record().findings


def test_a_long_file_is_written_while_its_page_shows_how_far_it_is_and_goes_on_when_it_was_interrupted(
    place: SimpleNamespace, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000
    monkeypatch.setattr(importing, "CHUNK", 20)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    text = "\n".join(f"{number:032x}" for number in range(100))
    gone_on = importing._list_again

    def dies(change: BankChange, *said: Any) -> None:
        if change.done >= 40:
            raise RuntimeError("the process ended")
        gone_on(change, *said)

    monkeypatch.setattr(importing, "_list_again", dies)
    at = upload(place.moderator, "feed.txt", text, kind="md5")
    wait_for_imports()
    change = BankChange.objects.get(act="import")
    assert (change.state, change.done) == ("applying", 40)
    shown = place.moderator.get(at, headers={"HX-Request": "true"}).content.decode()
    assert 'value="40"' in shown and 'max="100"' in shown
    monkeypatch.setattr(importing, "_list_again", gone_on)
    assert upload(place.moderator, "feed.txt", text, kind="md5") == at
    wait_for_imports()
    assert BankItem.objects.filter(state="quarantined").count() == 100
    assert place.moderator.get(at, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert not list(tmp_path.glob("safehold-bank-*"))


def test_a_long_file_with_wrong_rows_is_read_in_the_background_and_its_page_names_them(
    place: SimpleNamespace, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    text = "\n".join([*(f"{number:032x}" for number in range(100)), "xyz", "1" * 31])
    at = upload(place.moderator, "feed.txt", text, kind="md5")
    wait_for_imports()
    change = BankChange.objects.get(act="import")
    assert (change.state, BankItem.objects.count()) == ("abandoned", 0)
    shown = page(place.moderator, at)
    assert "Nothing was brought in" in shown and "line 101, column `value`" in shown and "line 102" in shown
    assert upload(place.moderator, "feed.txt", text[: 33 * 100], kind="md5") != at
    wait_for_imports()
    assert BankItem.objects.filter(state="quarantined").count() == 100 and not verify_record().findings
    assert not list(tmp_path.glob("safehold-bank-*"))


def test_an_interrupted_import_is_given_up(place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*said: Any) -> None:
        raise RuntimeError("the process ended")

    monkeypatch.setattr(importing, "_finish", dies)
    with pytest.raises(RuntimeError):
        upload(place.moderator, "feed.txt", MD5, kind="md5")
    at = f"/banks/in/bad/changes/{BankChange.objects.get(act='import').number}/"
    assert "Give up" in page(place.senior, at)
    place.senior.post(f"{at}act/", {"act": "give_up"})
    assert BankItem.objects.get().state == "retired" and "Give up" not in page(place.senior, at)


def wait_for_imports() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("bank-"):
            thread.join(20)
