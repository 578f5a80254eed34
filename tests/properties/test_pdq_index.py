"""The PDQ index finds exactly what comparing with every hash finds: whatever the hashes, however they came and went."""

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.signals.media.index import DISTANCE, Match, PdqIndex

Hashes = np.ndarray


def by_hand(keys: list[int], hashes: Hashes, query: Hashes, distance: int) -> list[Match]:
    """Every bit of every hash, counted one by one."""
    bits = (np.unpackbits(hashes, axis=1) != np.unpackbits(query)).sum(axis=1)
    found = [Match(key, int(apart)) for key, apart in zip(keys, bits, strict=True) if apart <= distance]
    return sorted(found, key=lambda match: (match.distance, match.key))


def at_distance(rng: np.random.Generator, hash_: Hashes, bits: int, within: int = 256) -> Hashes:
    """A hash that differs in exactly `bits` bits, all among the first `within`."""
    flipped = np.unpackbits(hash_)
    flipped[rng.choice(within, bits, replace=False)] ^= 1
    return np.packbits(flipped)


def populations(kind: str, rng: np.random.Generator, n: int) -> Hashes:
    if kind == "uniform":
        return rng.integers(0, 256, (n, 32), np.uint8)
    if kind == "one bucket":  # the first 128 bits the same for all
        hashes = rng.integers(0, 256, (n, 32), np.uint8)
        hashes[:, :16] = 7
        return hashes
    if kind == "flat":  # pictures of nothing: hardly a bit set
        return np.packbits(rng.random((n, 256)) < 0.03, axis=1)
    centre = rng.integers(0, 256, 32, np.uint8)  # "cluster": all of one family
    return np.array([at_distance(rng, centre, int(rng.integers(0, 45))) for _ in range(n)])


@pytest.mark.parametrize("kind", ["uniform", "one bucket", "flat", "cluster"])
@given(seed=st.integers(0, 2**32), distance=st.sampled_from([0, 7, 15, 16, 24, 31, 31, 31, 32, 64]))
@settings(max_examples=8, deadline=None)
def test_it_finds_what_counting_every_bit_finds(kind: str, seed: int, distance: int) -> None:
    rng = np.random.default_rng(seed)
    hashes = populations(kind, rng, 1500)  # more than a segment without tables has
    keys = rng.permutation(10_000)[:1500].tolist()
    index = PdqIndex()
    index.add(keys, hashes)
    queries = np.array([at_distance(rng, hashes[i], bits) for i, bits in enumerate(range(41))])
    answers = index.query(queries, distance)
    assert answers == [by_hand(keys, hashes, query, distance) for query in queries]
    assert [index.query([query.tobytes().hex()], distance)[0] for query in queries[:12]] == answers[:12]


@pytest.mark.parametrize("within", [32, 64, 256])
def test_a_planted_neighbour_is_found_up_to_31_bits_and_not_beyond(within: int) -> None:
    """Wherever the differing bits stand: crowded into two chunks, into four, or spread over all."""
    rng = np.random.default_rng(within)
    hashes = rng.integers(0, 256, (20_000, 32), np.uint8)
    index = PdqIndex()
    index.add(range(len(hashes)), hashes)
    for bits in range(min(within, 41)):
        planted = np.array([at_distance(rng, hashes[row], bits, within) for row in range(60)])
        for row, matches in enumerate(index.query(planted)):
            assert (Match(row, bits) in matches) == (bits <= DISTANCE)


def test_31_bits_that_leave_no_chunk_alone_are_near_and_32_are_not() -> None:
    """The hardest case for the tables: two bits differ in every chunk, or in every chunk but one."""
    rng = np.random.default_rng(3)
    hashes = rng.integers(0, 256, (5000, 32), np.uint8)
    index = PdqIndex()
    index.add(range(5000), hashes)
    for row in range(300):
        differing = np.zeros((16, 16), np.uint8)
        for chunk in differing:
            chunk[rng.choice(16, 2, replace=False)] = 1
        assert index.query([(hashes[row] ^ np.packbits(differing.ravel())).tobytes()]) == [[]]
        chunk = differing[rng.integers(16)]
        chunk[np.flatnonzero(chunk)[0]] = 0
        assert index.query([(hashes[row] ^ np.packbits(differing.ravel())).tobytes()]) == [[Match(row, 31)]]


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_hashes_come_and_go_without_a_trace(data: st.DataObject) -> None:
    """Additions, replacements and removals of all sizes in any order, against a plain dictionary."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    family = rng.integers(0, 256, (5, 32), np.uint8)
    index, kept = PdqIndex(), dict[int, Hashes]()
    for _ in range(data.draw(st.integers(1, 8))):
        keys = rng.choice(4000, data.draw(st.sampled_from([1, 3, 200, 1100, 2500])), replace=False)
        if data.draw(st.booleans()):
            hashes = rng.integers(0, 256, (len(keys), 32), np.uint8)
            hashes[::3] = family[rng.integers(0, 5, len(hashes[::3]))]
            index.add(keys, hashes)
            kept.update(zip(keys.tolist(), hashes, strict=True))
        else:
            there = sum(key in kept for key in keys.tolist())
            assert index.remove(keys.tolist()) == there
            for key in keys.tolist():
                kept.pop(key, None)
        assert len(index) == len(kept)
        everything = np.array([*kept.values()], np.uint8).reshape(-1, 32)
        queries = np.array([*family, *rng.integers(0, 256, (2, 32), np.uint8), *everything[-2:]])
        assert index.query(queries) == [by_hand([*kept], everything, query, DISTANCE) for query in queries]


def test_a_saved_index_answers_the_same_and_takes_additions(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for n in (0, 10, 3000):
        hashes = rng.integers(0, 256, (n, 32), np.uint8)
        index = PdqIndex()
        index.add(range(n), hashes)
        index.remove([0])
        index.save(tmp_path / "banks.pdq")
        again = PdqIndex.load(tmp_path / "banks.pdq")
        assert len(again) == len(index)
        queries = np.array([*hashes[:5], *rng.integers(0, 256, (3, 32), np.uint8)])
        assert again.query(queries) == index.query(queries)
        again.add([9_999], queries[:1])
        again.remove([1])
        assert Match(9_999, 0) in again.query(queries[:1])[0]
        assert list(tmp_path.iterdir()) == [tmp_path / "banks.pdq"]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    index = PdqIndex()
    index.add(range(2000), np.random.default_rng(6).integers(0, 256, (2000, 32), np.uint8))
    path = tmp_path / "banks.pdq"
    index.save(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:20], whole[:-1], whole[:5000] + b"\xff\x01" + whole[5002:], b"x" * len(whole)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="build it again"):
            PdqIndex.load(path)


def test_queries_go_on_while_hashes_come_and_go() -> None:
    """A hash that stays is found by every query of every thread, whatever is joined meanwhile."""
    rng = np.random.default_rng(7)
    staying = rng.integers(0, 256, (1500, 32), np.uint8)
    index = PdqIndex()
    index.add(range(1500), staying)
    missed: list[int] = []
    done = threading.Event()

    def ask(own: int) -> None:
        mine = np.random.default_rng(own)
        while not done.is_set():
            rows = mine.integers(0, 1500, 4)
            for row, matches in zip(rows.tolist(), index.query(staying[rows]), strict=True):
                if Match(row, 0) not in matches:
                    missed.append(row)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(25):
        keys = np.arange(10_000 + turn * 200, 10_200 + turn * 200)
        index.add(keys, rng.integers(0, 256, (200, 32), np.uint8))
        index.add(range(50), staying[:50])  # the same again: never a moment without them
        index.remove(keys[:150])
    done.set()
    for thread in threads:
        thread.join()
    assert not missed
    assert len(index) == 1500 + 25 * 50


@pytest.mark.parametrize(
    ("keys", "hashes", "said"),
    [
        ([1], ["ab"], "hash 0 is no PDQ hash"),
        ([1, 2], ["0" * 64, "x" * 64], "hash 1 is no PDQ hash"),
        ([1, 2], ["0" * 64, " " + "0" * 63], "hash 1 is no PDQ hash"),
        ([1], ["0" * 64, "1" * 64], "1 keys for 2 hashes"),
        ([5, 4, 5], ["0" * 64] * 3, "key 5 is given twice"),
        ([1], np.zeros((1, 8), np.uint8), r"shape \(n, 32\)"),
    ],
)
def test_what_is_wrong_with_an_addition_is_said_and_nothing_is_added(
    keys: list[int], hashes: list[str], said: str
) -> None:
    index = PdqIndex()
    with pytest.raises(ValueError, match=said):
        index.add(keys, hashes)
    assert len(index) == 0


def test_a_distance_is_a_number_of_bits() -> None:
    index = PdqIndex()
    index.add([1], ["0" * 64])
    assert index.query(["f" * 64], 256) == [[Match(1, 256)]]
    for wrong in (-1, 257):
        with pytest.raises(ValueError, match="0 to 256"):
            index.query(["0" * 64], wrong)
