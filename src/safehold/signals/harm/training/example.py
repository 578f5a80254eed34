"""One labelled text, and which of three splits it is in."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from safehold.signals.harm.attributes import ATTRIBUTES
from safehold.signals.harm.wording import wording
from safehold.signals.text.normalise import squashed

#: `fit` trains the weights, `calibrate` the map from scores to probabilities, `test` is seen by no training.
SPLITS = ("fit", "calibrate", "test")


class Example(NamedTuple):
    """`labels`: 1.0 and 0.0 for attributes that the source labels (or a share between, where it is unsure); an attribute
    left out is unknown. `kind` is the source's own category or the template's kind, `group` the identity named in it.
    """

    text: str
    labels: Mapping[str, float]
    source: str
    kind: str
    split: str
    group: str = ""
    weight: float = 1.0


def key(text: str) -> str:
    """What two texts share that say the same: letters, digits and pictures, without disguises, links' and people's names."""
    return squashed(wording(text))


def portion(salt: str, text: str) -> float:
    """A number in [0, 1) that depends on nothing but its arguments: the same split on every machine."""
    return int.from_bytes(hashlib.blake2b(f"{salt}\0{text}".encode(), digest_size=8).digest()) / 2**64


def split_of(portion_: float, calibrate: float = 0.1, test: float = 0.12) -> str:
    return "test" if portion_ < test else "calibrate" if portion_ < test + calibrate else "fit"


def matrix(examples: list[Example]) -> NDArray[np.float32]:
    """Labels as (examples, attributes), NaN where unknown."""
    table = np.full((len(examples), len(ATTRIBUTES)), np.nan, dtype=np.float32)
    for row, example in enumerate(examples):
        for attribute, value in example.labels.items():
            table[row, ATTRIBUTES.index(attribute)] = value
    return table
