"""The harm model as it runs: weights loaded once, texts in, probabilities out. Thread-safe and deterministic.

`score_texts` (safehold.signals.harm) is its only caller in the product; training and the benchmark call it to measure.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from safehold.engine.signal import SignalFailed
from safehold.signals.harm.attributes import ATTRIBUTES
from safehold.signals.harm.hashing import BUCKETS, buckets
from safehold.signals.harm.wording import wording

Floats = NDArray[np.float32]

#: Where the weights lie in the package. `safehold train` writes them.
FOLDER = files("safehold.signals.harm").joinpath("model")


class Linear(NamedTuple):
    """The sparse half: whole numbers of one byte, (buckets, attributes), and what they are times."""

    weights: NDArray[np.int8]
    scales: Floats
    biases: Floats

    def scores(self, wordings: Sequence[str]) -> Floats:
        """Log-odds before calibration, (texts, attributes)."""
        rows = np.zeros((len(wordings), len(self.scales)), dtype=np.float32)
        for row, text in enumerate(wordings):
            found = buckets(text)
            if len(found):
                rows[row] = self.weights[found].sum(axis=0, dtype=np.int32) / np.sqrt(np.float32(len(found)))
        scores: Floats = rows * self.scales + self.biases
        return scores


class Model(NamedTuple):
    """`calibration[attribute]` is (slope, offset): probability = sigmoid(slope * score + offset)."""

    linear: Linear
    slopes: Floats
    offsets: Floats
    version: str

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """(texts, attributes), each from 0 to 1. Texts are read as one window each: the caller cuts longer ones."""
        scores = self.linear.scores([wording(text) for text in texts])
        odds = np.clip(scores * self.slopes + self.offsets, -30, 30)
        found: Floats = 1 / (1 + np.exp(-odds))
        return found

    def features(self, texts: Sequence[str], width: int) -> Floats:
        """(texts, width): scores, then a random projection of the n-grams, each row of length 1."""
        wordings = [wording(text) for text in texts]
        rows = np.zeros((len(texts), width), dtype=np.float32)
        scores = self.linear.scores(wordings)
        spread = width - scores.shape[1]
        for row, text in enumerate(wordings):
            found = buckets(text).astype(np.uint32)
            signs = np.where((found * np.uint32(2654435761)) >> np.uint32(31), 1.0, -1.0)
            rows[row, scores.shape[1] :] = np.bincount(found % spread, weights=signs, minlength=spread)
        rows[:, : scores.shape[1]] = np.tanh(scores / 4)
        rows[:, scores.shape[1] :] /= np.maximum(
            np.linalg.norm(rows[:, scores.shape[1] :], axis=1, keepdims=True), 1e-6
        )
        return rows


@cache
def about() -> Mapping[str, Any]:
    """What model.json says of the model: version, attributes, hashes, calibration. Raises SignalFailed without it."""
    try:
        told: Mapping[str, Any] = json.loads(FOLDER.joinpath("model.json").read_bytes())
        if told["attributes"] != list(ATTRIBUTES):
            raise ValueError("its attributes are not those of this version of Safehold")
    except (OSError, ValueError, KeyError) as error:
        raise _unloadable(error) from error
    return told


@cache
def shipped() -> Model:
    """The model that comes with Safehold. Raises SignalFailed if its files are missing or damaged."""
    told = about()
    try:
        with np.load(io.BytesIO(_whole("linear.npz", told))) as arrays:
            linear = Linear(arrays["weights"], arrays["scales"], arrays["biases"])
        if linear.weights.shape != (BUCKETS, len(ATTRIBUTES)):
            raise ValueError(f"linear.npz has the shape {linear.weights.shape}")
        slopes, offsets = (np.array(told["calibration"][name], dtype=np.float32) for name in ("slopes", "offsets"))
    except (OSError, ValueError, KeyError) as error:
        raise _unloadable(error) from error
    return Model(linear, slopes, offsets, told["version"])


def _whole(name: str, told: Mapping[str, Any]) -> bytes:
    """A file of the model, known to be the one that model.json names."""
    held = FOLDER.joinpath(name).read_bytes()
    if hashlib.sha256(held).hexdigest() != told["files"][name]:
        raise ValueError(f"{name} is not the file that model.json names")
    return held


def _unloadable(error: Exception) -> SignalFailed:
    return SignalFailed(
        f"the harm model cannot be loaded ({error}): install Safehold again, or train it: safehold train"
    )
