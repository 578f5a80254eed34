"""Imports: a file's rows are staged, looked at, applied by somebody, and can be taken back whole.

Staging and applying go in short transactions, so that events are decided meanwhile; a revision takes effect in one moment,
when the list's head moves. A process that dies leaves nothing half in effect: `apply` again goes on where it ended.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL, Refused
from safehold.desk.lists import sql
from safehold.desk.lists.changing import Busy, chained, locked
from safehold.desk.lists.declared import managed
from safehold.desk.lists.models import Act, Head, Mode, Revision, Staged
from safehold.desk.lists.states import REVISION
from safehold.desk.moves import move
from safehold.engine.lists.formats import Problem, Row, read
from safehold.engine.lists.formats.rows import Readable, fitted
from safehold.record.recording import recording

#: Rows of one transaction: some tens of milliseconds in which nobody else writes (SQLite).
CHUNK = 2_000
#: Problems that are told; the count says how many there were.
TOLD = 50

Progress = Callable[[str, int, int], None]


class BadImport(ValueError):
    """The file has rows that can't be entries. `problems` are the first of them."""

    def __init__(self, problems: list[Problem], count: int) -> None:
        self.problems, self.count = problems, count
        super().__init__(f"{count:,} rows are wrong, the first: {problems[0]}")


def _quiet(step: str, done: int, total: int) -> None:
    return


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
    progress: Progress = _quiet,
) -> Revision:
    """Read a file into an import that waits to be applied. `source` names the feed: rows that name none are from it.

    Raises NoSuchList, FormatError, and BadImport unless `skip_bad`; then nothing is left of it.
    """
    held = managed(list_name)
    if mode == Mode.REPLACE and not source:
        raise Refused("To replace what a source listed before, name the source.")
    revision = Revision.objects.create(
        list=held.name, act=Act.IMPORT, by=by, source=source or held.source, licence=licence or held.licence,
        format=format_name, filename=filename[:255], mode=mode,
    )  # fmt: skip
    hashing = _Hashing(file)
    problems: list[Problem] = []
    counts = {"rows": 0, "skipped": 0, "bad": 0}

    def good() -> Iterator[Row]:
        for row in read(format_name, hashing, columns):
            found = fitted(row, held.kind, held.fold)
            if isinstance(found, Row):
                counts["rows"] += 1
                yield found
            elif found.skipped:
                counts["skipped"] += 1
            else:
                counts["bad"] += 1
                problems.extend([found] if len(problems) < TOLD else [])

    try:
        for batch in batched_rows(good()):
            with transaction.atomic():
                Staged.objects.bulk_create([_staged(revision, row) for row in batch], ignore_conflicts=True)
            progress("Reading", counts["rows"], 0)
        if problems and not skip_bad:
            raise BadImport(problems, counts["bad"])
        revision.file_digest = hashing.hexdigest()
        revision.counts = counts
        revision.counts = counts | sql.preview(revision)
        with recording() as record:
            revision.save()
            _audit(record, "list.import_staged", revision, by)
    except BaseException:
        _drop(revision)
        raise
    return revision


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
        self._file, self._sha = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._sha.update(data)
        return data

    def readline(self, size: int = -1) -> bytes:
        data = self._file.readline(size)
        self._sha.update(data)
        return data

    def hexdigest(self) -> str:
        return self._sha.hexdigest()


def _staged(revision: Revision, row: Row) -> Staged:
    return Staged(
        revision=revision, value=row.value, allow=row.allow, source=(row.source or revision.source)[:200],
        reference=row.reference[:500], confidence=row.confidence, note=row.note[:2000], expires_at=row.expires_at,
    )  # fmt: skip


def apply(by: User | None, revision_id: str, *, progress: Progress = _quiet) -> Revision:
    """Bring a staged import into effect, or go on with one that was interrupted. `by` is not who staged it.

    Raises Refused, Busy, and what `Machine.next` raises.
    """
    begin(by, revision_id)
    return go_on(by, revision_id, progress=progress)


def revert(by: User | None, revision_id: str, *, progress: Progress = _quiet) -> Revision:
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
        if by is not None and revision.by_id == by.pk:
            raise Refused("You brought this import in: somebody else has to approve it.")
        head = locked(revision.list)
        revision.number, revision.approved_by = head.number + 1, by
        revision.counts = {**revision.counts, "last": sql.last_staged(revision)}
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
            counts={"last": sql.last_change(reverted)},
        )  # fmt: skip
        move(record, revision, REVISION, "started", by=by.pk if by else "")
        _audit(record, "list.revert_started", revision, by)
    return revision


def go_on(by: User | None, revision_id: str, *, progress: Progress = _quiet) -> Revision:
    """Write a revision that is being applied, from where it is, and bring it into effect."""
    revision = Revision.objects.select_related("reverts").get(pk=revision_id)
    chunk = sql.revert_chunk if revision.act == Act.REVERT else sql.apply_chunk
    while not chunk(revision, CHUNK):
        progress("Writing", revision.done, revision.counts.get("last", 0))
    if revision.mode == Mode.REPLACE:
        while sql.retire_chunk(revision, CHUNK):
            progress("Retiring", 0, 0)
    _finish(by, revision)
    _drop_staged(revision)
    return revision


def resume(by: User | None, *, progress: Progress = _quiet) -> list[Revision]:
    """Go on with what was interrupted: by a process that died between two chunks."""
    found = Revision.objects.filter(state="applying").values_list("pk", flat=True)
    return [go_on(by, revision_id, progress=progress) for revision_id in list(found)]


def discard(by: User | None, revision_id: str) -> None:
    """Throw a staged import away. Raises what `Machine.next` raises."""
    with recording() as record:
        revision = Revision.objects.select_for_update().get(pk=revision_id)
        move(record, revision, REVISION, "discarded", by=by.pk if by else "")
        _audit(record, "list.import_discarded", revision, by)
    _drop_staged(revision)


def _finish(by: User | None, revision: Revision) -> None:
    """The moment in which the revision takes effect."""
    counts, content = sql.summary(revision)
    with recording() as record:
        head = Head.objects.select_for_update().get(list=revision.list)
        revision.refresh_from_db(fields=["state"])
        if revision.state == "applied":
            return  # another process was quicker
        revision.counts = {name: count for name, count in revision.counts.items() if name != "last"} | counts
        head.number = revision.number or 0
        head.digest = revision.digest = chained(head.digest, head.number, content)
        revision.applied_at = timezone.now()
        head.save()
        revision.save()
        move(record, revision, REVISION, "applied", by=by.pk if by else "")
        if revision.reverts is not None:
            move(record, revision.reverts, REVISION, "reverted", by=by.pk if by else "")
        _audit(record, "list.reverted" if revision.act == Act.REVERT else "list.imported", revision, by)


def _drop(revision: Revision) -> None:
    """Nothing of a staged import is left."""
    _drop_staged(revision)
    revision.delete()


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


__all__ = ["BadImport", "Busy", "apply", "begin", "begin_revert", "discard", "go_on", "resume", "revert", "stage"]
