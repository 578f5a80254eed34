"""Near copies found among 2,000 texts, and documents a CPU-second, beside datasketch's and rensa's own indexes.

60 messages of the SMS Spam Collection in 20 copies each (numbers, names and a tenth of the words changed), among others.
Pairs whose runs of four letters really have a Jaccard similarity of 0.5 are to be found; found pairs below 0.3 are false.
All get the same runs; ours are found as a window finds them, through the store in memory. How much disguises cost without
normalising is under `more`.
"""

import random
import re
import site
import subprocess
import time
import venv
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks import Result
from safehold.engine.language import types
from safehold.engine.policies.model import Window
from safehold.engine.windows.memory import MemoryWindows
from safehold.engine.windows.streams import streams_of
from safehold.signals.copies import keys, shingles

PEERS = ("datasketch==1.6.5",)
DATA = Path(__file__).parents[1] / "tests" / "data" / "sms-spam.tsv"
Runs = frozenset[str]
Found = set[tuple[int, int]]


def run() -> Result:
    _install()
    texts, disguised = _texts(random.Random(5))
    runs = [frozenset(shingles(text)) for text in texts]
    near, far = _true_pairs(runs)
    more: dict[str, float] = {"texts": len(texts), "pairs to be found": len(near)}
    contenders: dict[str, Callable[[Sequence[Runs]], Found]] = {
        "ours": _ours, "datasketch": _datasketch, "rensa's index": _rensa,
    }  # fmt: skip
    rates = {}
    for name, find in contenders.items():
        begun = time.process_time()
        found = find(runs)
        rates[name] = len(runs) / (time.process_time() - begun)
        more[f"{name}: recall"] = len(found & near) / len(near)
        more[f"{name}: false among found"] = len(found & far) / max(1, len(found))
    assert more["ours: recall"] >= 0.92, more
    assert more["ours: false among found"] <= 0.03, more
    more["disguised copies found"] = _of_their_originals(texts, disguised, shingles)
    more["disguised copies found without normalising"] = _of_their_originals(texts, disguised, _raw)
    ours = rates.pop("ours")
    return Result(ours, "documents/CPU-s", rates, more)


def _install() -> None:
    """The peer, into an environment under `var/` whose packages are importable here."""
    where = Path("var/benchmarks/copies")
    mark = where / "-".join(PEERS).replace("==", "-")
    if not mark.exists():
        venv.create(where, with_pip=True, clear=True)
        subprocess.run([where / "bin/pip", "install", "-q", "--no-deps", *PEERS], check=True)
        mark.touch()
    site.addsitedir(str(next((where / "lib").glob("python*/site-packages"))))


def _texts(draw: random.Random) -> tuple[list[str], list[str]]:
    """The texts, and each of the first 1,200 again in disguise."""
    rows = [line.split("\t", 1) for line in DATA.read_text("utf-8").splitlines()]
    spam = [text for label, text in rows if label == "spam" and len(text.split()) >= 10][:60]
    others = [text for label, text in rows if label == "ham" and len(text.split()) >= 5]
    words = [word for text in others for word in text.split()]
    copies = [_changed(text, draw, words) for text in spam for _ in range(20)]
    return copies + others, [_disguised(text, draw) for text in copies]


def _changed(text: str, draw: random.Random, words: list[str]) -> str:
    text = re.sub(r"\d", lambda _: str(draw.randrange(10)), text)
    parts = [draw.choice(words) if draw.random() < 0.1 else part for part in text.split()]
    return f"Hi {draw.choice(['Anna', 'Ben', 'Carla', 'Dave', 'Eve'])}, {' '.join(parts)}"


def _disguised(text: str, draw: random.Random) -> str:
    letters = dict(zip("aceopxyi", "асеорхуі", strict=True))
    return "".join(
        letters[c] if c in letters and draw.random() < 0.25 else c + "\u200b" if draw.random() < 0.05 else c
        for c in text
    )


def _raw(text: str) -> set[str]:
    plain = text.lower()
    return {plain[i : i + 4] for i in range(len(plain) - 3)}


def _true_pairs(runs: Sequence[Runs]) -> tuple[Found, Found]:
    """Pairs from 0.5 on, and those below 0.3."""
    near, far = set(), set()
    for (i, one), (j, other) in combinations(enumerate(runs), 2):
        shared = len(one & other)
        similarity = shared / max(1, len(one) + len(other) - shared)
        if similarity >= 0.5:
            near.add((i, j))
        elif similarity < 0.3:
            far.add((i, j))
    return near, far


def _ours(runs: Sequence[Runs]) -> Found:
    """Each text as an event; what it shares a key with is read from the store, as a window does."""
    by: dict[str, Any] = {"t": (SimpleNamespace(type=types.list_of(types.STRING)),)}
    value: dict[str, Any] = {"t": SimpleNamespace(type=types.INT)}
    (stream,) = streams_of([Window("copies@0", "copies", "distinct", 86_400, ("t",), value, by, {}, "0")])
    store, found, known = MemoryWindows(), set(), {}
    for number, text in enumerate(runs):
        own = keys(set(text))
        answers = next(store.apply([(number, [(stream, key, (number,)) for key in own])]))
        many = answers.together(range(len(own)))[0]
        shared = {other for key in own for other in known.get(key, ())}
        assert many == len(shared) + 1 or many >= 128, (many, shared)
        found |= {(other, number) for other in shared}
        for key in own:
            known.setdefault(key, []).append(number)
    return found


def _datasketch(runs: Sequence[Runs]) -> Found:
    from datasketch import MinHash, MinHashLSH

    index, found = MinHashLSH(threshold=0.5, num_perm=128), set()
    for number, text in enumerate(runs):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([part.encode() for part in text])
        found |= {(other, number) for other in index.query(sketch)}
        index.insert(number, sketch)
    return found


def _rensa(runs: Sequence[Runs]) -> Found:
    from rensa import RMinHash, RMinHashLSH

    index, found = RMinHashLSH(threshold=0.5, num_perm=128, num_bands=32), set()
    for number, text in enumerate(runs):
        sketch = RMinHash(num_perm=128, seed=42)
        sketch.update(list(text))
        found |= {(other, number) for other in index.query(sketch)}
        index.insert(number, sketch)
    return found


def _of_their_originals(texts: Sequence[str], disguised: Sequence[str], read: Callable[[str], set[str]]) -> float:
    """The share of disguised texts that share a key with the text they were made of."""
    pairs = zip(texts[: len(disguised)], disguised, strict=True)
    return sum(bool(set(keys(read(one))) & set(keys(read(other)))) for one, other in pairs) / len(disguised)
