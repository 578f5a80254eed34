"""Each kind of list against its definition, written the slow and obvious way: the same answer for every item, also for
expired entries, exceptions, Unicode, tables in files, and lists made of several layers.
"""

import ipaddress
import re
import tempfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.engine.lists import (
    BadEntry,
    Contents,
    Entry,
    Layer,
    Table,
    keys,
    load,
    make_table,
    normal,
    patterns,
    save,
)
from safehold.engine.lists import table as tables
from safehold.engine.lists.patterns import Patterns
from safehold.engine.lists.values import folded
from tests.cases import cases

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
NOW = int(EPOCH.timestamp()) * 10**9

LABELS = ["a", "b", "evil", "bücher", "xn--bcher-kva", "co", "example", "straße", "☃", "ÉVIL", "ｅｖｉｌ", "1", "10"]
DOMAINS = st.lists(st.sampled_from(LABELS), min_size=1, max_size=4).map(".".join)
FOUR = st.integers(0, 2**32 - 1).map(lambda number: number & 0xC000_00FF | 0x0A00_0000)
BLOCKS = st.one_of(
    st.tuples(FOUR, st.integers(0, 32)).map(lambda part: str(ipaddress.IPv4Network(part, strict=False))),
    st.tuples(st.integers(0, 2**128 - 1), st.sampled_from([0, 1, 16, 48, 64, 65, 96, 127, 128])).map(
        lambda part: str(ipaddress.IPv6Network((part[0] & (3 << 126 | 3 << 64 | 7), part[1]), strict=False))
    ),
)
ADDRESSES = st.one_of(
    FOUR.map(lambda number: str(ipaddress.IPv4Address(number))),
    st.integers(0, 2**128 - 1).map(lambda number: str(ipaddress.IPv6Address(number & (3 << 126 | 3 << 64 | 7)))),
    FOUR.map(lambda number: f"::ffff:{ipaddress.IPv4Address(number)}"),
    st.sampled_from(["", "10.0.0", "010.0.0.1", "1.2.3.4 ", "fe80::1%eth0", "٠.0.0.1", "\ud800"]),
)
PATTERNS = st.sampled_from(["a+b", "^spam", "x$", "(?i)pills", "ü.ß", "[0-9]{4}", "a|b", "", "\\bword\\b", "."])
DIGESTS = st.tuples(st.sampled_from([32, 40, 64]), st.integers(0, 5)).map(lambda part: f"{part[1]:0{part[0]}x}")
TEXTS = st.text(st.sampled_from("abAB ßÉéｅǅ\ud83d😀.-"), max_size=4)

ENTRIES = {
    "exact": TEXTS, "domain_suffix": DOMAINS, "cidr": BLOCKS, "regex_set": PATTERNS,
    "hash": DIGESTS.flatmap(lambda text: st.sampled_from([text, text.upper()])),
}  # fmt: skip
ITEMS = {
    "exact": TEXTS,
    "domain_suffix": st.one_of(
        DOMAINS,
        DOMAINS.map(lambda text: f"{text.upper()}."),
        st.sampled_from(["", ".", "1.10.1.10", "a..b", "\ud800.example", "10", "evil.example/", "a\x00b"]),
    ),
    "cidr": ADDRESSES,
    "regex_set": st.text(st.sampled_from("abxpilsPILLS 0129ü.ßword\n"), max_size=9),
    "hash": st.one_of(DIGESTS, DIGESTS.map(str.upper), TEXTS, DIGESTS.map(lambda text: " " + text[1:])),
}  # fmt: skip


def is_in(kind: str, fold: bool, entry: str, item: str) -> bool:
    """The definition of one entry of one kind."""
    if kind == "exact":
        return folded(item) == entry if fold else item == entry
    if kind == "hash":
        return item.lower() == entry
    if kind == "regex_set":
        return re.search(entry.replace("$", r"\Z"), item) is not None if entry != "." else any(c != "\n" for c in item)
    if kind == "cidr":
        try:
            address = ipaddress.ip_address(item)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            if address.scope_id:
                return False
            address = address.ipv4_mapped or address
        block = ipaddress.ip_network(entry)
        return address.version == block.version and address in block
    try:
        domain = normal("domain_suffix", item)
    except BadEntry:
        # Not a domain that could be listed; but `a..evil.example` still ends as one does.
        domain = item.lower().rstrip(".") if item.isascii() else ""
    if re.fullmatch(r"[0-9]+", domain.rpartition(".")[2]):
        return domain == entry
    return f".{domain}".endswith(f".{entry}")


def entries_of(kind: str, fold: bool) -> st.SearchStrategy[list[Entry]]:
    def made(rows: list[tuple[str, bool, int | None]]) -> list[Entry]:
        found = []
        for text, allow, offset in rows:
            try:
                value = normal(kind, text, fold)
            except BadEntry:
                continue
            ends = EPOCH + timedelta(seconds=offset) if offset is not None else None
            found.append(Entry(value=value, allow=allow, expires_at=ends))
        return found

    allow = st.integers(0, 5).map(lambda number: number == 0)
    row = st.tuples(ENTRIES[kind], allow, st.one_of(st.none(), st.sampled_from([-1, 0, 1])))
    return st.lists(row, max_size=12).map(made)


def expected(kind: str, fold: bool, entries: list[Entry], item: str) -> bool:
    live = [entry for entry in entries if entry.expires_at is None or entry.expires_at > EPOCH]
    matching = [entry for entry in live if is_in(kind, fold, entry.value, item)]
    return bool(matching) and not any(entry.allow for entry in matching)


class Clock:
    now = NOW


def check(contents: Contents, kind: str, fold: bool, entries: list[Entry], items: list[str]) -> None:
    for item in items:
        wanted = expected(kind, fold, entries, item)
        assert contents.holds(item, Clock()) is wanted, (item, entries)
        found = contents.find(item, NOW)
        assert (found is not None) is wanted
        assert found is None or is_in(kind, fold, found.value, item)


KINDS = [
    ("exact", False),
    ("exact", True),
    ("domain_suffix", False),
    ("cidr", False),
    ("regex_set", False),
    ("hash", False),
]


@pytest.mark.parametrize(("kind", "fold"), KINDS)
@pytest.mark.parametrize("small", [True, False])
def test_a_list_is_its_definition(kind: str, fold: bool, small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SMALL", 100 if small else 0)  # with the dict beside the arrays, and without it

    @cases(40)
    @given(entries_of(kind, fold), st.lists(ITEMS[kind], max_size=8))
    def run(entries: list[Entry], items: list[str]) -> None:
        table = make_table(kind, entries, fold=fold)
        # Of entries with one value the one that holds longest stays, and an exception before any.
        check(Contents((Layer(table),)), kind, fold, list(table), items + [entry.value for entry in entries])
        assert {entry.value for entry in table} == {entry.value for entry in entries}

    run()


@pytest.mark.parametrize(("kind", "fold"), KINDS)
@cases(30)
@given(st.data())
def test_layers_and_files_are_as_one_table(kind: str, fold: bool, data: st.DataObject) -> None:
    first, second = data.draw(entries_of(kind, fold)), data.draw(entries_of(kind, fold))
    with tempfile.TemporaryDirectory() as folder:
        save(kind, first, Path(folder) / "first", fold=fold)
        base = load(Path(folder) / "first")
        changed = make_table(kind, second, fold=fold)
        gone = frozenset(at for entry in changed if (at := base.position(entry.value)) is not None)
        contents = Contents((Layer(base, gone), Layer(changed)), "7")
        wanted = {entry.value: entry for table in (base, changed) for entry in table}
        assert {entry.value for entry in contents.entries()} == set(wanted)
        assert len(contents) == len(wanted)
        check(contents, kind, fold, list(wanted.values()), data.draw(st.lists(ITEMS[kind], max_size=8)))


def test_keys_with_one_checksum_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """CRC-32 is no secret: somebody can make keys that collide. They are found all the same."""
    monkeypatch.setattr(keys, "crc32", lambda key: zlib.crc32(key[:2]))
    words = [f"{letter}{number}".encode() for letter in "ab" for number in range(300)]
    index, listed = indexed(words)
    assert [index.find(keys.line(word)) for word in listed] == list(range(600))
    assert all(index.has(keys.line(word)) for word in listed)
    assert [index[at] for at in range(600)] == listed
    for other in (b"a", b"a300", b"b3000", b"c", b"", b"a1\na2"):
        assert index.find(keys.line(other)) is None
        assert not index.has(keys.line(other))


def indexed(words: list[bytes]) -> tuple[keys.Keys, list[bytes]]:
    order, spilled = keys.in_order(words)
    listed = [words[number] for number in order]
    packed = keys.pack_keys(listed, spilled)
    blob = packed["blob"]
    return keys.Keys(blob, 0, len(blob), packed["starts"], packed["firsts"], len(words)), listed


WORDS = st.binary(max_size=6).filter(lambda word: b"\n" not in word)


@cases(40)
@given(st.sets(WORDS, max_size=300), st.lists(st.binary(max_size=6), max_size=20))
def test_an_index_finds_its_keys_and_no_others(words: set[bytes], others: list[bytes]) -> None:
    index, listed = indexed(list(words))
    assert [index.find(keys.line(word)) for word in listed] == list(range(len(listed)))
    assert [index[at] for at in range(len(listed))] == listed
    neighbours = [b"\n".join(pair) for pair in pairwise(listed)]
    for word in others + neighbours:
        assert (index.find(keys.line(word)) is not None) is index.has(keys.line(word)) is (word in words)


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no").write_bytes(b"safehold list 0\n" + bytes(100))
    with pytest.raises(ValueError, match="is no table of a list"):
        load(tmp_path / "no")
    assert isinstance(make_table("exact", []), Table)
    with pytest.raises(ValueError, match="not a kind"):
        make_table("fuzzy", [])


def test_a_large_table_in_a_file_is_asked_where_it_lies(tmp_path: Path) -> None:
    """More entries than a dict is kept for, domains of several depths among them, and an IPv4 address."""
    known = {f"h{number}.{'deep.' * (number % 3)}example" for number in range(6_000)} | {"10.0.0.1"}
    assert save("domain_suffix", map(entry_from("us"), sorted(known)), tmp_path / "it") > tables.SMALL_LOADED
    loaded = load(tmp_path / "it")
    assert {entry.source for entry in loaded} == {"us"}
    for number in range(0, 12_000, 7):
        for host in (f"h{number}.{'deep.' * (number % 3)}example", f"h{number}.deep.example", f"h{number}.example"):
            wanted = any(".".join(host.split(".")[start:]) in known for start in range(4))
            assert loaded.has(host) is loaded.has(f"www.{host.upper()}.") is wanted is bool(loaded.all(host))
    assert loaded.has("10.0.0.1") and not loaded.has("1.10.0.0.1") and not loaded.has("example")


def entry_from(source: str) -> Callable[[str], Entry]:
    return lambda value: Entry(value=value, source=source)


def test_patterns_that_are_too_much_for_one_set_are_found_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Halved when they can't be compiled in the memory there is; searched one by one when a text can't be decided in it."""
    listed = [f"w{number}[a-z]{{1,20}}z" for number in range(40)]
    whole = Patterns(listed)
    monkeypatch.setattr(patterns, "_MEMORY", 60_000)
    halved = Patterns(listed)
    assert len(whole._sets) == 1 < len(halved._sets)

    class Undecided:
        def Match(self, data: bytes) -> None:
            return None

    undecided = Patterns(listed)
    undecided._sets = [(0, len(listed), Undecided())]
    for text in ("a w7bcdz and w39xz", "w7z", "", "w3az" * 30, "\ud800 w12qqz"):
        assert halved.all(text) == whole.all(text) == undecided.all(text)
        assert halved.has(text) is whole.has(text) is undecided.has(text) is bool(whole.all(text))
