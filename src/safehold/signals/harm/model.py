"""The harm model as it runs: weights loaded once, texts in, probabilities out. Thread-safe and deterministic.

`scoring` is its only caller in the product; training and the benchmark call it to measure.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from safehold.signals.harm.about import FOLDER as FOLDER
from safehold.signals.harm.about import about as about
from safehold.signals.harm.about import unloadable
from safehold.signals.harm.attributes import ATTRIBUTES
from safehold.signals.harm.hashing import BUCKETS, buckets
from safehold.signals.harm.student import Student, load
from safehold.signals.harm.wording import wording

Floats = NDArray[np.float32]


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
    """Both halves, and how they are put together: log-odds = mix[0] * student + mix[1] * linear + mix[2], each
    (attributes,).
    """

    student: Student
    linear: Linear
    mix: Floats
    version: str

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """(texts, attributes), each from 0 to 1. Texts are read as one window each: the caller cuts longer ones."""
        wordings = [wording(text) for text in texts]
        odds = together(self.student.read(wordings)[0], self.linear.scores(wordings), self.mix)
        found: Floats = (1 / (1 + np.exp(-odds))).astype(np.float32)
        return found

    def features(self, texts: Sequence[str]) -> Floats:
        """(texts, width): what the student makes of a text, each row of length 1, then the tamed log-odds of each attribute."""
        wordings = [wording(text) for text in texts]
        odds, meaning = self.student.read(wordings)
        meaning /= np.maximum(np.linalg.norm(meaning, axis=1, keepdims=True), 1e-6)
        return np.concatenate([meaning, np.tanh(together(odds, self.linear.scores(wordings), self.mix) / 4)], axis=1)


def together(student: Floats, linear: Floats, mix: Floats) -> Floats:
    """Calibrated log-odds of both halves' scores, within limits that a probability can show."""
    found: Floats = np.clip(student * mix[0] + linear * mix[1] + mix[2], -12, 12).astype(np.float32)
    return found


@cache
def shipped() -> Model:
    """The model that comes with Safehold. Raises SignalFailed if its files are missing or damaged."""
    told = about()
    try:
        student = load(_whole("student.onnx", told), _whole("pieces.json", told).decode())
        with np.load(io.BytesIO(_whole("linear.npz", told))) as arrays:
            linear = Linear(arrays["weights"], arrays["scales"], arrays["biases"])
        if linear.weights.shape != (BUCKETS, len(ATTRIBUTES)):
            raise ValueError(f"linear.npz has the shape {linear.weights.shape}")
        mix = np.array([told["mix"][name] for name in ("student", "linear", "offset")], dtype=np.float32)
    except (OSError, ValueError, KeyError) as error:
        raise unloadable(error) from error
    return Model(student, linear, mix, told["version"])


def _whole(name: str, told: Mapping[str, Any]) -> bytes:
    """A file of the model, known to be the one that model.json names."""
    held = FOLDER.joinpath(name).read_bytes()
    if hashlib.sha256(held).hexdigest() != told["files"][name]:
        raise ValueError(f"{name} is not the file that model.json names")
    return held
