"""The weights of an earlier model, to learn on from: what `export` wrote, in fractions again. `run` asks for them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from safehold.signals.harm.training.student import HEADS

Floats = NDArray[np.float32]


def pieces(folder: Path) -> list[str]:
    """The vocabulary of the model in `folder`, in its order. Raises ValueError if it can't be read."""
    try:
        vocabulary: dict[str, int] = json.loads((folder / "pieces.json").read_text("utf-8"))["model"]["vocab"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{folder} holds no model to learn on from: {error}") from error
    return sorted(vocabulary, key=lambda piece: vocabulary[piece])


def onto(weights: Any, folder: Path, frozen: int) -> Any:
    """`weights` (student.base_weights') with the layers from `frozen` on, and the heads, of the model in `folder`.

    Raises ValueError if that model has other layers.
    """
    graph = onnx.load(str(folder / "student.onnx")).graph
    held = {each.name: numpy_helper.to_array(each) for each in graph.initializer}

    def matrix(name: str) -> Floats:
        whole = held[f"{name}_quantized"].astype(np.float32) - held[f"{name}_zero_point"]
        found: Floats = (whole * held[f"{name}_scale"]).astype(np.float32)
        return found

    def dense(name: str) -> tuple[Floats, Floats]:
        return matrix(f"{name}.weights"), held[f"{name}.biases"]

    def layer(number: int) -> Any:
        attend, biases = dense(f"{number}.attend")
        width = biases.shape[0] // 3
        gain = np.ones(3 * width, dtype=np.float32)
        gain[:width] = math.sqrt(width // HEADS)  # export puts the scale of attention into the query
        return {
            "attend": (attend * gain, biases * gain),
            **{part: dense(f"{number}.{part}") for part in ("mix", "widen", "narrow")},
            **{part: (held[f"{number}.{part}.s"], held[f"{number}.{part}.b"]) for part in ("norm", "norm2")},
        }

    try:
        later = [layer(number) for number in range(frozen, len(weights["layers"]))]
        head = {"weights": held["head.weights"], "biases": held["head.biases"]}
    except KeyError as error:
        raise ValueError(f"the model in {folder} has no {error}: it has other layers") from error
    return {"first": weights["first"], "layers": [*weights["layers"][:frozen], *later], "head": head}
