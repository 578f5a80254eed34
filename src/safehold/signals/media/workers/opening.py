"""Pictures and videos opened within bounds: sizes are looked up before a pixel is decoded, and time is asked while decoding.

Runs in a worker only. What is too large or no whole file raises Refusing, whose text ends a sentence for a moderator.
"""

import io
import math
import time
import warnings
from collections.abc import Iterator
from typing import Any

from PIL import Image

from safehold.signals.media import hashing, vpdq
from safehold.signals.media.workers.messages import Bounds, Job, Measured

#: The names by which Pillow and FFmpeg know our types: nothing else is tried on a file, whatever it says it is.
_PILLOW = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP", "avif": "AVIF", "bmp": "BMP"}
_FFMPEG = {"mp4": "mov", "mov": "mov", "webm": "matroska", "avi": "avi"}
#: FFmpeg opens nothing but the bytes it was given: no address, no other file, whatever a playlist says.
_NOTHING_ELSE = {"protocol_whitelist": "", "enable_drefs": "0", "use_absolute_path": "0"}
_PATIENCE = 0.7  # of the processor time that there is: then the rest is left, instead of being killed with nothing said

Image.MAX_IMAGE_PIXELS = None  # bounds are ours, and below; Pillow's would only warn
warnings.simplefilter("ignore")


class Refusing(Exception):
    """Why the file is not opened."""


def measure(job: Job, data: bytes) -> Measured:
    """Open the file and hash it."""
    return _measure_image(job, data) if job.medium == "image" else _measure_video(job, data)


def stills(job: Job, data: bytes, most: int) -> Iterator[Image.Image]:
    """Up to `most` pictures of it: frames spread over an animation, key frames of a video at least a second apart."""
    if job.medium == "image":
        image = _open(job, data)
        for _, still in _spread(image, most, job.bounds):
            yield still.convert("RGB")
    else:
        for number, (_, frame, _) in enumerate(_frames(job, data, keys_only=True)):
            if number == most:
                return
            yield frame


def _measure_image(job: Job, data: bytes) -> Measured:
    image = _open(job, data)
    count = _count(image)
    first = image.convert("RGB")
    pdq = hashing.pdq(first)
    frames, truncated = [], False
    if count > 1:
        looked_at = min(count, job.bounds.stills // 10)
        frames = [_feature(still, at) for at, still in _spread(image, looked_at, job.bounds)]
        truncated = len(frames) < count
    return Measured(
        width=image.width,
        height=image.height,
        pdq=pdq.hash,
        quality=pdq.quality,
        forms=_forms(first),
        variants={name: (found.hash, found.quality) for name, found in hashing.variants(first, job.variants).items()},
        animated=count > 1,
        frames=frames,
        truncated=truncated,
    )


def _forms(image: Image.Image) -> list[str]:
    """What to look it up by: turned and mirrored, and without bars where it has some and enough is left to be matched."""
    bare = hashing.unbarred(image)
    enough = bare is not None and hashing.pdq(bare).quality >= hashing.QUALITY
    return [*hashing.dihedral(image), *(hashing.dihedral(bare) if bare is not None and enough else [])]


def _open(job: Job, data: bytes) -> Image.Image:
    """Read the head of a picture, and refuse it if what it says it is would be too much."""
    try:
        image = Image.open(io.BytesIO(data), formats=[_PILLOW[job.form]])
    except (OSError, SyntaxError, ValueError) as error:  # SyntaxError is Pillow's word for a broken head
        raise Refusing(f"it begins as a {job.form}, and is none") from error
    _bounded(image.width, image.height, job.bounds)
    return image


def _bounded(width: int, height: int, bounds: Bounds) -> None:
    if width < 1 or height < 1:
        raise Refusing("it says that it has no pixels")
    if max(width, height) > bounds.side:
        raise Refusing(f"it says that it is {width:,} x {height:,} pixels; {bounds.side:,} is the longest side")
    if width * height > bounds.pixels:
        raise Refusing(f"it says that it has {width * height:,} pixels; {bounds.pixels:,} is the most")


def _count(image: Image.Image) -> int:
    count: int = getattr(image, "n_frames", 1)
    return count


def _spread(image: Image.Image, most: int, bounds: Bounds) -> Iterator[tuple[float, Image.Image]]:
    """Frames of an animation at even distances, with the number of each, as long as there is time."""
    until = time.process_time() + bounds.processor_seconds * _PATIENCE
    count = _count(image)
    step = max(1, math.ceil(count / max(1, most)))
    for number in range(0, count, step):
        if number and time.process_time() > until:
            return
        image.seek(number)
        yield float(number), image


def _feature(still: Image.Image, at: float) -> str:
    found = hashing.pdq(still.convert("RGB"))
    return str(vpdq.Frame(found.hash, found.quality, at))


def _measure_video(job: Job, data: bytes) -> Measured:
    frames: list[vpdq.Frame] = []
    first: Image.Image | None = None
    length: float | None = None
    for at, image, says in _frames(job, data):
        first, length = first or image, says
        found = hashing.pdq(image)
        frames.append(vpdq.Frame(found.hash, found.quality, at))
        if len(frames) >= job.bounds.stills:
            break
    if first is None:
        raise Refusing("it has no picture that can be decoded")
    return Measured(
        width=first.width,
        height=first.height,
        pdq=frames[0].hash,
        quality=frames[0].quality,
        animated=True,
        seconds=length,
        frames=list(map(str, frames)),
        # Where the file doesn't say how long it is, only a bound that was reached tells.
        truncated=len(frames) >= job.bounds.stills or (length is not None and frames[-1].timestamp + 2 < length),
    )


def _frames(job: Job, data: bytes, keys_only: bool = False) -> Iterator[tuple[float, Image.Image, float | None]]:
    """One frame a second with its time and the length that the file says, until the bounds are reached or it ends."""
    import av

    until = time.process_time() + job.bounds.processor_seconds * _PATIENCE
    with av.open(io.BytesIO(data), mode="r", format=_FFMPEG[job.form], options=_NOTHING_ELSE) as container:
        if not container.streams.video:
            raise Refusing("it has no picture, only sound or nothing")
        stream = container.streams.video[0]
        _bounded(stream.codec_context.width, stream.codec_context.height, job.bounds)
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        if keys_only:
            stream.codec_context.skip_frame = "NONKEY"
        length = container.duration / 1_000_000 if container.duration and container.duration > 0 else None
        due = -math.inf
        for decoded, frame in enumerate(_decoded(container, stream)):
            if decoded >= job.bounds.frames or time.process_time() > until:
                return
            at = max(0.0, frame.time or 0.0)
            if at < due:
                continue
            due = max(at, due if due > 0 else 0) + vpdq.SECONDS_PER_HASH * 0.999
            _bounded(frame.width, frame.height, job.bounds)  # a stream may change its mind
            yield at, frame.to_image(), length


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames until the first that can't be read: what came before it is what there is."""
    import av

    try:
        yield from container.decode(stream)
    except av.FFmpegError:
        return
