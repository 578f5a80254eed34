"""Imports: a file's rows are staged, looked at, applied by somebody, and can be taken back whole.

Staging and applying go in short transactions, so that events are decided meanwhile; a revision takes effect in one moment,
when the list's head moves. A process that dies leaves nothing half in effect: `resume` goes on where writing ended, and clears
away what had not been read to the end.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL, Refused
from safehold.desk.imports import TOLD, BadImport, Progress, quiet
from safehold.desk.lists import sql
from safehold.desk.lists.changing import chained, locked
from safehold.desk.lists.declared import managed
from safehold.desk.lists.interrupted import being_read, left_behind
from safehold.desk.lists.models import Act, Head, Mode, Revision, new_revision_id
from safehold.desk.lists.states import REVISION
from safehold.desk.moves import move
from safehold.engine.lists.formats import Problem, Row, read
from safehold.engine.lists.formats.rows import Readable, fitted
from safehold.record.recording import recording

#: Rows of one transaction: some tens of milliseconds in which nobody else writes (SQLite).
CHUNK = 2_000
#: Chunks before which the database is told to look at its tables again: they were empty when it did, or a tenth as long.
LOOKED_AT = (5, 50)


def stage(
    by: User | None,
    list_name: str,
    file: Readable,
    format_name: str,
    *,
    filename: str = "",
    source: str = "",
    licence: str = "",
    mode: str = Mode.ADD,
    columns: dict[str, str] | None = None,
    skip_bad: bool = False,
    progress: Progress = quiet,
) -> Revision:
    """Read a file into an import that waits to be applied. `source` names the feed: rows that name none are from it.

    Raises NoSuchList, FormatError, and BadImport unless `skip_bad`; then nothing is left of it.
    """
    revision_id = new_revision_id()
    with being_read(revision_id):
        revision = announce(
            by, list_name, format_name, revision_id, filename=filename, source=source, licence=licence, mode=mode
        )
        try:
            read_in(by, revision, file, columns=columns, skip_bad=skip_bad, progress=progress)
        except BaseException:
            _drop_staged(revision)
            revision.delete()
            raise
    return revision


def announce(
    by: User | None,
    list_name: str,
    format_name: str,
    revision_id: str,
    *,
    filename: str,
    source: str,
    licence: str,
    mode: str,
) -> Revision:
    """An import that has nothing staged yet, for `read_in`; whoever calls holds `being_read`. What was interrupted while it
    was read is cleared away first. Raises NoSuchList and Refused."""
    held = managed(list_name)
    if mode == Mode.REPLACE and not source:
        raise Refused("To replace what a source listed before, name the source.")
    clear_away(held.name)
    return Revision.objects.create(
        id=revision_id, list=held.name, act=Act.IMPORT, by=by, source=source or held.source,
        licence=licence or held.licence, format=format_name, filename=filename[:255], mode=mode,
    )  # fmt: skip


def read_in(
    by: User | None,
    revision: Revision,
    file: Readable,
    *,
    columns: dict[str, str] | None = None,
    skip_bad: bool = False,
    progress: Progress = quiet,
) -> None:
    """Stage the rows of a file. Raises FormatError, BadImport, and Refused when it was discarded meanwhile; what is staged by
    then is for the caller to drop."""
    held = managed(revision.list)
    hashing = _Hashing(file)
    problems: list[Problem] = []
    counts = {"rows": 0, "skipped": 0, "bad": 0}

    def good() -> Iterator[Row]:
        for row in read(revision.format, hashing, columns):
            found = fitted(row, held.kind, held.fold)
            if isinstance(found, Row):
                counts["rows"] += 1
                yield found
            elif found.skipped:
                counts["skipped"] += 1
            else:
                counts["bad"] += 1
                problems.extend([found] if len(problems) < TOLD else [])

    for batch in batched_rows(good()):
        sql.stage_rows(revision, [_staged(revision, row) for row in batch])
        expected = max(counts["rows"], hashing.whole(counts["rows"]))
        _still_wanted(revision, {"rows": counts["rows"], "of": expected})
        progress("Reading", counts["rows"], expected)
    if problems and not skip_bad:
        raise BadImport(problems, counts["bad"])
    revision.counts = counts
    sql.look_at_the_tables()
    revision.counts = counts | sql.preview(revision)
    with recording() as record:
        _still_wanted(revision, revision.counts)
        revision.file_digest = hashing.hexdigest()
        revision.save()
        _audit(record, "list.import_staged", revision, by)


def _still_wanted(revision: Revision, counts: dict[str, int]) -> None:
    if not Revision.objects.filter(pk=revision.pk, state="staged").update(counts=counts):
        raise Refused("It was discarded while it was read.")


def batched_rows(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == CHUNK:
            yield batch
            batch = []
    if batch:
        yield batch


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, file: Readable) -> None:
        self._file, self._sha, self._read = file, hashlib.sha256(), 0
        self._size = _size_of(file)

    def read(self, size: int = -1) -> bytes:
        return self._seen(self._file.read(size))

    def readline(self, size: int = -1) -> bytes:
        return self._seen(self._file.readline(size))

    def _seen(self, data: bytes) -> bytes:
        self._sha.update(data)
        self._read += len(data)
        return data

    def whole(self, rows: int) -> int:
        """About how many rows the file has, after so many of them."""
        return rows * self._size // self._read if self._read else 0

    def hexdigest(self) -> str:
        return self._sha.hexdigest()


def _size_of(file: Readable) -> int:
    """Bytes of a file that can say so, else 0."""
    try:
        return os.fstat(file.fileno()).st_size  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return 0


def _staged(revision: Revision, row: Row) -> tuple[Any, ...]:
    """(value, *KNOWN)"""
    return (
        row.value, row.allow, (row.source or revision.source)[:200], row.reference[:500], row.confidence, row.note[:2000],
        row.expires_at,
    )  # fmt: skip


def apply(by: User | None, revision_id: str, *, progress: Progress = quiet) -> Revision:
    """Bring a staged import into effect, or go on with one that was interrupted. `by` is not who staged it.

    Raises Refused, Busy, and what `Machine.next` raises.
    """
    begin(by, revision_id)
    return go_on(by, revision_id, progress=progress)


def revert(by: User | None, revision_id: str, *, progress: Progress = quiet) -> Revision:
    """Take back all that a revision did, as a new revision. Entries that were changed again since are left as they are.

    Raises Busy, and what `Machine.next` raises.
    """
    return go_on(by, begin_revert(by, revision_id).pk, progress=progress)


def begin(by: User | None, revision_id: str) -> None:
    """Approve a staged import, so that `go_on` can write it. Raises what `apply` raises."""
    with recording() as record:
        revision = Revision.objects.select_for_update().get(pk=revision_id)
        if revision.state == "applying":
            return  # interrupted: what was done is done
        REVISION.next(revision.state, "started")
        if revision.unread:
            raise Refused("It is still being read.")
        if by is not None and revision.by_id == by.pk:
            raise Refused("You brought this import in: somebody else has to approve it.")
        head = locked(revision.list)
        revision.number, revision.approved_by = head.number + 1, by
        revision.counts = {**revision.counts, **sql.staged_between(revision)}
        revision.save()
        move(record, revision, REVISION, "started", by=by.pk if by else "")
        _audit(record, "list.import_approved", revision, by)


def begin_revert(by: User | None, revision_id: str) -> Revision:
    """The revision that takes another one back, for `go_on` to write. Raises what `revert` raises."""
    with recording() as record:
        reverted = Revision.objects.select_for_update().get(pk=revision_id)
        REVISION.next(reverted.state, "reverted")
        head = locked(reverted.list)
        revision = Revision.objects.create(
            list=reverted.list, number=head.number + 1, act=Act.REVERT, by=by, reverts=reverted, source=reverted.source,
            counts=sql.changes_between(reverted),
        )  # fmt: skip
        move(record, revision, REVISION, "started", by=by.pk if by else "")
        _audit(record, "list.revert_started", revision, by)
    return revision


def go_on(by: User | None, revision_id: str, *, progress: Progress = quiet) -> Revision:
    """Write a revision that is being applied, from where it is, and bring it into effect."""
    revision = Revision.objects.select_related("reverts").get(pk=revision_id)
    chunk = sql.revert_chunk if revision.act == Act.REVERT else sql.apply_chunk
    for number in count():
        if number in LOOKED_AT:
            sql.look_at_the_tables()
        if chunk(revision, CHUNK):
            break
        progress("Writing", *revision.written)
    if revision.mode == Mode.REPLACE:
        retired: int | None = 0
        while (retired := sql.retire_chunk(revision, retired or 0, CHUNK)) is not None:
            progress("Retiring", 0, 0)
    _finish(by, revision, progress)
    _drop_staged(revision)
    return revision


def resume(by: User | None, list_name: str | None = None, *, progress: Progress = quiet) -> list[Revision]:
    """Go on with what was interrupted, in one list or in all: by a process that died between two chunks. What one left behind
    that had not read all of its file is cleared away."""
    clear_away(list_name)
    found = Revision.objects.filter(state="applying").values_list("pk", "list")
    return [go_on(by, pk, progress=progress) for pk, name in list(found) if list_name in (None, name)]


def clear_away(list_name: str | None = None) -> None:
    """Discard the imports that were interrupted while they were read: of one list, or of all."""
    for revision in left_behind(list_name):
        give_up(None, revision.pk, "It was interrupted while it was read.")


def give_up(by: User | None, revision_id: str, why: str, bad: int = 0) -> None:
    """Discard an import that can't be read to its end; `why` stands on its page, `bad` is how many of its rows are wrong."""
    with recording() as record:
        revision = Revision.objects.select_for_update().get(pk=revision_id)
        if revision.state == "staged":
            revision.note, revision.counts = why, {"bad": bad} if bad else {}
            move(record, revision, REVISION, "discarded", by=by.pk if by else "")
            revision.save()
            _audit(record, "list.import_discarded", revision, by)
    _drop_staged(revision)


def discard(by: User | None, revision_id: str) -> None:
    """Throw a staged import away. Raises what `Machine.next` raises."""
    with recording() as record:
        revision = Revision.objects.select_for_update().get(pk=revision_id)
        move(record, revision, REVISION, "discarded", by=by.pk if by else "")
        _audit(record, "list.import_discarded", revision, by)
    _drop_staged(revision)


def _finish(by: User | None, revision: Revision, progress: Progress) -> None:
    """The moment in which the revision takes effect."""
    progress("Adding up", 0, 0)
    counts, content = sql.summary(revision)
    with recording() as record:
        head = Head.objects.select_for_update().get(list=revision.list)
        revision.refresh_from_db(fields=["state"])
        if revision.state == "applied":
            return  # another process was quicker
        revision.counts = {
            name: count for name, count in revision.counts.items() if name not in ("first", "last")
        } | counts
        head.number = revision.number or 0
        head.digest = revision.digest = chained(head.digest, head.number, content)
        revision.applied_at = timezone.now()
        head.save()
        revision.save()
        move(record, revision, REVISION, "applied", by=by.pk if by else "")
        if revision.reverts is not None:
            move(record, revision.reverts, REVISION, "reverted", by=by.pk if by else "")
        _audit(record, "list.reverted" if revision.act == Act.REVERT else "list.imported", revision, by)


def _drop_staged(revision: Revision) -> None:
    while sql.drop_chunk(revision, CHUNK * 5):
        pass


def _audit(record: Any, verb: str, revision: Revision, by: User | None) -> None:
    detail = {
        "list": revision.list, "number": revision.number, "source": revision.source, "file": revision.filename,
        "file_digest": revision.file_digest, "counts": revision.counts, "digest": revision.digest,
        "reverts": revision.reverts_id or "",
    }  # fmt: skip
    detail = {name: value for name, value in detail.items() if value not in ("", None)}
    actor = by.pk if by is not None else ""
    record.audit(verb, "list_revision", revision.pk, actor=actor, detail=detail if by else detail | AT_THE_SHELL)
