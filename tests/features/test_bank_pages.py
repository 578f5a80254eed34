"""The pages of hash banks: somebody adds, somebody else activates; items are disputed and settled; exchanges are watched."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import Client

from safehold.accounts.people import add_person
from safehold.accounts.roles import Role
from safehold.desk.banks.changing import add_item, create_bank
from safehold.desk.banks.exchanges.fetching import fetch
from safehold.desk.banks.exchanges.managing import add_exchange
from safehold.desk.banks.importing import import_file
from safehold.desk.banks.models import Bank, BankHit, BankItem, Exchange, SignalOpinion
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
    wrong = place.senior.post("/banks/in/new/settings/", {"enabled_ratio": "2", "pdq_distance": "31"})
    assert wrong.status_code == 422
    place.senior.post("/banks/in/new/settings/", {"enabled_ratio": "0.25", "pdq_distance": "8"})
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
