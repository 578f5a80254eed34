"""Write a trained model into a folder: the same weights give the same bytes, and model.json names every file's hash."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safehold.signals.harm.attributes import ATTRIBUTES

#: What a model is made of, beside model.json.
FILES = ("student.onnx", "pieces.json", "linear.npz")

_EPOCH = (1980, 1, 1, 0, 0, 0)


def linear(folder: Path, weights: NDArray[np.float32], biases: NDArray[np.float32]) -> None:
    """One byte a weight, each attribute with its own scale."""
    scales = np.maximum(np.abs(weights).max(axis=0), 1e-12) / 127
    whole = np.rint(weights / scales).astype(np.int8)
    arrays = {"weights": whole, "scales": scales.astype(np.float32), "biases": biases.astype(np.float32)}
    with zipfile.ZipFile(folder / "linear.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            held = io.BytesIO()
            np.lib.format.write_array(held, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), held.getvalue(), zipfile.ZIP_DEFLATED)


def about(folder: Path, release: str, mix: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    """model.json; returns the version, which ends in a hash of everything that answers."""
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}
    answers = json.dumps([files, mix], sort_keys=True)
    version = f"{release}+{hashlib.sha256(answers.encode()).hexdigest()[:12]}"
    told = {"version": version, "attributes": list(ATTRIBUTES), "files": files, "mix": mix, "training": training}
    (folder / "model.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", "utf-8")
    return version
