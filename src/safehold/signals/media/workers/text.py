"""The text in a picture, by RapidOCR (PP-OCR models in its package). Runs in a worker only."""

from functools import cache
from typing import Any

import numpy as np

from safehold.signals.media.workers import opening
from safehold.signals.media.workers.messages import Job, Text

#: Stills of an animation or video that are read.
_STILLS = 4
_SIDE = 1600  # pixels: a larger picture is made smaller first, or a screenful takes ten seconds
_CHARACTERS = 20_000


def read(job: Job, data: bytes) -> Text:
    """All lines, top to bottom; of several stills each line once."""
    lines: dict[str, float] = {}
    truncated = False
    for still in opening.stills(job, data, _STILLS):
        if max(still.size) > _SIDE:
            still.thumbnail((_SIDE, _SIDE))
        found = _reader()(np.asarray(still)[:, :, ::-1])  # it reads what OpenCV reads: blue first
        for line, sure in zip(found.txts or (), found.scores or (), strict=True):
            if sum(map(len, lines)) + len(line) > _CHARACTERS:
                truncated = True
                break
            lines[line] = max(float(sure), lines.get(line, 0.0))
    return Text(lines=list(lines), confidence=[min(1.0, sure) for sure in lines.values()], truncated=truncated)


@cache
def _reader() -> Any:
    from rapidocr import RapidOCR

    one_thread = {f"EngineConfig.onnxruntime.{which}_op_num_threads": 1 for which in ("intra", "inter")}
    return RapidOCR(params={"Global.log_level": "critical", **one_thread})
