"""Matching of PDQ hashes, ours beside `threatexchange`'s: what `pdq` and `pdq-10m` have in common."""

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from threatexchange.signal_type.pdq.pdq_faiss_matcher import PDQFlatHashIndex, PDQMultiHashIndex

from benchmarks import Result
from safehold.signals.media.index import DISTANCE, PdqIndex

ROUNDS = 5
BATCH = 256
Matches = list[set[int]]
Ask = Callable[[list[bytes]], Matches]


def measure(size: int, asked: int, peer_asked: int) -> Result:
    """Queries a CPU-second, each alone and in batches. A quarter of them have a neighbour, at 0 to 31 bits."""
    faiss.omp_set_num_threads(1)  # one core each
    rng = np.random.default_rng(11)
    hashes = rng.integers(0, 256, (size, 32), np.uint8)
    queries = _queries(rng, hashes, asked)
    more: dict[str, float] = {}

    ours = PdqIndex()
    more["build CPU-s"] = _cpu(lambda: ours.add(range(size), hashes))
    more["MB"] = ours.memory / 1e6
    peers: dict[str, Ask] = {}
    multi, built, took = _faiss(PDQMultiHashIndex(), hashes)
    more["threatexchange multi-hash: build CPU-s"], more["threatexchange multi-hash: MB"] = built, took
    peers["threatexchange PDQMultiHashIndex"] = _asking(multi)
    if size <= 1_000_000:
        flat, _, took = _faiss(PDQFlatHashIndex(), hashes)
        more["threatexchange flat: MB"] = took
        peers["threatexchange PDQFlatHashIndex"] = _asking(flat)

    few = queries[:peer_asked]
    answer = _ours(ours)(queries)
    assert 0.2 < sum(map(bool, answer)) / len(answer) < 0.3
    for name, ask in peers.items():
        assert ask(few) == answer[: len(few)], f"{name} finds others"
    rates = {name: _rate(ask, few, 1) for name, ask in peers.items()}
    more |= {f"{name}, {BATCH} at once": _rate(ask, few, BATCH) for name, ask in peers.items()}
    alone = _rate(_ours(ours), queries, 1)
    more[f"{BATCH} at once"] = together = _rate(_ours(ours), queries, BATCH)
    more |= {f"{BATCH} at once: times {name}": together / more[f"{name}, {BATCH} at once"] for name in peers}
    _changes(ours, rng, size, queries, more)
    return Result(ours=alone, unit="queries/CPU-s, each alone", peers=rates, more=more)


def _queries(rng: np.random.Generator, hashes: np.ndarray, asked: int) -> list[bytes]:
    queries = rng.integers(0, 256, (asked, 32), np.uint8)
    for place in range(0, asked, 4):
        bits = np.unpackbits(hashes[rng.integers(len(hashes))])
        bits[rng.choice(256, place // 4 % 32, replace=False)] ^= 1
        queries[place] = np.packbits(bits)
    return [query.tobytes() for query in queries]


def _ours(index: PdqIndex) -> Ask:
    return lambda queries: [{match.key for match in matches} for matches in index.query(queries)]


def _faiss(index: Any, hashes: np.ndarray) -> tuple[Any, float, float]:
    """Put the hashes in, as its own `add` does once it has read them, and say what that took: CPU-seconds and MB."""
    gc.collect()
    before = _resident()
    built = _cpu(lambda: index.faiss_index.add_with_ids(hashes, np.arange(len(hashes))))
    return index, built, (_resident() - before) / 1e6


def _asking(index: Any) -> Ask:
    """`search`, without its reading of hexadecimal digits, which ours is not asked to do either."""

    def ask(queries: list[bytes]) -> Matches:
        if isinstance(index, PDQMultiHashIndex):
            index.mih_index.nflip = DISTANCE // index.mih_index.nhash
        read = np.frombuffer(b"".join(queries), np.uint8).reshape(-1, 32)
        limits, _, found = index.faiss_index.range_search(read, DISTANCE + 1)
        return [set(found[limits[i] : limits[i + 1]].tolist()) for i in range(len(queries))]

    return ask


def _rate(ask: Ask, queries: list[bytes], at_once: int) -> float:
    """Queries a CPU-second, the median of some rounds."""
    rates = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for place in range(0, len(queries), at_once):
            ask(queries[place : place + at_once])
        rates.append(len(queries) / (time.process_time() - begun))
    return statistics.median(rates)


def _changes(
    index: PdqIndex, rng: np.random.Generator, size: int, queries: list[bytes], more: dict[str, float]
) -> None:
    """Additions one by one and by the thousand, queries beside them, removals, and the way over a file."""
    new = rng.integers(0, 256, (20_000, 32), np.uint8)
    one_by_one = _cpu(lambda: [index.add([size + n], new[n : n + 1]) for n in range(500)])
    more["an addition alone, ms"] = one_by_one * 1000 / 500
    by_thousands = _cpu(
        lambda: [index.add(range(size + n, size + n + 1000), new[n : n + 1000]) for n in range(1000, 20_000, 1000)]
    )
    more["additions by the thousand, a CPU-second"] = 19_000 / by_thousands
    more["each alone, after 19,500 additions"] = _rate(_ours(index), queries[:1000], 1)
    more["a removal of a thousand, ms"] = _cpu(lambda: index.remove(range(size, size + 1000))) * 1000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.pdq"
        more["save CPU-s"] = _cpu(lambda: index.save(path))
        more["load CPU-s"] = _cpu(lambda: PdqIndex.load(path))


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
