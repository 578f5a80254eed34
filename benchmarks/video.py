"""Videos looked up in a bank of 2,000 of a minute each (120,000 frames) a CPU-second, beside threatexchange's vPDQ index.

One core each, the same videos as the same JSON, and the same items with the same shares first. A third of the queries are copies
that were encoded anew (each frame up to 20 bits off), a third excerpts of 20 seconds, a third unknown. `more` has
building, adding one video, and memory.
"""

import gc
import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import faiss
import numpy as np

from benchmarks import Result, per_cpu_second
from safehold.signals.hashes.kinds import key_of, normal
from safehold.signals.hashes.matching import BankView, Item, Shelf
from safehold.signals.media import vpdq
from safehold.signals.media.vpdq import Frame

VIDEOS, FRAMES, ASKED = 2_000, 60, 48
PEER = "threatexchange vPDQ index"
Bits = np.ndarray[Any, Any]


def run() -> Result:
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(9)
    bank = [rng.integers(0, 256, (FRAMES, 32), np.uint8) for _ in range(VIDEOS)]
    written = [_written(video) for video in bank]
    queries = [_written(_query(rng, bank, number)) for number in range(ASKED)]
    more: dict[str, float] = {"videos": VIDEOS, "frames": VIDEOS * FRAMES}
    shelf, more["build CPU-s"], more["MB"] = _built(lambda: _shelf(written))
    theirs, more[f"{PEER}: build CPU-s"], more[f"{PEER}: MB"] = _built(
        lambda: _index().build(zip(written, range(1, VIDEOS + 1), strict=True))
    )

    answers = [_ours(shelf, query) for query in queries]
    assert answers == [_theirs(theirs, query) for query in queries], "threatexchange finds others"
    assert sum(map(bool, answers)) == ASKED - ASKED // 3, "copies and excerpts are found, and nothing else"
    ours = per_cpu_second(lambda: len([_ours(shelf, query) for query in queries]))
    peer = per_cpu_second(lambda: len([_theirs(theirs, query) for query in queries[:12]]))
    new = [_item(VIDEOS + number, _written(rng.integers(0, 256, (FRAMES, 32), np.uint8))) for number in range(50)]
    begun = time.process_time()
    for item in new:
        shelf.put([item])
    more["adding a video, ms"] = (time.process_time() - begun) * 1000 / len(new)
    more["after that"] = per_cpu_second(lambda: len([_ours(shelf, query) for query in queries]), 1.0)
    return Result(ours, "videos looked up/CPU-s", {PEER: peer}, more)


def _query(rng: np.random.Generator, bank: list[Bits], number: int) -> Bits:
    """A copy, an excerpt of one, or a video that nobody has."""
    if number % 3 == 2:
        return rng.integers(0, 256, (FRAMES, 32), np.uint8)
    video = bank[int(rng.integers(len(bank)))].copy()
    bits = np.unpackbits(video, axis=1)
    for frame in bits:
        frame[rng.choice(256, int(rng.integers(21)), replace=False)] ^= 1
    copy = np.packbits(bits, axis=1)
    return copy if number % 3 == 0 else copy[20:40]


def _written(video: Bits) -> str:
    return vpdq.write([Frame(frame.tobytes().hex(), 90, float(second)) for second, frame in enumerate(video)])


def _item(number: int, written: str) -> Item:
    value = normal("vpdq", written)
    return Item(number, "bad", "vpdq", key_of("vpdq", value), False, vpdq.telling(vpdq.read(value)))


def _shelf(written: list[str]) -> Shelf:
    shelf = Shelf()
    shelf.describe({"bad": BankView("bad", False, 1.0, (), 31, 30, 1, "1")})
    shelf.put(_item(number, video) for number, video in enumerate(written, 1))
    shelf.compact()
    return shelf


def _index() -> Any:
    """Theirs; only the hasher of the package `vpdq`, which needs FFmpeg's headers, is not there."""
    absent = ModuleType("vpdq")
    absent.VpdqFeature = object  # type: ignore[attr-defined]
    sys.modules.setdefault("vpdq", absent)
    return importlib.import_module("threatexchange.extensions.vpdq.vpdq").VPDQSignal.get_index_cls()


def _ours(shelf: Shelf, query: str) -> dict[int, str]:
    [found] = shelf.look_up([[("vpdq", normal("vpdq", query))]])
    return {match.item: str(match.shares) for match in found.matches}


def _theirs(index: Any, query: str) -> dict[int, str]:
    return {each.metadata: each.similarity_info.pretty_str() for each in index.query(query)}


def _built(make: Callable[[], Any]) -> tuple[Any, float, float]:
    """What was made, and what that took: CPU-seconds and MB."""
    gc.collect()
    before, begun = _resident(), time.process_time()
    made = make()
    took = time.process_time() - begun
    gc.collect()
    return made, took, (_resident() - before) / 1e6


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
