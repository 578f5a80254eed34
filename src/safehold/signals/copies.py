"""The copies signal: keys by which windows find texts that are nearly this one, whoever posted them.

MinHash (Broder 1997) of a text's runs of four letters, in 24 bands of 4 (rensa's R-MinHash): two texts that share seven
tenths of their runs share a band in 998 of 1,000 cases, those that share three tenths in 177, one tenth in 2. The signal
keeps nothing. A window whose `by` is `signals.copies.keys` is over all events that share a band, and is what remembers: a
fold of the record, with an end, the same in memory, in Valkey and in a backtest.
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

_BANDS, _ROWS = 24, 4
_BAND = struct.Struct(f">{_ROWS}I")
_DIGITS = re.compile(r"\d+")
_RUN = 4
#: Texts that share this much of their runs are near copies.
LEAST = 0.5


class Copies:
    """`signals.copies`. A text without letters has no keys, and is a copy of nothing."""

    name = "copies"
    title = "Who posts nearly the same"
    version = f"1.0.0+rensa.{version('rensa')}"
    cost = 120.0
    basis = ""
    reads = ("text",)
    fields: ClassVar[Mapping[str, str]] = {"keys": "list(string)", "size": "int", "truncated": "bool"}
    limits: ClassVar[Mapping[str, tuple[float | None, float | None]]] = {"size": (0, None)}

    def run(self, event: Event) -> Mapping[str, object]:
        """`size` is how many different runs of letters there were to go by: below twenty the keys say little."""
        text, truncated = read(event)
        runs = shingles(text)
        return {"keys": keys(runs), "size": len(runs), "truncated": truncated}


def shingles(text: str) -> set[str]:
    """The runs of four of a text's letters, without its disguises, links, mentions and blanks; any number is one `0`."""
    plain = _DIGITS.sub("0", squashed(LINK_OR_MENTION.sub(" ", normalise(text).text)))
    return {plain[i : i + _RUN] for i in range(max(1, len(plain) - _RUN + 1))} if plain.strip("0") else set()


def similarity(one: set[str], other: set[str]) -> float:
    """Jaccard's: the share of all runs of two texts that both have; 0 where one has none."""
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


def keys(runs: set[str]) -> list[str]:
    """A key for each band, which no other band can have; none where there are no runs."""
    if not runs:
        return []
    sketch = RMinHash(num_perm=_BANDS * _ROWS, seed=42)
    sketch.update(list(runs))
    rows = sketch.digest()
    return [
        blake2b(_BAND.pack(*rows[at : at + _ROWS]), digest_size=6, salt=at.to_bytes(2, "big")).hexdigest()
        for at in range(0, len(rows), _ROWS)
    ]
