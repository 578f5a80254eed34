"""Imports whose process died while it read the file. Whoever reads one holds a lock on a file of its own, which goes with the
process, whatever kills it; what such an import has staged is cleared away. Called before an import, and by `resume`.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from safehold.desk.lists.models import Act, Revision

#: On another machine's disk there may be a lock that can't be seen here: its import is given this long.
ELSEWHERE = timedelta(days=1)


@contextmanager
def being_read(revision_id: str) -> Iterator[None]:
    """While this is open, the import is nobody's to clear away. Open it before the revision is there."""
    path = _lock_of(revision_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def left_behind(list_name: str | None = None) -> list[Revision]:
    """Imports, of one list or of all, that were never read to the end and that nobody is reading."""
    found = Revision.objects.filter(act=Act.IMPORT, state="staged", file_digest="")
    if list_name is not None:
        found = found.filter(list=list_name)
    return [revision for revision in found if not _is_read(revision)]


def _is_read(revision: Revision) -> bool:
    path = _lock_of(revision.pk)
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return timezone.now() - revision.at < ELSEWHERE
    except BlockingIOError:
        return True
    with suppress(FileNotFoundError):
        path.unlink()
    return False


def _lock_of(revision_id: str) -> Path:
    return Path(settings.SAFEHOLD_LISTS) / f"{revision_id}.reading"
