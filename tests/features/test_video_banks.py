"""Videos in hash banks: put in, shared, brought in and out like every other hash; found by how much of each is in the other."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from typer.testing import CliRunner

from safehold.accounts.keys import create_key
from safehold.accounts.people import Refused, add_person
from safehold.accounts.roles import Role, Scope
from safehold.cli import app
from safehold.desk.banks.changing import add_item, add_items, change_bank, create_bank
from safehold.desk.banks.exchanges.fetching import fetch
from safehold.desk.banks.exchanges.managing import add_exchange
from safehold.desk.banks.feed import Feed
from safehold.desk.banks.models import Bank, BankChange, BankHit, BankItem, Exchange
from safehold.record.guards import missing_guards
from safehold.record.verification import verify_record
from safehold.signals.hashes.kinds import BadHash, key_of, normal
from safehold.signals.media import vpdq
from tests.features.test_hash_matching import EVENT, PDQ, POLICY, asked, flipped, shelf, view
from tests.features.test_hostile_media import video
from tests.gateway_server import message, policy_folder, serving
from tests.properties.test_video_matching import item as shelved
from tests.world import happens, service

FRAMES = [vpdq.Frame(flipped(PDQ, 100, seed), 90, float(seed)) for seed in range(10)]
WRITTEN = vpdq.write(FRAMES)


@pytest.fixture
def place(fresh_database: SimpleNamespace) -> SimpleNamespace:
    create_bank(None, "bad", categories=["terrorism"])
    return fresh_database


@pytest.fixture
def sqlite_place(fresh_sqlite: SimpleNamespace) -> SimpleNamespace:
    create_bank(None, "bad", categories=["terrorism"])
    return fresh_sqlite


def test_a_video_is_kept_with_its_frames_and_known_by_their_digest(place: SimpleNamespace) -> None:
    spaced = json.dumps([str(frame).upper() for frame in FRAMES], indent=1)
    item = add_item(None, "bad", "vpdq", spaced)
    assert (item.value, item.frames, item.shared) == (key_of("vpdq", WRITTEN), WRITTEN, WRITTEN)
    with pytest.raises(Refused, match="already"):
        add_item(None, "bad", "vpdq", WRITTEN)
    [told] = Feed().items("bad", Bank.objects.get().number)
    assert list(told.frames) == [frame.hash for frame in FRAMES]
    for changed in ({"frames": "[]"}, {"variants": {"crop2": PDQ}}):
        with pytest.raises(DatabaseError, match="keeps"), transaction.atomic():
            BankItem.objects.filter(pk=item.pk).update(**changed)
    with pytest.raises(IntegrityError), transaction.atomic():
        BankItem.objects.create(bank_id="bad", kind="vpdq", value="0" * 64, added_at=item.added_at, change=1)
    assert missing_guards() == [] and not verify_record().findings


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[]", "no frame"),
        (f'["{PDQ},49,0.0"]', "no frame"),
        (f'["{PDQ},90"]', "frame 0"),
        (f'["{PDQ},90,0.0", 7]', "JSON array"),
        ("[" * 100_000, "JSON array"),
        (vpdq.write(FRAMES * 501), "5,000 frames"),
    ],
)
def test_what_is_no_video_is_refused_with_the_reason(written: str, said: str) -> None:
    with pytest.raises(BadHash, match=said):
        normal("vpdq", written)


def test_policies_are_told_how_much_of_each_video_is_in_the_other() -> None:
    excerpt = [str(frame._replace(timestamp=0.5)) for frame in FRAMES[:4]]
    strange = [f"{flipped(PDQ, 120, seed)},90,{seed}.0" for seed in (50, 51)]
    wide, strict = view("wide"), view("strict")._replace(video_shares=vpdq.Shares(0.6, 0.5))
    made = shelf(wide, strict, items=[shelved(1, "wide", FRAMES), shelved(2, "strict", FRAMES)])
    said = asked(made, {"mime": "video/mp4", "frames": excerpt})
    assert [(each["bank"], each["type"], each["query_share"], each["item_share"]) for each in said["matches"]] == [
        ("wide", "vpdq", 1.0, 0.4)
    ]
    assert said["nearest"] == 0 and said["categories"] == ["wide-things"]
    longer = [str(frame) for frame in FRAMES[:6]] + strange
    said = asked(made, {"mime": "video/mp4", "frames": longer})
    assert [(each["bank"], each["query_share"], each["item_share"]) for each in said["matches"]] == [
        ("strict", 0.75, 0.6)
    ]
    assert not asked(made, {"frames": strange})["matched"]
    as_objects = [{"pdq": frame.hash, "quality": 90} for frame in FRAMES]
    assert len(asked(made, {"frames": as_objects})["matches"]) == 2
    innocent = shelf(wide, view("good", negative=True), items=[shelved(1, "wide", FRAMES), shelved(2, "good", FRAMES)])
    said = asked(innocent, {"frames": excerpt})
    assert (said["matched"], said["negative"], said["held_back"][0]["why"]) == (False, True, "negative")


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_videos_go_out_as_a_file_and_come_in_again(sqlite_place: SimpleNamespace, tmp_path: Path, ending: str) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["banks", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    add_item(None, "bad", "vpdq", WRITTEN, reference="case 1", note="two\nlines, and a comma")
    add_item(None, "bad", "raw_text", "Join us now")
    create_bank(None, "copy")
    path = tmp_path / f"hashes.{ending}"
    run("export", "bad", "--out", str(path), "--format", ending)
    assert "2 added" in run("import", "copy", str(path))
    assert "0 added" in run("import", "copy", str(path))
    shared = {bank: sorted(each.shared for each in BankItem.objects.filter(bank=bank)) for bank in ("bad", "copy")}
    assert shared["bad"] == shared["copy"]
    assert set(BankItem.objects.filter(kind="vpdq").values_list("reference", flat=True)) == {"case 1"}


def test_an_exchange_brings_videos_and_a_page_of_long_ones_stays_short(
    sqlite_place: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "feed.ndjson"
    others = vpdq.write(FRAMES[:3])
    path.write_text("".join(json.dumps({"type": "vpdq", "value": value}) + "\n" for value in (WRITTEN, others)))
    add_exchange(None, "feed", "file", "bad", {"url": str(path)}, {}, arrive_active=True)
    assert fetch(Exchange.objects.get()) and BankItem.objects.filter(kind="vpdq", state="active").count() == 2
    path.write_text(json.dumps({"type": "vpdq", "value": others}) + "\n")
    assert fetch(Exchange.objects.get())
    assert BankItem.objects.get(state="active").frames == others
    monkeypatch.setattr("safehold.desk.banks.feed.MOST_TOLD", len(WRITTEN))
    pages, after, last = [], 0, 0
    while (page := Feed().page("bad", after, last, 100)) is not None:
        pages.append([each.value for each in page.items])
        if not page.more:
            break
        after, last = (int(part) for part in page.next.split("."))
    assert sorted(map(len, pages)) == [1, 1] and {value for page in pages for value in page} == {WRITTEN, others}


def test_a_video_that_is_sent_is_found_by_a_bank_whatever_it_was_made_into(
    fresh_sqlite: SimpleNamespace, tmp_path: Path
) -> None:
    service()
    _, secret = create_key(None, "plaza", list(Scope), service="plaza")
    policies = policy_folder(tmp_path / "policies")
    when = "\"signals.hashes.matches.exists(m, m.type == 'vpdq' && m.query_share > 0.9)\""
    (policies / "known.yaml").write_text(POLICY.replace("signals.hashes.matched", when))
    create_bank(None, "bad", categories=["terrorism"])
    source = tmp_path / "source.webm"
    source.write_bytes(video(6, "webm", 240))
    added = CliRunner().invoke(app, ["banks", "add-file", "bad", str(source)])
    assert added.exit_code == 0 and "vpdq" in added.output, added.output
    item = BankItem.objects.get(kind="vpdq")
    excerpt = video(3, "mp4", 160)
    with serving(fresh_sqlite.url, policies, tmp_path, media_models="none") as server:
        client = server.client(secret)
        answer = client.post("/v1/media", content=excerpt, headers={"Content-Type": "video/mp4"}).json()
        event = message("v1")
        event["data"]["media"] = [answer]
        said = client.post("/v1/events", json=event, headers=EVENT)
        assert (said.status_code, said.json()["action"]) == (200, "remove"), said.text
        hashes = client.post("/h/hash", files={"video": ("a.mp4", excerpt, "video/mp4")}).json()
        assert len(vpdq.read(hashes["vpdq"])) == 3 and "video_md5" in hashes
        found = client.post("/m/lookup", files={"video": ("a.mp4", excerpt, "video/mp4")}).json()["vpdq"]
        assert found == {"bad": [{"bank_content_id": item.pk, "distance": "100%[80%]"}]}
        by_signal = {"signal": hashes["vpdq"], "signal_type": "vpdq"}
        assert client.get("/m/lookup", params=by_signal).json() == found
        compared = client.post("/m/compare", json={"vpdq": [hashes["vpdq"], item.frames]}).json()["vpdq"]
        assert compared == [True, {"query_match_percent": 100.0, "compared_match_percent": 80.0}]
        torn = client.post("/h/hash", files={"video": ("a.mp4", excerpt[:200], "video/mp4")})
        assert torn.status_code == 400 and "can't be opened" in torn.json()["message"]
        assert client.get("/m/index/status").json()["vpdq"]["size"] == 1


def test_a_moderator_puts_a_decided_video_into_a_bank_and_sees_what_it_hit(sqlite_place: SimpleNamespace) -> None:
    service()
    people: dict[str, Any] = {}
    for name, role in {"moderator": Role.MODERATOR, "senior": Role.SENIOR_MODERATOR}.items():
        people[name] = Client()
        people[name].force_login(add_person(None, f"{name}@example.org", name, [role]))
    media = [{"mime": "video/mp4", "md5": "ab" * 16, "frames": [str(frame) for frame in FRAMES]}]
    decision = happens("hold", by="u1", data={"message_id": "m1", "recipient_id": "u9", "text": "", "media": media})
    address = f"/decisions/{decision.pk}/bank/"
    assert "vpdq, 10 frames" in people["moderator"].get(address).content.decode()
    chosen = {"bank": "bad", "hashes": [f"vpdq {key_of('vpdq', WRITTEN)}", f"md5 {'ab' * 16}"]}
    add_item(None, "bad", "md5", "ab" * 16)
    before = BankChange.objects.count()
    refused = people["moderator"].post(address, chosen)
    assert refused.status_code == 422 and "Nothing was added" in refused.content.decode()
    assert BankChange.objects.count() == before and not BankItem.objects.filter(kind="vpdq").exists()
    people["moderator"].post(address, chosen | {"hashes": chosen["hashes"][:1]})
    item = BankItem.objects.get(kind="vpdq")
    BankHit.objects.create(
        item=item,
        decision=decision.pk,
        at=decision.decided_at,
        distance=3,
        action="hold",
        query_share=1,
        item_share=0.4,
    )
    shown = people["senior"].get(f"/banks/in/bad/items/{item.pk}/").content.decode()
    assert "A video of 10 frames" in shown and "40 %" in shown and FRAMES[0].hash in shown
    assert "vpdq" in people["senior"].get("/banks/in/bad/?q=type:vpdq").content.decode()
    settings = {"enabled_ratio": 1, "pdq_distance": 31, "video_query_share": 1.5, "video_item_share": 0}
    assert people["senior"].post("/banks/in/bad/settings/", settings).status_code == 422
    people["senior"].post("/banks/in/bad/settings/", settings | {"video_query_share": 0.5, "variants": "on"})
    bank = Bank.objects.get(pk="bad")
    assert (bank.video_query_share, bank.variants) == (0.5, True)
    assert "50 %" in people["senior"].get("/banks/in/bad/").content.decode()


def test_several_hashes_are_one_change(place: SimpleNamespace) -> None:
    before = Bank.objects.get(pk="bad").number
    items = add_items(None, "bad", [("vpdq", WRITTEN), ("md5", "ab" * 16)], {"note": "both"})
    assert {item.change for item in items} == {before + 1} and BankChange.objects.get(number=before + 1).counts == {
        "added": 2
    }
    change_bank(None, "bad", video_item_share=0.5)
    assert Feed().banks()["bad"].video_shares == vpdq.Shares(0.8, 0.5)
    assert not verify_record().findings
