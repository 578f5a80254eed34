"""What can be asked about a file that somebody sent: the door to the workers that open it.

`measure`, `nudity` and `text` may be called from any thread; each waits for its answer. They raise `Unreadable` for media that
can't be opened within its bounds, and `Unavailable` where nothing can be said because of us. Workers start when they are
first needed, and are shared by the whole process.
"""

import atexit
import os
import threading
from typing import TypeVar

from safehold.signals.media.kinds import Kind
from safehold.signals.media.workers.messages import Bounds, Job, Measured, Nudity, Text
from safehold.signals.media.workers.pool import NotInstalled, Pool, Unavailable, Unreadable

__all__ = [
    "Bounds",
    "Measured",
    "NotInstalled",
    "Nudity",
    "Text",
    "Unavailable",
    "Unreadable",
    "measure",
    "nudity",
    "text",
]

#: Megabytes of address space for a worker that decodes, and for one that has a model in it.
_DECODING, _MODELS = 1536, 4096
#: A model's first answer takes seconds, because it is loaded then; text takes about one a picture.
_SLOW = Bounds(processor_seconds=40.0, seconds=90.0)

A = TypeVar("A", Measured, Nudity, Text)

_pools: dict[int, Pool] = {}
_making = threading.Lock()


def measure(kind: Kind, data: bytes, bounds: Bounds | None = None, *, variants: tuple[str, ...] = ()) -> Measured:
    """Open an image or video and hash it; with its `variants` of these groups, if it is to be put into a bank."""
    job = Job(what="measure", medium=kind.medium, form=kind.name, bounds=bounds or Bounds(), variants=variants)
    return _expect(Measured, _pool(_DECODING), job, data)


def nudity(kind: Kind, data: bytes, bounds: Bounds = _SLOW) -> Nudity:
    """How likely nudity is in it. Needs the extra `media`."""
    return _expect(Nudity, _pool(_MODELS), Job(what="nudity", medium=kind.medium, form=kind.name, bounds=bounds), data)


def text(kind: Kind, data: bytes, bounds: Bounds = _SLOW) -> Text:
    """The text that is in it. Needs the extra `media`."""
    return _expect(Text, _pool(_MODELS), Job(what="text", medium=kind.medium, form=kind.name, bounds=bounds), data)


def _expect(wanted: type[A], pool: Pool, job: Job, data: bytes) -> A:
    answer = pool.run(job, data)
    if not isinstance(answer, wanted):
        raise Unreadable("the media could not be opened: what opened it answered something else")
    return answer


def _pool(megabytes: int) -> Pool:
    with _making:
        if megabytes not in _pools:
            size = min(4, os.cpu_count() or 1) if megabytes == _DECODING else 1
            _pools[megabytes] = Pool(size, megabytes)
            atexit.register(_pools[megabytes].close)
        return _pools[megabytes]
