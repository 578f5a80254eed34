"""A file of hashes into a bank. It is read twice: first to the end for what is wrong with it, so that nothing of a bad file
is written; then in short transactions, so that events are decided meanwhile. All of it takes effect in one moment. After a
crash the same file, imported again, goes on where writing ended; `abandon` retires what was written instead.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from django.db.models import QuerySet
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL, Refused
from safehold.desk.banks.changing import chained, found_bank, locked
from safehold.desk.banks.models import Act, Bank, BankChange, BankItem, item_of
from safehold.desk.banks.reading import BadFile, Row, good, read
from safehold.desk.banks.states import CHANGE, ITEM
from safehold.desk.imports import TOLD, BadImport, Progress, quiet
from safehold.desk.moves import move
from safehold.engine.lists.formats import Problem
from safehold.record.recording import Record, recording
from safehold.signals.hashes.kinds import key_of

#: Rows of one transaction: some tens of milliseconds in which nobody else writes (SQLite).
CHUNK = 2_000


def import_file(
    by: User | None,
    name: str,
    path: Path,
    format_name: str,
    *,
    kind: str = "",
    source: str = "",
    active: bool = True,
    filename: str = "",
    progress: Progress = quiet,
) -> BankChange:
    """Bring in a file: at the shell its items are active unless `active` is false, from a person they wait.

    Raises NoSuchBank, BadFile, BadImport, Busy, and Refused for a file without rows; then nothing is written.
    """
    change, rows = begin(by, name, path, format_name, kind=kind, source=source, filename=filename, progress=progress)
    state = "active" if active and by is None else ITEM.initial
    return write(by, change, path, format_name, rows, kind=kind, state=state, progress=progress)


def begin(
    by: User | None, name: str, path: Path, format_name: str, *, kind: str = "", source: str = "", filename: str = "",
    progress: Progress = quiet,
) -> tuple[BankChange, int]:  # fmt: skip
    """Read a file to its end, and begin its import; how many rows it has. `write` goes on. Raises what `import_file` raises."""
    found_bank(name)
    rows = _checked(path, format_name, kind, progress)
    return _begun(by, name, filename or path.name, _digest(path), source, rows), rows


def announce(by: User | None, name: str, path: Path, *, source: str = "", filename: str = "") -> BankChange:
    """Begin the import of a file that nobody has read yet: `bring_in` reads and writes it. Raises NoSuchBank and Busy."""
    found_bank(name)
    return _begun(by, name, filename or path.name, _digest(path), source, 0)


def bring_in(by: User | None, change: BankChange, path: Path, format_name: str, *, kind: str = "") -> BankChange:
    """Read a file that was announced to its end, then write what it has as items that wait. Where rows are wrong nothing is
    written, the import is abandoned, and its note says which rows. Raises Refused as `write` does."""
    try:
        rows = _checked(path, format_name, kind, lambda _, done, __: _note(change, {"checked": done}))
    except BadImport as error:
        more = f"\n… and {error.count - len(error.problems):,} more." if error.count > len(error.problems) else ""
        return abandon(by, change.bank_id, "\n".join(map(str, error.problems)) + more)
    except BadFile as error:
        return abandon(by, change.bank_id, str(error))
    _note(change, {"rows": rows})
    return write(by, change, path, format_name, rows, kind=kind)


def _note(change: BankChange, counts: dict[str, int]) -> None:
    """Say how far it is."""
    change.counts = counts
    BankChange.objects.filter(pk=change.pk).update(counts=counts)


def write(
    by: User | None, change: BankChange, path: Path, format_name: str, rows: int, *, kind: str = "",
    state: str = ITEM.initial, progress: Progress = quiet,
) -> BankChange:  # fmt: skip
    """Write what `begin` has read, from where writing ended. Raises Refused if another process is at it, or gave it up."""
    with path.open("rb") as file:
        brought = islice(good(read(file, format_name, kind)), change.done, None)
        while chunk := list(islice(brought, CHUNK)):
            _write(change, chunk, state)
            progress("Writing", change.done, rows)
    _finish(by, change, rows, progress)
    return change


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(path: Path, format_name: str, kind: str, progress: Progress) -> int:
    """How many good rows a file has. Raises BadFile and BadImport."""
    problems: list[Problem] = []
    rows = bad = 0
    with path.open("rb") as file:
        for row in read(file, format_name, kind):
            if isinstance(row, Problem):
                bad += 1
                problems.extend([row] if len(problems) < TOLD else [])
            else:
                rows += 1
                if rows % CHUNK == 0:
                    progress("Reading", rows, 0)
    if problems:
        raise BadImport(problems, bad)
    if not rows:
        raise BadFile("the file has no rows")
    return rows


def _begun(by: User | None, name: str, filename: str, digest: str, source: str, rows: int) -> BankChange:
    """The import of this file: the one that was interrupted, or a new one. Raises Busy."""
    with recording() as record:
        held = Bank.objects.select_for_update().get(pk=name)
        known = BankChange.objects.filter(bank=held, state="applying", file_digest=digest).first()
        if known is not None:
            return known
        bank = locked(name)
        last = BankChange.objects.filter(bank=bank).order_by("-number").first()
        change = BankChange.objects.create(
            bank=bank, number=(last.number if last else 0) + 1, act=Act.IMPORT, by=by, source=(source or filename)[:200],
            filename=filename[:255], file_digest=digest, counts={"rows": rows} if rows else {},
        )  # fmt: skip
        move(record, change, CHANGE, "started", by=by.pk if by else "")
        _audit(record, "bank.import_started", change, by)
    return change


def _write(change: BankChange, rows: list[Row], state: str) -> None:
    now = timezone.now()
    items = [
        item_of(
            row.kind, row.value, bank_id=change.bank_id, state=state, source=row.source or change.source[:200],
            reference=row.reference, note=row.note, added_at=now, added_by=change.by, change=change.number,
        )
        for row in rows
    ]  # fmt: skip
    with recording():
        # Two processes that write the same import take turns, and the later one finds the earlier one's rows done.
        held = BankChange.objects.select_for_update().values_list("done", "state").get(pk=change.pk)
        if held != (done := change.done, "applying"):
            raise Refused("another process is writing this import, or it was given up")
        BankItem.objects.bulk_create(items, ignore_conflicts=True)
        _list_again(change, rows, state)
        change.done = done + len(rows)
        BankChange.objects.filter(pk=change.pk).update(done=change.done)


def _list_again(change: BankChange, rows: list[Row], state: str) -> None:
    """What was retired, and is in the file, stands as if it were new."""
    returned = ITEM.next("retired", "returned")
    for kind in {row.kind for row in rows}:
        values = [key_of(kind, row.value) for row in rows if row.kind == kind]
        BankItem.objects.filter(bank=change.bank_id, kind=kind, value__in=values, state="retired").update(
            state=returned if state == returned else ITEM.next(returned, "activated"), added_by=change.by,
            approved_by=None, change=change.number,
        )  # fmt: skip


def _finish(by: User | None, change: BankChange, rows: int, progress: Progress) -> None:
    """The moment in which the import takes effect."""
    progress("Adding up", 0, 0)
    sha, added = hashlib.sha256(), 0
    for kind, value, state in _written(change):
        sha.update(f"{kind}\t{value}\t{state}\n".encode())
        added += 1
    with recording() as record:
        bank = Bank.objects.select_for_update().get(pk=change.bank_id)
        change.refresh_from_db(fields=["state"])
        if change.state == "applied":
            return  # another process was quicker
        change.counts = {"rows": rows, "added": added, "known": rows - added}
        _in_effect(record, bank, change, sha.hexdigest(), by)
        _audit(record, "bank.imported", change, by)


def _in_effect(record: Record, bank: Bank, change: BankChange, content: str, by: User | None) -> None:
    bank.number = change.number
    bank.digest = change.digest = chained(bank.digest, bank.number, content)
    bank.save(update_fields=["number", "digest"])
    change.save(update_fields=["counts", "digest"])
    move(record, change, CHANGE, "applied", by=by.pk if by else "")


def _written(change: BankChange) -> Iterator[tuple[str, str, str]]:
    found = BankItem.objects.filter(bank=change.bank_id, change=change.number).order_by("id")
    yield from found.values_list("kind", "value", "state").iterator(5_000)


def abandon(by: User | None, name: str, note: str = "") -> BankChange:
    """Give up the import of a bank that was interrupted, or has wrong rows, which `note` says: what it had written is retired.
    Raises NoSuchBank and Refused."""
    change = BankChange.objects.filter(bank=found_bank(name), state="applying").first()
    if change is None:
        raise Refused(f"no import of `{name}` is being written")
    found = BankItem.objects.filter(bank=name, change=change.number)
    _retire(found.exclude(state="retired"))
    with recording() as record:
        bank = Bank.objects.select_for_update().get(pk=name)
        bank.number = change.number
        bank.digest = change.digest = chained(bank.digest, bank.number, "abandoned")
        bank.save(update_fields=["number", "digest"])
        change.note = note or change.note
        change.save(update_fields=["digest", "note"])
        move(record, change, CHANGE, "abandoned", by=by.pk if by else "")
        _audit(record, "bank.import_abandoned", change, by)
    _retire(found.exclude(state="retired"))  # a last piece that another process wrote meanwhile; it writes no other
    return change


def _retire(found: QuerySet[BankItem], **more: int) -> None:
    """Retire items a piece at a time, until none is found."""
    while ids := list(found.order_by("id").values_list("pk", flat=True)[:CHUNK]):
        for state, moved in ITEM.table["retired"].items():
            BankItem.objects.filter(pk__in=ids, state=state).update(state=moved, **more)


def discard(by: User | None, name: str, number: int) -> BankChange:
    """Retire what one import brought and still waits: none of it ever counted. Another import can list it again.

    Raises NoSuchBank, Busy, and Refused where nothing waits.
    """
    brought = _found(name, number)
    change = _follow(by, brought, f"Discarded what change {number} brought")
    _retire(BankItem.objects.filter(bank=name, change=number, state="quarantined"), change=change.number)
    return _settled(by, change, "discarded")


def _found(name: str, number: int) -> BankChange:
    brought = BankChange.objects.filter(bank=found_bank(name), number=number).first()
    if brought is None:
        raise Refused(f"`{name}` has no change {number}")
    return brought


def activate_all(by: User | None, name: str, number: int, progress: Progress = quiet) -> BankChange:
    """Activate what one import or fetch brought and still waits, in one moment. `by` is not who brought it in.

    Raises NoSuchBank, Busy, and Refused where nothing waits or it is one's own.
    """
    waiting = BankItem.objects.filter(bank=name, change=number, state="quarantined")
    brought = _found(name, number)
    change = _activation(by, brought)
    rows = waiting.count()
    approved = None if by is None or brought.by_id == by.pk else by.pk
    while ids := list(waiting.order_by("id").values_list("pk", flat=True)[:CHUNK]):
        BankItem.objects.filter(pk__in=ids, state="quarantined").update(
            state=ITEM.next("quarantined", "activated"), approved_by=approved, change=change.number
        )
        progress("Activating", rows - waiting.count(), rows)
    return _settled(by, change, "activated")


def _settled(by: User | None, change: BankChange, done: str) -> BankChange:
    """The moment in which an activation, or what discards, takes effect. `done`: what its items were."""
    sha = hashlib.sha256()
    for line in _written(change):
        sha.update("\t".join(line).encode())
    with recording() as record:
        bank = Bank.objects.select_for_update().get(pk=change.bank_id)
        change.counts = {done: BankItem.objects.filter(bank=bank, change=change.number).count()}
        _in_effect(record, bank, change, sha.hexdigest(), by)
        _audit(record, f"bank.{done}", change, by)
    return change


def _activation(by: User | None, brought: BankChange) -> BankChange:
    """The change that activates what another brought. Raises Refused and Busy."""
    if by is not None and brought.by_id == by.pk and brought.bank.two_people:
        raise Refused("You brought these items in: somebody else has to activate them.")
    return _follow(by, brought, f"Activated what change {brought.number} brought")


def _follow(by: User | None, brought: BankChange, note: str) -> BankChange:
    """The change that moves on what another brought: the one that was interrupted, or a new one. Raises Refused, Busy."""
    with recording() as record:
        Bank.objects.select_for_update().get(pk=brought.bank_id)
        known = BankChange.objects.filter(bank=brought.bank_id, state="applying", note=note).first()
        if known is not None:
            return known
        bank = locked(brought.bank_id)
        if not BankItem.objects.filter(bank=bank, change=brought.number, state="quarantined").exists():
            raise Refused("Nothing of it waits.")
        last = BankChange.objects.filter(bank=bank).order_by("-number").first()
        change = BankChange.objects.create(
            bank=bank, number=(last.number if last else 0) + 1, act=Act.ITEM, by=by, source=brought.source, note=note
        )
        move(record, change, CHANGE, "started", by=by.pk if by else "")
    return change


def _audit(record: Record, verb: str, change: BankChange, by: User | None) -> None:
    detail = {
        "change": change.pk, "number": change.number, "source": change.source, "file": change.filename,
        "file_digest": change.file_digest, "counts": change.counts, "digest": change.digest,
    }  # fmt: skip
    detail = {name: value for name, value in detail.items() if value not in ("", None, {})}
    actor = by.pk if by is not None else ""
    record.audit(verb, "bank", change.bank_id, actor=actor, detail=detail if by else detail | AT_THE_SHELL)
