"""The statements of an import: a chunk of rows each, in a transaction of its own, the same on SQLite and PostgreSQL.

Each chunk notes how far it has got in the same transaction, so it is done once, whatever happens between two of them.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from safehold.desk.lists.models import KNOWN, Change, Entry, Revision, Staged

_E, _C, _S = Entry._meta.db_table, Change._meta.db_table, Staged._meta.db_table
_COLUMNS = ", ".join(KNOWN)
_DIFFERENT = " OR ".join(f"e.{name} IS DISTINCT FROM s.{name}" for name in KNOWN)
#: A staged row `s` and the entry `e` with its value. What is disputed stays disputed, whatever a feed says.
_SAME = "e.list = %(list)s AND e.value = s.value"
_TOUCHED = f"{_SAME} AND (e.state IN ('proposed', 'retired') OR (e.state = 'active' AND ({_DIFFERENT})))"
_CHUNK = "s.revision_id = %(id)s AND s.id > %(done)s AND s.id <= %(until)s"

_NOTE_CHANGES = f"""INSERT INTO {_C} (revision_id, entry_id, activity, before, after, {_COLUMNS})
SELECT %(id)s, e.id, 'imported', e.state, 'active', {", ".join(f"e.{name}" for name in KNOWN)}
FROM {_S} s JOIN {_E} e ON {_TOUCHED} WHERE {_CHUNK}"""
_CHANGE = f"""UPDATE {_E} AS e SET state = 'active', revision = %(number)s, {", ".join(f"{name} = s.{name}" for name in KNOWN)}
FROM {_S} s WHERE {_TOUCHED} AND {_CHUNK}"""
_ADD = f"""INSERT INTO {_E} (list, value, state, added_at, added_by_id, approved_by_id, revision, {_COLUMNS})
SELECT %(list)s, s.value, 'active', %(at)s, %(by)s, %(approved_by)s, %(number)s, {", ".join(f"s.{name}" for name in KNOWN)}
FROM {_S} s WHERE {_CHUNK} AND NOT EXISTS (SELECT 1 FROM {_E} e WHERE {_SAME})"""
_NOTE_ADDED = f"""INSERT INTO {_C} (revision_id, entry_id, activity, before, after, {_COLUMNS})
SELECT %(id)s, e.id, 'imported', '', 'active', {", ".join(f"e.{name}" for name in KNOWN)}
FROM {_S} s JOIN {_E} e ON {_SAME} WHERE {_CHUNK} AND e.revision = %(number)s
AND NOT EXISTS (SELECT 1 FROM {_C} c WHERE c.entry_id = e.id AND c.revision_id = %(id)s)"""

_LEFT_OUT = f"""e.list = %(list)s AND e.source = %(source)s AND e.state = 'active'
AND NOT EXISTS (SELECT 1 FROM {_S} s WHERE s.revision_id = %(id)s AND s.value = e.value)"""
_NOTE_RETIRED = f"""INSERT INTO {_C} (revision_id, entry_id, activity, before, after, {_COLUMNS})
SELECT %(id)s, e.id, 'retired', e.state, 'retired', {", ".join(f"e.{name}" for name in KNOWN)}
FROM {_E} e WHERE {_LEFT_OUT} ORDER BY e.id LIMIT %(chunk)s"""
_RETIRE = f"""UPDATE {_E} SET state = 'retired', revision = %(number)s WHERE list = %(list)s AND state = 'active'
AND id IN (SELECT entry_id FROM {_C} WHERE revision_id = %(id)s AND activity = 'retired')"""

#: What the reverted revision changed and nothing has changed since.
_BACK = f"""FROM {_C} c JOIN {_E} e ON e.id = c.entry_id
WHERE c.revision_id = %(reverts)s AND c.id > %(done)s AND c.id <= %(until)s AND e.revision = %(reverted)s"""
_NOTE_BACK = f"""INSERT INTO {_C} (revision_id, entry_id, activity, before, after, {_COLUMNS})
SELECT %(id)s, e.id, 'reverted', e.state, CASE WHEN c.before = '' THEN 'retired' ELSE c.before END,
{", ".join(f"e.{name}" for name in KNOWN)} {_BACK}"""
_GO_BACK = f"""UPDATE {_E} AS e SET state = CASE WHEN c.before = '' THEN 'retired' ELSE c.before END, revision = %(number)s,
{", ".join(f"{name} = c.{name}" for name in KNOWN)}
FROM {_C} c WHERE e.id = c.entry_id
AND c.revision_id = %(reverts)s AND c.id > %(done)s AND c.id <= %(until)s AND e.revision = %(reverted)s"""


def preview(revision: Revision) -> dict[str, int]:
    """What applying would do now: new, changed, unchanged, disputed, and for a replacement retired entries."""
    asked = {"list": revision.list, "id": revision.pk, "source": revision.source}
    parts = {
        "staged": f"SELECT COUNT(*) FROM {_S} s WHERE s.revision_id = %(id)s",
        "changed": f"SELECT COUNT(*) FROM {_S} s JOIN {_E} e ON {_TOUCHED} WHERE s.revision_id = %(id)s",
        "known": f"SELECT COUNT(*) FROM {_S} s JOIN {_E} e ON {_SAME} WHERE s.revision_id = %(id)s",
        "disputed": f"SELECT COUNT(*) FROM {_S} s JOIN {_E} e ON {_SAME} AND e.state = 'disputed' WHERE s.revision_id = %(id)s",
        "retired": f"SELECT COUNT(*) FROM {_E} e WHERE {_LEFT_OUT}",
    }
    found = {}
    with connection.cursor() as cursor:
        for name, statement in parts.items():
            cursor.execute(statement, asked)
            found[name] = int(cursor.fetchone()[0])
    return {
        "added": found["staged"] - found["known"],
        "changed": found["changed"],
        "unchanged": found["known"] - found["changed"] - found["disputed"],
        "disputed": found["disputed"],
        "retired": found["retired"] if revision.mode == "replace" else 0,
        "twice": revision.counts.get("rows", found["staged"]) - found["staged"] if revision.counts else 0,
    }


def last_staged(revision: Revision) -> int:
    return int(Staged.objects.filter(revision=revision).aggregate(last=Max("id"))["last"] or 0)


def last_change(revision: Revision) -> int:
    return int(Change.objects.filter(revision=revision).aggregate(last=Max("id"))["last"] or 0)


def apply_chunk(revision: Revision, chunk: int) -> bool:
    """Bring in the next staged rows; True when there are none left."""
    with transaction.atomic():
        _lock(revision)
        ids = Staged.objects.filter(revision=revision, id__gt=revision.done).order_by("id").values_list("id", flat=True)
        taken = list(ids[:chunk])
        if not taken:
            return True
        asked = {
            "id": revision.pk, "list": revision.list, "number": revision.number, "done": revision.done,
            "until": taken[-1], "at": connection.ops.adapt_datetimefield_value(revision.at), "by": revision.by_id,
            "approved_by": revision.approved_by_id,
        }  # fmt: skip
        _run([_NOTE_CHANGES, _CHANGE, _ADD, _NOTE_ADDED], asked)
        _reached(revision, taken[-1])
    return False


def retire_chunk(revision: Revision, chunk: int) -> bool:
    """Retire the next entries of the source that the import leaves out; False when there are none left."""
    asked = {
        "id": revision.pk, "list": revision.list, "number": revision.number, "source": revision.source, "chunk": chunk,
    }  # fmt: skip
    with transaction.atomic():
        _lock(revision)
        return _run([_NOTE_RETIRED, _RETIRE], asked) > 0


def revert_chunk(revision: Revision, chunk: int) -> bool:
    """Take back the next changes; True when there are none left."""
    reverted = revision.reverts
    if reverted is None:
        raise ValueError("this revision reverts nothing")
    with transaction.atomic():
        _lock(revision)
        ids = Change.objects.filter(revision=reverted, id__gt=revision.done).order_by("id").values_list("id", flat=True)
        taken = list(ids[:chunk])
        if not taken:
            return True
        asked = {
            "id": revision.pk, "number": revision.number, "reverts": reverted.pk, "reverted": reverted.number,
            "done": revision.done, "until": taken[-1],
        }  # fmt: skip
        _run([_NOTE_BACK, _GO_BACK], asked)
        _reached(revision, taken[-1])
    return False


def _lock(revision: Revision) -> None:
    """Two processes that apply the same revision take turns."""
    revision.done = Revision.objects.select_for_update().values_list("done", flat=True).get(pk=revision.pk)


def _reached(revision: Revision, done: int) -> None:
    Revision.objects.filter(pk=revision.pk).update(done=done)
    revision.done = done


def _run(statements: list[str], asked: Mapping[str, Any]) -> int:
    """The number of rows of the first statement."""
    counts = []
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, asked)
            counts.append(cursor.rowcount)
    return int(counts[0])


def drop_chunk(revision: Revision, chunk: int) -> int:
    """Delete some of the staged rows; how many."""
    ids = list(Staged.objects.filter(revision=revision).order_by("id").values_list("id", flat=True)[:chunk])
    if not ids:
        return 0
    return Staged.objects.filter(revision=revision, id__lte=ids[-1]).delete()[0]


def summary(revision: Revision) -> tuple[dict[str, int], str]:
    """What was done, counted, and SHA-256 of it, line by line in the order of the changes."""
    counts = {"added": 0, "changed": 0, "retired": 0}
    sha = hashlib.sha256()
    found = Change.objects.filter(revision=revision).order_by("id").values_list("entry__value", "before", "after")
    for value, before, after in found.iterator(chunk_size=CHUNK_READ):
        sha.update(f"{value}\t{before}\t{after}\n".encode())
        counts["added" if not before else "retired" if after == "retired" else "changed"] += 1
    if revision.reverts is not None:
        counts["kept"] = Change.objects.filter(revision=revision.reverts).count() - sum(counts.values())
    return counts, sha.hexdigest()


CHUNK_READ = 5_000
