"""A community model as a file of some hundred kilobytes: weights of a byte each, the maps to probabilities, and what it was made
from. Plain MessagePack, no code in it: a file from elsewhere can be wrong, but it can't do anything.
"""

import hashlib
import zlib
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from safehold.signals.community import features
from safehold.signals.community.calibration import Calibration
from safehold.signals.community.features import BUCKETS, Rows
from safehold.signals.community.learner import Weights

Doubles = NDArray[np.float64]
FORMAT = 1
#: Texts that are scored at a time: what is gathered for them takes some ten megabytes.
AT_A_TIME = 1_000


class NotAModel(ValueError):
    """The bytes are no community model, or one for another representation of texts."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute. `buckets` is zlib over a signed byte a bucket: the sign, and the square root of the size in 127ths of that
    of `largest`. `languages` are those that it was taught in."""

    buckets: bytes
    largest: float
    dense: list[float]
    bias: float
    calibration: Calibration
    threshold: float
    languages: list[str] = []


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file. `taught` is a digest of the labels."""

    format: int
    features: str
    seed: int
    taught: str
    inverse: bytes  # zlib over float16, what each bucket counts for
    heads: dict[str, Head]


class Model:
    """A model that is loaded: probabilities of texts. Never changed once made, so any thread may ask."""

    def __init__(self, packed: Packed) -> None:
        if packed.format != FORMAT or packed.features != features.version():
            raise NotAModel(
                f"the model is for {packed.features} (format {packed.format}); this version reads {features.version()}"
                f" (format {FORMAT}). Train a new one: `safehold learn train`."
            )
        self.packed = packed
        self.attributes = tuple(packed.heads)
        self.inverse = unpacked(packed.inverse, np.float16).astype(np.float64)
        heads = list(packed.heads.values())
        self._buckets = np.stack([_weights(head) for head in heads], axis=1) if heads else np.zeros((BUCKETS, 0))
        self._dense = np.array([head.dense for head in heads]).reshape(len(heads), -1)
        self._bias = np.array([head.bias for head in heads])
        languages = {language for head in heads for language in head.languages}
        self._taught_in = {
            language: frozenset(name for name, head in packed.heads.items() if language in head.languages)
            for language in languages
        }

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Where each attribute's F1 was greatest on the audit share."""
        return {name: head.threshold for name, head in self.packed.heads.items()}

    def taught_in(self, language: str) -> frozenset[str]:
        """The attributes that were taught in this language (`de`)."""
        return self._taught_in.get(language, frozenset())

    def scores(self, rows: Rows) -> Doubles:
        """A row a text, a column an attribute: before calibration."""
        if len(rows) > AT_A_TIME:
            parts = range(0, len(rows), AT_A_TIME)
            return np.concatenate([self.scores(rows.slice(first, first + AT_A_TIME)) for first in parts])
        if not len(rows):
            return np.zeros((0, len(self.attributes)))
        squares = np.add.reduceat(self.inverse[rows.buckets] ** 2, rows.starts[:-1])
        sums = np.add.reduceat(self._buckets[rows.buckets], rows.starts[:-1], axis=0)
        dense = rows.dense @ self._dense.T if rows.dense.shape[1] else 0.0
        return np.asarray(sums / np.sqrt(np.maximum(squares, 1e-12))[:, None] + dense + self._bias)

    def probabilities(self, rows: Rows) -> Doubles:
        """The same, calibrated."""
        scores = self.scores(rows)
        for place, head in enumerate(self.packed.heads.values()):
            scores[:, place] = head.calibration(scores[:, place])
        return scores


def pack(weights: Weights, calibration: Calibration, threshold: float, languages: Sequence[str] = ()) -> Head:
    """A head of these weights, which lose some of their precision by that."""
    largest = float(np.abs(weights.buckets).max()) or 1.0
    sizes = np.rint(127 * np.sqrt(np.abs(weights.buckets) / largest))
    signed = (np.sign(weights.buckets) * sizes).astype(np.int8)
    return Head(
        buckets=packed(signed), largest=largest, dense=weights.dense.tolist(), bias=weights.bias,
        calibration=calibration, threshold=threshold, languages=list(languages),
    )  # fmt: skip


def packed(values: NDArray[np.generic]) -> bytes:
    return zlib.compress(values.tobytes(), 6)


def unpacked(content: bytes, kind: type[np.generic]) -> NDArray[np.generic]:
    """Raises NotAModel for what has not a value a bucket, before it has unpacked more."""
    size = BUCKETS * np.dtype(kind).itemsize
    opened = zlib.decompressobj()
    try:
        values = opened.decompress(content, size + 1)
    except zlib.error as error:
        raise NotAModel(f"the weights can't be read: {error}") from None
    if len(values) != size:
        raise NotAModel(f"the weights are {len(values):,} bytes, not {size:,}")
    return np.frombuffer(values, dtype=kind)


def _weights(head: Head) -> NDArray[np.float32]:
    signed = unpacked(head.buckets, np.int8).astype(np.float32) / 127
    return np.asarray(np.sign(signed) * signed**2 * head.largest, dtype=np.float32)


def write(content: Packed) -> bytes:
    """The file: the same content gives the same bytes."""
    return msgspec.msgpack.encode(content, order="sorted")


def read(content: bytes) -> Model:
    """Raises NotAModel."""
    try:
        return Model(msgspec.msgpack.decode(content, type=Packed))
    except msgspec.MsgspecError as error:
        raise NotAModel(f"this is no community model: {error}") from None


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
