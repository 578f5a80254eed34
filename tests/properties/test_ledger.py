"""The ledger against independent implementations: `rfc8785` for canonical JSON, `pymerkle` for the tree."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from safehold.ledger.canonical import canonical
from safehold.ledger.tiles import WIDTH, Tile, TileBuilder, TilePath, node_reader, parse_path, resume, width_at
from safehold.ledger.tree import (
    BadProof,
    Frontier,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    read_root,
    root_of,
)
from tests.cases import cases

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_canonical_json_is_what_the_reference_package_writes(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(values)
def test_canonical_json_does_not_change_on_the_way_through_a_database(value: object) -> None:
    written = canonical(value)
    assert canonical(json.loads(written)) == written  # what SQLite's text column gives back
    assert canonical(json.loads(json.dumps(value))) == written  # as Django writes it
    assert canonical(msgspec.json.decode(msgspec.json.encode(value))) == written  # as the gateway reads an event
    assert canonical({"inside": msgspec.Raw(written), "n": None}) == canonical({"inside": value, "n": None})


@given(st.lists(st.binary(max_size=6), max_size=40), st.data())
def test_roots_and_proofs_are_those_of_pymerkle(entries: list[bytes], data: st.DataObject) -> None:
    theirs = InmemoryTree(algorithm="sha256")
    for entry in entries:
        theirs.append_entry(entry)
    hashes = [leaf_hash(entry) for entry in entries]
    new = data.draw(st.integers(0, len(entries)))
    old = data.draw(st.integers(0, new))

    def read(level: int, index: int) -> bytes:
        return root_of(hashes[index << level : (index + 1) << level])

    assert read_root(new, read) == root_of(hashes[:new]) == theirs.get_root(new)
    proof = consistency_proof(old, new, read)
    check_consistency(old, new, root_of(hashes[:old]), root_of(hashes[:new]), proof)
    if new > 0:
        index = data.draw(st.integers(0, new - 1))
        path = inclusion_proof(index, new, read)
        check_inclusion(hashes[index], index, new, path, theirs.get_root(new))
        assert path == list(theirs.prove_inclusion(index + 1, new).path[1:])


@given(st.integers(1, 60), st.data())
def test_no_other_leaf_order_size_or_path_passes_for_the_proven_one(size: int, data: st.DataObject) -> None:
    hashes = [leaf_hash(bytes([number])) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(index, size, lambda level, at: root_of(hashes[at << level : (at + 1) << level]))
    root = root_of(hashes)
    claims = [(number, size, path) for number in range(size) if number != index]
    claims += [(index, size, path[:at] + path[at + 1 :]) for at in range(len(path))]
    claims += [(index, size, [*path[:at], leaf_hash(b"other"), *path[at:]]) for at in range(len(path) + 1)]
    for claimed_index, claimed_size, claimed_path in claims:
        with pytest.raises(BadProof):
            check_inclusion(hashes[index], claimed_index, claimed_size, claimed_path, root)
    with pytest.raises(BadProof):
        check_inclusion(leaf_hash(b"forged"), index, size, path, root)


@cases(15)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=4))
def test_tiles_hold_the_tree_whatever_the_steps_it_grew_in(steps: list[int]) -> None:
    stored: dict[tuple[int, int], Tile] = {}
    leaves: list[bytes] = []

    def read_row(level: int, index: int, width: int) -> list[bytes]:
        if width == WIDTH:
            row = stored[level, index].hashes
            return [row[at : at + 32] for at in range(0, len(row), 32)]
        if level == 0:
            return leaves[index * WIDTH : index * WIDTH + width]
        return [stored[level - 1, index * WIDTH + at].root for at in range(width)]

    for step in steps:
        builder = resume(len(leaves), read_row)
        leaves += [leaf_hash(number.to_bytes(4, "big")) for number in range(len(leaves), len(leaves) + step)]
        for tile in builder.extend(leaves[-step:]):
            stored[tile.level, tile.index] = tile
        size = len(leaves)
        read = node_reader(read_row, size)
        assert read_root(size, read) == root_of(leaves)
        index = size * 2 // 3
        check_inclusion(leaves[index], index, size, inclusion_proof(index, size, read), root_of(leaves))
        check_consistency(
            size // 2, size, root_of(leaves[: size // 2]), root_of(leaves), consistency_proof(size // 2, size, read)
        )
    assert all(len(tile.hashes) == 8192 for tile in stored.values())
    assert len([1 for level, _ in stored if level == 0]) == len(leaves) // WIDTH


@cases(3)
@given(st.integers(65_500, 66_000))
def test_a_second_level_of_tiles_grows_when_the_first_is_full(size: int) -> None:
    frontier, builder = Frontier(), TileBuilder()
    leaves = [leaf_hash(number.to_bytes(4, "big")) for number in range(size)]
    tiles = list(builder.extend(leaves))
    frontier.extend(leaves)
    assert [tile.index for tile in tiles if tile.level == 0] == list(range(size // 256))
    assert [tile.index for tile in tiles if tile.level == 1] == list(range(size // 65536))
    for tile in tiles:
        if tile.level == 1:
            assert tile.root == root_of(leaves[:65536])
    assert builder.size == frontier.size == size


@given(st.none() | st.integers(0, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_a_tiles_address_leads_back_to_it(level: int | None, index: int, width: int) -> None:
    tile = TilePath(level, index, width)
    assert parse_path(str(tile)) == tile


@given(st.integers(0, 7), st.integers(0, 10**9))
def test_the_widths_of_a_levels_tiles_add_up(level: int, size: int) -> None:
    count = size >> 8 * level
    last = count // 256
    assert (
        sum(width_at(level, index, size) for index in range(max(last - 2, 0), last + 2))
        == count - max(last - 2, 0) * 256
    )


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))
def test_a_time_has_one_form(moment: datetime) -> None:
    from safehold.ledger.entry import timestamp

    written = timestamp(moment)
    assert len(written) == 27
    assert datetime.fromisoformat(written) == moment
