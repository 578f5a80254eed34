"""The student network as it runs: pieces of words in, log-odds and a meaning out. One text at a time, on one core."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: Pieces of one text that are read; a window of 200 characters has about 50.
PIECES = 72
#: First windows whose reading is kept, 2 KB each: the harm signal reads a text's first window before all else, the community
#: signal reads only that, and both pay once.
KEPT = 16

Floats = NDArray[np.float32]


class Student(NamedTuple):
    """An ONNX session, which may be called from several threads, and its tokenizer."""

    session: Any
    tokenizer: Tokenizer

    def read(self, wordings: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Log-odds before calibration (texts, attributes), and the mean of the last layer (texts, width)."""
        rows = [
            (_read if place else _read_first)(self.session, self.tokenizer, each) for place, each in enumerate(wordings)
        ]
        if not rows:
            odds, mean = self.session.get_outputs()
            return np.zeros((0, odds.shape[1]), np.float32), np.zeros((0, mean.shape[1]), np.float32)
        return np.concatenate([row[0] for row in rows]), np.concatenate([row[1] for row in rows])


def _read(session: Any, tokenizer: Tokenizer, wording: str) -> tuple[Floats, Floats]:
    """(odds, mean) of one text; whoever reads them copies them first."""
    ids = tokenizer.encode(wording).ids
    if len(ids) > PIECES:
        ids = [*ids[: PIECES - 1], ids[-1]]
    odds, mean = session.run(["odds", "mean"], {"ids": np.array([ids], dtype=np.int64)})
    return odds, mean


_read_first = lru_cache(maxsize=KEPT)(_read)


def load(graph: bytes, pieces: str) -> Student:
    """A student from its ONNX file and its tokenizer's JSON. Raises ValueError if either can't be read."""
    import onnxruntime  # here: a third of a second, which a process that never scores a text needn't wait for
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return Student(session, Tokenizer.from_str(pieces))
    except Exception as error:
        raise ValueError(f"the network cannot be read: {error}") from error
