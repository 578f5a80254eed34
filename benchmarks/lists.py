"""Lookups a CPU-second in lists of 1,000,000 entries of each kind, with bytes an entry, load time and the pauses of a reload.

Ours are asked as a rule asks them, of a table in a file that is mapped, as a server has it. Half of the items are in the list,
none is asked twice in a round. Peers answer the same items, the same answers first: sets and loops by hand, marisa-trie,
pygtrie, pytricia, `re`, SQLite. The main figure is for domain suffixes; the others are under `more`, ratios as "times PEER".
"""

import gc
import hashlib
import ipaddress
import random
import re
import site
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from array import array
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import re2

from benchmarks import Result
from safehold.engine.lists import Entry, Layer, PolicyList, Table, load, make_table, save
from safehold.gateway.lists import Keeper

ENTRIES, ASKED, ROUNDS = 1_000_000, 20_000, 5
PEERS = ("marisa-trie==1.4.1", "pytricia==1.3.0", "pygtrie==2.6.2")
PATTERNS = 1_000
Test = Callable[[str], bool]


class Clock:
    now = int(datetime.now(UTC).timestamp()) * 10**9


def run() -> Result:
    _install()
    draw = random.Random(5)
    more: dict[str, float] = {}
    domains = _domains(draw, more)
    for kind, measure in (("exact", _exact), ("cidr", _cidr), ("hash", _hash), ("regex", _regex)):
        rates = measure(draw, more)
        ours = rates.pop("ours")
        more[f"{kind}: lookups a CPU-second"] = ours
        more[f"{kind}: microseconds a lookup"] = 1e6 / ours
        more |= {f"{kind}: times {peer}": ours / rate for peer, rate in rates.items()}
    ours = domains.pop("ours")
    more["domain_suffix: microseconds a lookup"] = 1e6 / ours
    return Result(ours=ours, unit="lookups/CPU-s", peers=domains, more=more)


def _install() -> None:
    """The peers, into an environment under `var/` whose packages are importable here."""
    where = Path("var/benchmarks/lists")
    mark = where / "-".join(PEERS).replace("==", "-")
    if not mark.exists():
        venv.create(where, with_pip=True, clear=True)
        subprocess.run([where / "bin/pip", "install", "-q", *PEERS], check=True)
        mark.touch()
    site.addsitedir(str(next((where / "lib").glob("python*/site-packages"))))


def _rates(contenders: Mapping[str, Test], items: list[str], slow: Mapping[str, int] | None = None) -> dict[str, float]:
    """Lookups a CPU-second, the median of five rounds in turn. A slow contender is asked so many items only."""
    slow = slow or {}
    answers = {name: [bool(test(item)) for item in items[: slow.get(name, ASKED)]] for name, test in contenders.items()}
    for name, found in answers.items():
        assert found == answers["ours"][: len(found)], f"{name} answers otherwise"
    assert 0.3 < sum(answers["ours"]) / len(items) < 0.7
    rounds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, test in contenders.items():
            asked = items[: slow.get(name, ASKED)]
            begun = time.process_time()
            for item in asked:
                test(item)
            rounds[name].append(len(asked) / (time.process_time() - begun))
    return {name: statistics.median(rates) for name, rates in rounds.items()}


def _ours(kind: str, values: list[str], more: dict[str, float]) -> tuple[Test, Table]:
    begun = time.process_time()
    table = _through_a_file(kind, (Entry(value=value) for value in values))
    more[f"{kind}: pack CPU-s"] = time.process_time() - begun
    more[f"{kind}: bytes an entry"] = table.size / len(table)
    held = PolicyList("it", make_table(kind, []), managed=True)
    held.put((Layer(table),), "1")
    return held.holds, table  # what generated code calls, without the event that this list does not look at


def _through_a_file(kind: str, entries: Iterable[Entry]) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        save(kind, entries, Path(folder) / "it")
        return load(Path(folder) / "it")


def _sqlite(values: list[str]) -> Test:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE it (value TEXT PRIMARY KEY) WITHOUT ROWID")
    database.executemany("INSERT OR IGNORE INTO it VALUES (?)", ((value,) for value in values))
    return lambda item: database.execute("SELECT 1 FROM it WHERE value = ?", (item,)).fetchone() is not None


def _half(draw: random.Random, inside: list[str], outside: list[str]) -> list[str]:
    items = draw.sample(inside, ASKED // 2) + draw.sample(outside, ASKED // 2)
    draw.shuffle(items)
    return items


def _domains(draw: random.Random, more: dict[str, float]) -> dict[str, float]:
    import marisa_trie
    import pygtrie

    def name() -> str:
        return f"h{draw.getrandbits(44):x}.{draw.choice(['com', 'net', 'co.uk', 'example', 'xyz'])}"

    values = sorted({name() for _ in range(ENTRIES)})
    items = _half(draw, [f"www.{value}" for value in values], [f"www.{name()}" for _ in range(ASKED)])
    ours, table = _ours("domain_suffix", values, more)
    known = set(values)
    more["domain_suffix: bytes an entry of a set"] = _bytes_of(known)
    marisa = marisa_trie.Trie([f"{value[::-1]}." for value in values])
    trie = pygtrie.StringTrie(separator=".")
    for value in values[: ENTRIES // 20]:  # a million take it two gigabytes and a minute
        trie[".".join(reversed(value.split(".")))] = True
    in_sqlite = _sqlite(values)

    def by_hand(item: str) -> bool:
        domain = item.lower()
        while domain:
            if domain in known:
                return True
            domain = domain.partition(".")[2]
        return False

    def by_sqlite(item: str) -> bool:
        parts = item.split(".")
        return any(in_sqlite(".".join(parts[start:])) for start in range(len(parts)))

    rates = _rates(
        {
            "ours": ours,
            "a set by hand": by_hand,
            "marisa-trie": lambda item: bool(marisa.prefixes(f"{item[::-1]}.")),
            "SQLite in memory": by_sqlite,
        },
        items,
        {"SQLite in memory": 5_000},
    )
    found = _rates_only(lambda item: bool(trie.longest_prefix(".".join(reversed(item.split("."))))), items[:5_000])
    rates["pygtrie, a twentieth of the entries"] = found
    more["domain_suffix, a tenth expires, 1,000 changed: microseconds a lookup"] = _changed(values, items)
    _reload(values, more)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "it"
        save("domain_suffix", table, path)
        begun = time.process_time()
        again = load(path)
        more["load of a packed table ms"] = (time.process_time() - begun) * 1000
        assert len(again) == len(table)
    return rates


def _changed(values: list[str], items: list[str]) -> float:
    """A list in the middle of its life: entries that end, and changes that lie over the table there is."""
    ends = datetime(2100, 1, 1, tzinfo=UTC)
    entries = (Entry(value=value, expires_at=None if at % 10 else ends) for at, value in enumerate(values))
    base = _through_a_file("domain_suffix", entries)
    retired = frozenset(base.position(value) or 0 for value in values[:500])
    added = make_table("domain_suffix", [Entry(value=f"new{number}.example") for number in range(500)])
    held = PolicyList("it", make_table("domain_suffix", [Entry(value="seed.example")]), managed=True)
    held.put((Layer(base, retired), Layer(added)), "2")
    return 1e6 / statistics.median(_rates_only(lambda item: held.holds(item, Clock), items) for _ in range(ROUNDS))


def _rates_only(test: Test, items: list[str]) -> float:
    begun = time.process_time()
    for item in items:
        test(item)
    return len(items) / (time.process_time() - begun)


def _bytes_of(known: set[str]) -> float:
    return (sys.getsizeof(known) + sum(map(sys.getsizeof, known))) / len(known)


def _exact(draw: random.Random, more: dict[str, float]) -> dict[str, float]:
    values = [f"user-{draw.getrandbits(60):x}" for _ in range(ENTRIES)]
    items = _half(draw, values, [f"user-{draw.getrandbits(60):x}" for _ in range(ASKED)])
    ours, _ = _ours("exact", values, more)
    known = set(values)
    more["exact: bytes an entry of a set"] = _bytes_of(known)
    return _rates({"ours": ours, "a set": known.__contains__, "SQLite in memory": _sqlite(values)}, items)


def _hash(draw: random.Random, more: dict[str, float]) -> dict[str, float]:
    values = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(ENTRIES)]
    items = _half(draw, values, [hashlib.sha256(b"no %d" % number).hexdigest() for number in range(ASKED)])
    ours, _ = _ours("hash", values, more)
    known = set(values)
    more["hash: bytes an entry of a set"] = _bytes_of(known)
    return _rates({"ours": ours, "a set of lower case": lambda item: item.lower() in known}, items)


def _cidr(draw: random.Random, more: dict[str, float]) -> dict[str, float]:
    import pytricia

    def block() -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network((draw.getrandbits(31), draw.choice((32, 32, 32, 28, 24, 24, 20))), strict=False)

    blocks = list({block() for _ in range(ENTRIES)})
    values = [str(each.network_address) if each.prefixlen == 32 else str(each) for each in blocks]
    outside = [str(ipaddress.IPv4Address(draw.getrandbits(31) | 1 << 31)) for _ in range(ASKED)]
    items = _half(draw, [str(each.broadcast_address) for each in blocks[: 2 * ASKED]], outside)
    ours, _ = _ours("cidr", values, more)
    tree = pytricia.PyTricia()
    for each in values:
        tree[each] = True
    few = blocks[:200]

    def by_loop(item: str) -> bool:
        address = ipaddress.ip_address(item)
        return any(address in each for each in few)

    rates = _rates({"ours": ours, "pytricia": tree.__contains__}, items)
    rates["ipaddress in a loop, 200 blocks"] = _rates_only(by_loop, items[:300])
    return rates


def _regex(draw: random.Random, more: dict[str, float]) -> dict[str, float]:
    words = [f"{draw.getrandbits(40):x}" for _ in range(PATTERNS)]
    patterns = [f"{word[:4]}[a-z0-9]{{1,3}}{word[4:8]}" for word in words]
    texts = [
        f"hello there, this is a message of the usual length from number {draw.getrandbits(60):x}" for _ in range(ASKED)
    ]
    for at in range(0, ASKED, 2):
        word = draw.choice(words)
        texts[at] += f" {word[:4]}zz{word[4:8]}"
    ours, _ = _ours("regex_set", patterns, more)
    del more["regex_set: bytes an entry"], more["regex_set: pack CPU-s"]
    alternation = re.compile("|".join(patterns))
    bare = re2.Set.SearchSet()
    for pattern in patterns:
        bare.Add(pattern)
    bare.Compile()
    return _rates(
        {
            "ours": ours,
            "re, one alternation": lambda text: alternation.search(text) is not None,
            "a bare RE2 set": lambda text: bool(bare.Match(text)),
        },
        texts[:4_000],
        {"re, one alternation": 100},
    )


class _Source:
    """A list's database whose second version is large: it is packed by a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.number, self.folder = 1, folder

    def versions(self) -> dict[str, tuple[int, str]]:
        return {"it": (self.number, str(self.number))}

    def changed(self, name: str, after: int, number: int, limit: int) -> list[tuple[Entry, bool]] | None:
        return [(Entry(value="first.example"), True)] if number == 1 else None

    def packed(self, name: str, kind: str, fold: bool, number: int, version: str) -> Path:
        code = (
            "import sys; from pathlib import Path; from safehold.engine.lists import Entry, save; "
            "save('domain_suffix', (Entry(value=line) for line in Path(sys.argv[1]).read_text().split()), Path(sys.argv[2]))"
        )
        subprocess.run([sys.executable, "-c", code, self.folder / "values", self.folder / "packed"], check=True)
        return self.folder / "packed"

    def close(self) -> None:
        return


def _reload(values: list[str], more: dict[str, float]) -> None:
    """Look up without end while a million entries come in, and note how long each lookup takes.

    `pause` is by the clock, which on a busy machine also measures its other work; `CPU` counts what the process itself did
    between two lookups, on any thread: what it kept its own decisions waiting for.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "values").write_text("\n".join(values))
        source = _Source(Path(folder))
        keeper: Any = Keeper(source)
        held = PolicyList("it", make_table("domain_suffix", []), managed=True)
        keeper.attach([held])
        source.number = 2
        thread = threading.Thread(target=keeper._look)
        took, spent = array("d"), array("d")
        switching = sys.getswitchinterval()
        sys.setswitchinterval(0.0005)  # as the server does
        gc.collect()
        gc.freeze()
        begun = last = time.perf_counter()
        used = time.process_time()
        thread.start()
        while held.version != "2":
            keeper.adopt()
            held.holds("www.first.example", Clock)
            now, using = time.perf_counter(), time.process_time()
            took.append(now - last)
            spent.append(using - used)
            last, used = now, using
        assert held.holds(values[0], Clock)
        thread.join()
        sys.setswitchinterval(switching)
        gc.unfreeze()
        more["reload of 1,000,000: seconds until it counts"] = time.perf_counter() - begun
        for name, times in (("pause", sorted(took)), ("CPU", sorted(spent))):
            more[f"reload of 1,000,000: longest {name} ms"] = times[-1] * 1000
            more[f"reload of 1,000,000: p99 {name} ms"] = times[len(times) * 99 // 100] * 1000
