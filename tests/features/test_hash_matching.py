"""What is in a hash bank is found, near and exact, within a moment of being put in; what nobody can know is not called clean."""

import random
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import tlsh as library

from safehold.accounts.keys import create_key
from safehold.accounts.roles import Scope
from safehold.desk.banks.changing import add_item, change_bank, create_bank, move_item
from safehold.desk.banks.feed import Feed
from safehold.engine.event import lift
from safehold.engine.signal import SignalFailed
from safehold.gateway.banks import BankKeeper
from safehold.signals.hashes import tlsh
from safehold.signals.hashes.kinds import in_share, normal
from safehold.signals.hashes.matching import BankView, Item, Shelf
from safehold.signals.hashes.signal import Hashes
from tests.gateway_server import message, policy_folder, serving
from tests.world import service

EVENT = {"Content-Type": "application/cloudevents+json"}
POLICY = """
policy: test.known
title: Known
severity: high
guidance: None.
on: [message.sent]
rules:
  - {id: known, mode: live, when: signals.hashes.matched, then: {action: remove, reason: Known}}
"""
PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"


def flipped(value: str, bits: int, seed: int = 1) -> str:
    """A PDQ hash with so many bits turned."""
    number = int(value, 16)
    for place in random.Random(seed).sample(range(256), bits):
        number ^= 1 << place
    return f"{number:064x}"


def view(name: str, *, negative: bool = False, ratio: float = 1.0, pdq: int = 31) -> BankView:
    return BankView(name, negative, ratio, (f"{name}-things",), pdq, 30, 1, "1")


def shelf(*banks: BankView, items: list[Item]) -> Shelf:
    made = Shelf()
    made.describe({bank.name: bank for bank in banks})
    made.put(items)
    made.ready = True
    return made


def asked(made: Shelf, *media: dict[str, object], text: str = "") -> dict[str, object]:
    event = lift(message(1, text) | {"data": {"media": list(media), "text": text}})
    return dict(Hashes(made).run(msgspec.structs.replace(event, text=text)))


def test_a_picture_is_found_as_far_as_its_bank_says_and_no_farther() -> None:
    made = shelf(view("bad"), view("strict", pdq=8), items=[Item(1, "bad", "pdq", PDQ), Item(2, "strict", "pdq", PDQ)])
    near, far, out = (asked(made, {"pdq": flipped(PDQ, bits)}) for bits in (8, 31, 32))
    assert near["banks"] == ["bad", "strict"] and near["nearest"] == 8
    assert [(each["bank"], each["item"], each["distance"]) for each in far["matches"]] == [("bad", "1", 31)]
    assert far["categories"] == ["bad-things"] and (out["matched"], "nearest" in out) == (False, False)


def test_an_item_that_is_changed_is_found_meanwhile_and_with_its_new_sign_afterwards() -> None:
    items = [Item(1, "bad", "pdq", PDQ), Item(2, "bad", "md5", "ab" * 16)]
    made, done, missed = shelf(view("bad"), items=items), threading.Event(), list[object]()

    def look() -> None:
        while not done.is_set():
            if any(not found.matches for found in made.look_up([[("pdq", PDQ)], [("md5", "ab" * 16)]])):
                missed.append(1)

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(1_000):
        made.put(items)
    done.set()
    thread.join()
    assert not missed and len(made) == 2
    made.put([item._replace(negative=True) for item in items])
    assert len(made) == 2 and not asked(made, {"pdq": PDQ, "md5": "ab" * 16})["matched"]


def test_a_flat_picture_is_not_looked_up_and_a_video_is_found_by_a_frame() -> None:
    made = shelf(view("bad"), items=[Item(1, "bad", "pdq", PDQ)])
    assert not asked(made, {"pdq": PDQ, "quality": 10})["matched"]
    frames = [f"{'0' * 64},100,0.000", f"{flipped(PDQ, 5)},80,1.000"]
    assert asked(made, {"mime": "video/mp4", "frames": frames})["nearest"] == 5
    assert not asked(made, {"mime": "video/mp4", "frames": [f"{PDQ},20,1.000"]})["matched"]


def test_digests_texts_and_links_are_found_exactly() -> None:
    md5, sha = "9e107d9d372bb6826bd81d3542a419d6", "ab" * 32
    items = [
        Item(1, "bad", "video_md5", md5), Item(2, "bad", "sha256", sha),
        Item(3, "bad", "raw_text", normal("raw_text", "Join us now")),
        Item(4, "bad", "url", normal("url", "https://evil.example/x")),
    ]  # fmt: skip
    made = shelf(view("bad"), items=items)
    found = asked(made, {"md5": md5.upper(), "sha256": sha}, text="j0in us n.o.w")
    assert sorted(each["item"] for each in found["matches"]) == ["1", "2", "3"]
    assert [each["item"] for each in asked(made, text="see https://EVIL.example/x#top ok")["matches"]] == ["4"]
    assert not asked(made, {"md5": "0" * 32}, text="Join us later")["matched"]


def test_a_negative_bank_beats_every_positive_one_and_a_negative_item_its_own_bank() -> None:
    near = flipped(PDQ, 6)
    made = shelf(
        view("bad"), view("worse"), view("good", negative=True),
        items=[Item(1, "bad", "pdq", PDQ), Item(2, "worse", "pdq", PDQ), Item(3, "bad", "pdq", near, True)],
    )  # fmt: skip
    cleared = asked(made, {"pdq": near})
    assert cleared["banks"] == ["worse"] and cleared["negative"] and cleared["held_back"][0]["why"] == "negative"
    assert asked(made, {"pdq": PDQ})["banks"] == ["bad", "worse"], "what is nearer than the negative stays a match"
    made.put([Item(4, "good", "pdq", flipped(PDQ, 20))])
    silent = asked(made, {"pdq": PDQ}, {"md5": "0" * 32})
    assert (silent["matched"], silent["negative"]) == (False, True) and len(silent["held_back"]) == 2
    both = asked(made, {"pdq": PDQ}, {"pdq": flipped(PDQ, 25, seed=3)})
    assert "good" in {each["bank"] for each in both["negatives"]}


def test_a_canary_matches_its_share_and_says_what_it_holds_back() -> None:
    values = [f"{number:032x}" for number in range(400)]
    made = shelf(view("new", ratio=0.25), items=[Item(at, "new", "md5", value) for at, value in enumerate(values)])
    found = {value: asked(made, {"md5": value}) for value in values}
    live = {value for value, said in found.items() if said["matched"]}
    assert live == {value for value in values if in_share(value, 0.25)} and 60 < len(live) < 140
    assert all(found[value]["held_back"][0]["why"] == "canary" for value in set(values) - live)
    made.describe({"new": view("new", ratio=0)})
    assert not any(asked(made, {"md5": value})["matched"] for value in values)


@pytest.mark.parametrize(
    ("media", "said"),
    [
        ([{"mime": "image/png"}], "data.media[0] has no hash"),
        ([{"md5": "xyz"}], "data.media[0].md5"),
        ([{"pdq": PDQ, "frames": ["zz,100,1"]}], "data.media[0].frames[0]"),
        ([{"md5": "0" * 32}] * 51, "50 can be looked up"),
        ("a picture", "must be a list"),
        (["a picture"], "must be an object"),
    ],
)
def test_what_cannot_be_looked_up_is_a_failure_and_never_clean(media: object, said: str) -> None:
    signal = Hashes(shelf(view("bad"), items=[]))
    with pytest.raises(SignalFailed) as failed:
        signal.run(lift(message(1) | {"data": {"media": media}}))
    assert said in str(failed.value)


def test_without_loaded_banks_nobody_says_that_nothing_matches() -> None:
    event = lift(message(1))
    for signal in (Hashes(), Hashes(Shelf())):
        with pytest.raises(SignalFailed, match="not loaded"):
            signal.run(event)


def test_tlsh_distances_are_the_reference_implementations() -> None:
    rng = random.Random(7)
    texts = [
        bytes(rng.randrange(97, 97 + rng.randrange(5, 26)) for _ in range(rng.randrange(300, 900))) for _ in range(60)
    ]
    texts += [texts[0][:250] + bytes(rng.randrange(97, 120) for _ in range(6)) + texts[0][256:] for _ in range(20)]
    digests = [normal("tlsh", library.hash(text)) for text in texts]
    rows = tlsh.rows(digests)
    for one in digests[:20]:
        assert tlsh.distances(one, rows).tolist() == [library.diffxlen(one, other) for other in digests]
    made = shelf(view("bad"), items=[Item(1, "bad", "tlsh", digests[0])])
    near = [one for one in digests if library.diffxlen(digests[0], one) <= 30]
    assert len(near) > 1 and all(asked(made, {"tlsh": one})["matched"] for one in near)
    made.drop([Item(1, "bad", "tlsh", digests[0])])
    assert not asked(made, {"tlsh": digests[0]})["matched"] and len(made) == 0


def test_a_shelf_that_is_followed_is_the_shelf_that_is_loaded_anew(fresh_database: SimpleNamespace) -> None:
    """Random changes of two banks, followed step by step by one keeper, and loaded whole by another."""
    rng = random.Random(3)
    create_bank(None, "bad")
    create_bank(None, "good", "negative")
    follower = BankKeeper(Feed())
    follower.load()
    values = [f"{rng.getrandbits(256):064x}" for _ in range(12)]
    ids = [add_item(None, rng.choice(["bad", "good"]), "pdq", value).pk for value in values]
    ids += [add_item(None, rng.choice(["bad", "good"]), "md5", value[:32]).pk for value in values]
    follower._look()
    for step in range(30):
        activity = rng.choice(["disputed", "upheld", "cleared", "retired"])
        try:
            move_item(None, rng.choice(ids), activity)
        except Exception as refused:
            assert "is" in str(refused)
        if step % 4 == 0:
            change_bank(None, "bad", enabled_ratio=rng.random(), pdq_distance=rng.randrange(32))
            follower._look()
    follower._look()
    anew = BankKeeper(Feed())
    anew.load()
    for value in values:
        query = [[("pdq", flipped(value, rng.randrange(25), seed=step))] for step in range(3)]
        query.append([("md5", value[:32])])
        assert follower.shelf.look_up(query) == anew.shelf.look_up(query)
    assert len(follower.shelf) == len(anew.shelf) > 0


def test_running_servers_follow_a_bank_and_keep_the_hit(
    fresh_sqlite: SimpleNamespace, tmp_path: Path, settings: object
) -> None:
    service()
    _, secret = create_key(None, "plaza", list(Scope), service="plaza")
    policies = policy_folder(tmp_path / "policies")
    (policies / "known.yaml").write_text(POLICY)
    create_bank(None, "bad", categories=["terrorism"])
    with serving(fresh_sqlite.url, policies, tmp_path, processes=2) as server:
        client, sent = server.client(secret), iter(range(10_000))

        def send() -> dict[str, object]:
            number = next(sent)
            event = message(f"h{number}", actor=f"u{number}")
            event["data"]["media"] = [{"mime": "image/png", "pdq": flipped(PDQ, 9), "quality": 90}]
            answered = client.post("/v1/events", json=event, headers=EVENT)
            assert answered.status_code == 200, answered.text
            return answered.json()

        def until(action: str) -> None:
            end = time.monotonic() + 60
            while send()["action"] != action:
                assert time.monotonic() < end
                time.sleep(0.02)

        assert send()["action"] == "allow"
        item = add_item(None, "bad", "pdq", PDQ)
        until("remove")
        [hit] = send()["hits"]
        assert hit["values"] == {"signals.hashes.matched": True}
        move_item(None, item.pk, "disputed")
        until("allow")
        move_item(None, item.pk, "upheld")
        until("remove")
        change_bank(None, "bad", enabled_ratio=0)
        until("allow")
        assert server.metric("safehold_bank_items") == 1
        bad = message("wrong")
        bad["data"]["media"] = [{"mime": "image/png"}]
        said = client.post("/v1/events", json=bad, headers=EVENT).json()
        assert [each["cause"] for each in said["undecided"]] == ["unknown"]
        assert said["failed_signals"][0]["signal"] == "hashes"
