"""Which videos of a bank match one, and by how much, is what comparing every frame with every other says, however they came and
went; and what the package `threatexchange` says."""

import importlib
import random
import sys
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.signals.hashes.kinds import key_of, normal
from safehold.signals.hashes.matching import BankView, Item, Match, Shelf
from safehold.signals.media import vpdq
from safehold.signals.media.vpdq import Frame, Shares


def videos(rng: random.Random, count: int) -> list[list[Frame]]:
    """Videos made of the same few scenes, each frame some bits away from its scene: near ones, far ones, equal ones."""
    scenes = [rng.getrandbits(256) for _ in range(6)]
    made = []
    for _ in range(count):
        frames = []
        for second in range(rng.randrange(1, 9)):
            bits = rng.choice([0, 0, 8, 15, 16, 31, 40])
            flipped = sum(1 << place for place in rng.sample(range(256), bits))
            quality = rng.choice([10, 49, 50, 90, 100])
            frames.append(Frame(f"{rng.choice(scenes) ^ flipped:064x}", quality, float(second)))
        made.append(frames)
    return made


def by_hand(query: list[Frame], item: list[Frame], reach: int) -> Shares | None:
    """The shares, frame by frame; None where nothing is near."""

    def different(frames: list[Frame]) -> set[int]:
        return {int(frame.hash, 16) for frame in frames if frame.quality >= 50}

    ours, theirs = different(query), different(item)
    near = {(one, other) for one in ours for other in theirs if (one ^ other).bit_count() <= reach}
    return (
        Shares(len({one for one, _ in near}) / len(ours), len({two for _, two in near}) / len(theirs)) if near else None
    )


def item(number: int, bank: str, frames: list[Frame], *, negative: bool = False) -> Item:
    written = normal("vpdq", vpdq.write(frames))
    return Item(number, bank, "vpdq", key_of("vpdq", written), negative, vpdq.telling(frames))


def asked(shelf: Shelf, frames: list[Frame]) -> list[Match]:
    return shelf.look_up([[("vpdq", normal("vpdq", vpdq.write(frames)))]])[0].matches


@given(
    seed=st.integers(0, 2**32), reach=st.sampled_from([0, 15, 16, 31, 31]), query_share=st.sampled_from([0.0, 0.5, 0.8, 1.0]),
    item_share=st.sampled_from([0.0, 0.25, 1.0]),
)  # fmt: skip
@settings(max_examples=20, deadline=None)
def test_a_video_is_found_as_comparing_every_frame_finds_it(
    seed: int, reach: int, query_share: float, item_share: float
) -> None:
    rng = random.Random(seed)
    made = [frames for frames in videos(rng, 26) if vpdq.telling(frames)]
    queries, known = made[:6], made[6:]
    shelf = Shelf()
    shares = Shares(query_share, item_share)
    shelf.describe({
        "bad": BankView("bad", False, 1.0, (), reach, 30, 1, "1", shares),
        "wide": BankView("wide", False, 1.0, (), 31, 30, 1, "1"),
    })  # fmt: skip
    shelf.put(item(number, "bad", frames) for number, frames in enumerate(known, 1))
    shelf.put(item(1_000 + number, "wide", frames) for number, frames in enumerate(known, 1))
    gone = set(rng.sample(range(1, len(known) + 1), len(known) // 3))
    shelf.drop(item(number, "bad", known[number - 1]) for number in gone)
    back = set(rng.sample(sorted(gone), len(gone) // 2))
    shelf.put(item(number, "bad", known[number - 1]) for number in back)
    for query in queries:
        expected = {
            number: found
            for number, frames in enumerate(known, 1)
            if number not in gone - back and (found := by_hand(query, frames, reach)) is not None
            if found.query >= query_share and found.compared >= item_share
        }
        matches = asked(shelf, query)
        assert {match.item: match.shares for match in matches if match.bank == "bad"} == expected
        wide = {match.item - 1_000 for match in matches if match.bank == "wide"}
        compared = {number: vpdq.compare(query, frames) for number, frames in enumerate(known, 1)}
        assert wide == {number for number, found in compared.items() if found is not None and found.matches}


def test_the_package_threatexchange_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its index and its way of writing; only the hasher of its package `vpdq`, which needs FFmpeg's headers, is not there."""
    absent = ModuleType("vpdq")
    absent.VpdqFeature = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vpdq", absent)
    theirs = importlib.import_module("threatexchange.extensions.vpdq.vpdq").VPDQSignal
    assert theirs.get_name() == "vpdq"
    rng = random.Random(7)
    made = [frames for frames in videos(rng, 45) if vpdq.telling(frames)]
    queries, known = made[:15], made[15:]
    index = theirs.get_index_cls().build((vpdq.write(frames), number) for number, frames in enumerate(known, 1))
    shelf = Shelf()
    shelf.describe({"bad": BankView("bad", False, 1.0, (), 31, 30, 1, "1")})
    shelf.put(item(number, "bad", frames) for number, frames in enumerate(known, 1))
    met = 0
    for query in queries:
        written = normal("vpdq", vpdq.write(query))
        assert theirs.validate_signal_str(written) == written
        found = {each.metadata: each.similarity_info.pretty_str() for each in index.query(written)}
        assert {match.item: str(match.shares) for match in asked(shelf, query)} == found
        met += len(found)
    assert met > 5


def test_a_video_whose_sign_changes_is_found_by_its_new_sign_at_once() -> None:
    frames = [Frame(f"{number:064x}", 90, 0.5) for number in (1, 1 << 200)]
    shelf = Shelf()
    shelf.describe({"bad": BankView("bad", False, 1.0, (), 31, 30, 1, "1")})
    shelf.put([item(5, "bad", frames)])
    assert [match.item for match in asked(shelf, frames)] == [5]
    shelf.put([item(5, "bad", frames, negative=True)])
    assert not asked(shelf, frames) and len(shelf) == 1
    shelf.drop([item(5, "bad", frames)])
    assert len(shelf) == 0 and not asked(shelf, frames)
