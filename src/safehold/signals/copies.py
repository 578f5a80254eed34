"""The copies signal: keys by which windows find texts that are nearly this one, whoever posted them.

MinHash (Broder 1997) of a text's runs of four letters (rensa's R-MinHash), cut into bands twice. In 24 bands of 4 (`keys`), two
texts that share seven tenths of their runs share a band in 998 of 1,000 cases, those that share three tenths in 177, one tenth
in 2. In 12 bands of 8 (`close`), of those that share nine tenths 999 do, seven tenths 510, half 46: a window by them counts who
posts almost the same. `chance` says it of any likeness. The signal keeps nothing. A window whose `by` is `signals.copies.keys` is
over all events that share a band, and is what remembers: a fold of the record, with an end, the same in memory, in Valkey and in
a backtest.
"""

import re
import struct
from collections.abc import Mapping
from hashlib import blake2b
from importlib.metadata import version
from typing import ClassVar

from rensa import RMinHash

from safehold.engine.event import Event
from safehold.signals.fingerprint import LINK_OR_MENTION
from safehold.signals.reading import read
from safehold.signals.text.normalise import normalise, squashed

_NUMBERS = 96  # of a text's sketch
#: Rows of a band: of those by which texts are half alike, and of those by which they are almost the same.
NEAR_ROWS, CLOSE_ROWS = 4, 8
_DIGITS = re.compile(r"\d+")
_RUN = 4
#: Texts that share this much of their runs are near copies.
LEAST = 0.5


class Copies:
    """`signals.copies`. A text without letters has no keys, and is a copy of nothing."""

    name = "copies"
    title = "Who posts nearly the same"
    version = f"1.1.0+rensa.{version('rensa')}"
    cost = 120.0
    basis = ""
    reads = ("text",)
    fields: ClassVar[Mapping[str, str]] = {
        "keys": "list(string)", "close": "list(string)", "size": "int", "truncated": "bool",
    }  # fmt: skip
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {"size": (0, None)}

    def run(self, event: Event) -> Mapping[str, object]:
        """`size` is how many different runs of letters there were to go by: below twenty the keys say little."""
        text, truncated = read(event)
        runs = shingles(text)
        found = sketch(runs)
        near, close = bands(found, NEAR_ROWS), bands(found, CLOSE_ROWS)
        return {"keys": near, "close": close, "size": len(runs), "truncated": truncated}


def shingles(text: str) -> set[str]:
    """The runs of four of a text's letters, without its disguises, links, mentions and blanks; any number is one `0`."""
    plain = _DIGITS.sub("0", squashed(LINK_OR_MENTION.sub(" ", normalise(text).text)))
    return {plain[i : i + _RUN] for i in range(max(1, len(plain) - _RUN + 1))} if plain.strip("0") else set()


def similarity(one: set[str], other: set[str]) -> float:
    """Jaccard's: the share of all runs of two texts that both have; 0 where one has none."""
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


def chance(likeness: float, rows: int) -> float:
    """How likely two texts share a band of so many rows, if this share of their runs (Jaccard's, 0 to 1) is in both."""
    return 1.0 - (1.0 - likeness**rows) ** (_NUMBERS // rows)


def keys(runs: set[str], rows: int = NEAR_ROWS) -> list[str]:
    """A key for each band, which no other band can have; none where there are no runs."""
    return bands(sketch(runs), rows)


def sketch(runs: set[str]) -> list[int]:
    """The least hashes of a text's runs; empty where there are none."""
    if not runs:
        return []
    found = RMinHash(num_perm=_NUMBERS, seed=42)
    found.update(list(runs))
    return list(found.digest())


def bands(numbers: list[int], rows: int) -> list[str]:
    """A sketch's bands of so many rows, each as a key."""
    band, person = struct.Struct(f">{rows}I"), b"" if rows == NEAR_ROWS else rows.to_bytes(1, "big")
    return [
        blake2b(
            band.pack(*numbers[at : at + rows]), digest_size=6, salt=at.to_bytes(2, "big"), person=person
        ).hexdigest()
        for at in range(0, len(numbers), rows)
    ]
