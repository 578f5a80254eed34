"""The statements of an import: a chunk of rows each, in a transaction of its own, the same on SQLite and PostgreSQL.

Each chunk notes how far it has got in the same transaction, so it is done once, whatever happens between two of them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Min

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
#: The unique index says what is new: no plan that a database makes of stale statistics can be slow.
_ADD = f"""INSERT INTO {_E} (list, value, state, added_at, added_by_id, approved_by_id, revision, {_COLUMNS})
SELECT %(list)s, s.value, 'active', %(at)s, %(by)s, %(approved_by)s, %(number)s, {", ".join(f"s.{name}" for name in KNOWN)}
FROM {_S} s WHERE {_CHUNK} ON CONFLICT (list, value) DO NOTHING"""
_NOTE_ADDED = f"""INSERT INTO {_C} (revision_id, entry_id, activity, before, after, {_COLUMNS})
SELECT %(id)s, e.id, 'imported', '', 'active', {", ".join(f"e.{name}" for name in KNOWN)}
FROM {_E} e WHERE e.id > %(newest)s AND e.list = %(list)s AND e.revision = %(number)s"""

_LEFT_OUT = f"""e.list = %(list)s AND e.source = %(source)s AND e.state = 'active'
AND NOT EXISTS (SELECT 1 FROM {_S} s WHERE s.revision_id = %(id)s AND s.value = e.value)"""
_NEXT_LEFT_OUT = f"SELECT e.id FROM {_E} e WHERE {_LEFT_OUT} AND e.id > %(after)s ORDER BY e.id LIMIT %(chunk)s"
_NOTE_RETIRED = f"""INSERT INTO {_C} (revision_id, entry_id, activity, before, after, {_COLUMNS})
SELECT %(id)s, e.id, 'retired', e.state, 'retired', {", ".join(f"e.{name}" for name in KNOWN)}
FROM {_E} e WHERE {_LEFT_OUT} AND e.id > %(after)s AND e.id <= %(until)s"""
_RETIRE = f"""UPDATE {_E} AS e SET state = 'retired', revision = %(number)s
WHERE {_LEFT_OUT} AND e.id > %(after)s AND e.id <= %(until)s"""

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


_STAGED_COLUMNS = ("value", *KNOWN)
_TYPES = ("text", "boolean", "text", "text", "smallint", "text", "timestamptz")
_INTO_STAGED = f"INSERT INTO {_S} (revision_id, {', '.join(_STAGED_COLUMNS)})"
_STAGE_SQLITE = f"{_INTO_STAGED} VALUES ({', '.join(['%s'] * 8)}) ON CONFLICT (revision_id, value) DO NOTHING"
_STAGE = f"""{_INTO_STAGED} SELECT %s, {", ".join(f"row.{name}" for name in _STAGED_COLUMNS)}
FROM unnest({", ".join(f"%s::{kind}[]" for kind in _TYPES)}) AS row ({", ".join(_STAGED_COLUMNS)})
ON CONFLICT (revision_id, value) DO NOTHING"""


def stage_rows(revision: Revision, rows: Sequence[tuple[Any, ...]]) -> None:
    """Keep rows of an import: (value, *KNOWN) each. Of those with one value the first stays. In a transaction of its own."""
    if not rows:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            adapt = connection.ops.adapt_datetimefield_value
            cursor.executemany(_STAGE_SQLITE, [(revision.pk, *row[:-1], adapt(row[-1])) for row in rows])
        else:
            cursor.execute(_STAGE, [revision.pk, *map(list, zip(*rows, strict=True))])


def staged_between(revision: Revision) -> dict[str, int]:
    """The ids of the first and the last staged row; 0 for none."""
    found = Staged.objects.filter(revision=revision).aggregate(first=Min("id"), last=Max("id"))
    return {name: at or 0 for name, at in found.items()}


def changes_between(revision: Revision) -> dict[str, int]:
    """The ids of the first and the last of its changes; 0 for none."""
    found = Change.objects.filter(revision=revision).aggregate(first=Min("id"), last=Max("id"))
    return {name: at or 0 for name, at in found.items()}


def apply_chunk(revision: Revision, chunk: int) -> bool:
    """Bring in the next staged rows; True when there are none left."""
    with transaction.atomic():
        _lock(revision)
        rows = Staged.objects.filter(revision=revision, id__gt=revision.done).order_by("id").values_list("id", "value")
        taken = list(rows[:chunk])
        if not taken:
            return True
        asked = {
            "id": revision.pk, "list": revision.list, "number": revision.number, "done": revision.done,
            "until": taken[-1][0], "at": connection.ops.adapt_datetimefield_value(revision.at), "by": revision.by_id,
            "approved_by": revision.approved_by_id,
            "newest": Entry.objects.aggregate(newest=Max("id"))["newest"] or 0,
        }  # fmt: skip
        known = Entry.objects.filter(list=revision.list, value__in=[value for _, value in taken]).values_list(
            "id", flat=True
        )
        if ids := list(known):
            _run([f"{statement} AND {_among(ids)}" for statement in (_NOTE_CHANGES, _CHANGE)], asked)
        _run([_ADD, _NOTE_ADDED], asked)
        _reached(revision, taken[-1][0])
    return False


def _among(ids: list[int]) -> str:
    """The condition that `e` is one of these: a join of a chunk with the whole list would read all of it, a chunk at a time."""
    return f"e.id IN ({', '.join(map(str, ids))})"


def retire_chunk(revision: Revision, after: int, chunk: int) -> int | None:
    """Retire the next entries of the source that the import leaves out, from an id on; the last one's id, None if there
    are none left."""
    asked = {
        "id": revision.pk, "list": revision.list, "number": revision.number, "source": revision.source, "chunk": chunk,
        "after": after,
    }  # fmt: skip
    with transaction.atomic():
        _lock(revision)
        with connection.cursor() as cursor:
            cursor.execute(_NEXT_LEFT_OUT, asked)
            ids = [number for (number,) in cursor.fetchall()]
        if not ids:
            return None
        _run([_NOTE_RETIRED, _RETIRE], asked | {"until": ids[-1]})
        return int(ids[-1])


def look_at_the_tables() -> None:
    """Let PostgreSQL look at the tables that have grown: until it does by itself, some minutes later, it makes plans for
    what they were."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {_S}, {_E}, {_C}")


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


def _run(statements: list[str], asked: Mapping[str, Any]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, asked)


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
