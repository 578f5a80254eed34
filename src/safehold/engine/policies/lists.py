"""Reading the declaration of a list: `policies/lists/*.yaml`, its entries there or in a file beside it.

list: phishing
kind: domain_suffix        # exact, cidr, regex_set or hash
title: Domains reported for phishing
source: https://example.org/feed
licence: CC0-1.0
managed: true              # people change it in the console and at the shell; these entries are always part of it
file: phishing.txt         # text, CSV, JSON, hosts, STIX, MISP or ThreatExchange; or `entries: [...]` here
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from safehold.engine.lists.entry import KINDS, BadEntry, Entry
from safehold.engine.lists.formats import FormatError, Row, format_of, read
from safehold.engine.lists.formats.rows import fitted
from safehold.engine.lists.policy_list import PolicyList
from safehold.engine.lists.table import Table, make_table
from safehold.engine.lists.values import normal
from safehold.engine.policies.fields import Fields
from safehold.engine.policies.kept import Kept
from safehold.engine.policies.located import Located
from safehold.engine.policies.problems import Report

FIELDS = ("list", "kind", "title", "description", "source", "licence", "managed", "fold", "file", "entries")
ENTRY_FIELDS = ("value", "allow", "expires", "added", "source", "note")
#: Problems of one file that are told; a wrong file has as many as it has lines.
_TOLD = 20


@dataclass(frozen=True, slots=True)
class _Declared:
    """What every entry of a list is brought into form with."""

    kind: str
    fold: bool
    report: Report


def make_list(name: str, kind: str, entries: Iterable[str], *, fold: bool = False) -> PolicyList:
    """A list from texts, for scripts and tests. Raises BadEntry, and ValueError for a kind that there isn't."""
    if kind not in KINDS:
        raise ValueError(f"`{kind}` is not a kind of list; one of: {', '.join(KINDS)}")
    rows = (Entry(value=normal(kind, entry, fold)) for entry in entries)
    return PolicyList(name, make_table(kind, rows, fold=fold))


def read_list(node: Located, folder: Path, report: Report) -> PolicyList | None:
    """A list's declaration and its entries; None after a problem was reported."""
    fields = Fields(node, report, "a list", FIELDS)
    name = fields.text("list", required=True)
    kind = fields.choice("kind", KINDS, "exact")
    fold, managed = _flag(fields, "fold"), _flag(fields, "managed")
    if not name.isidentifier():
        if name:
            report.add(
                fields.values["list"], f"`{name}` cannot be written as lists.{name}", "letters, digits and _ only"
            )
        return None
    if fold and kind != "exact":
        report.add(fields.values["fold"], "`fold` is for lists of kind `exact`", "write (?i) into a pattern")
    declared = _Declared(kind, fold and kind == "exact", report)
    if "file" not in fields.values and "entries" not in fields.values and not managed:
        report.add(node, "a list needs `entries` or `file`", "or `managed: true`, to keep its entries in the database")
    return PolicyList(
        name, _table(fields, folder, declared), managed=managed, title=fields.text("title"),
        source=fields.text("source"), licence=fields.text("licence"), description=fields.text("description"),
    )  # fmt: skip


#: Tables of whole files, by what is in them: a start and the console read the same ones time and again.
_TABLES: Kept[tuple[str, ...], Table] = Kept(8)


def _table(fields: Fields, folder: Path, declared: _Declared) -> Table:
    """The entries that are declared here and in the file, packed."""
    entries = _entries_here(fields, declared)
    file = fields.get("file")
    path = _path(file, folder, declared.report) if file is not None else None
    if file is None or path is None:
        return make_table(declared.kind, entries, fold=declared.fold)
    with path.open("rb") as opened:
        known = (path.name, declared.kind, str(declared.fold), hashlib.file_digest(opened, "sha256").hexdigest())
    table = _TABLES.get(known) if not entries else None
    if table is None:
        name = f"lists/{file.value}"
        before = len(declared.report.problems)
        whole = make_table(declared.kind, entries + _entries_of_file(path, name, declared), fold=declared.fold)
        if not entries and len(declared.report.problems) == before:
            _TABLES.keep(known, whole)
        return whole
    return table


def _flag(fields: Fields, name: str) -> bool:
    found = fields.get(name)
    if found is not None and not isinstance(found.value, bool):
        fields.report.add(found, f"`{name}` must be true or false")
    return found is not None and found.value is True


def _entries_here(fields: Fields, declared: _Declared) -> list[Entry]:
    """`entries:`: texts, or mappings with a `value` and what else is known of it."""
    found = fields.get("entries")
    if found is None:
        return []
    entries = []
    for part in found.value if isinstance(found.value, list) else [found]:
        entry = (
            _entry_of_mapping(part, declared) if isinstance(part.value, dict) else _entry(part, part.value, declared)
        )
        entries += [entry] if entry is not None else []
    return entries


def _entry(
    where: Located,
    value: object,
    declared: _Declared,
    *,
    allow: bool = False,
    expires_at: datetime | None = None,
    added_at: datetime | None = None,
    source: str = "",
) -> Entry | None:
    if not isinstance(value, str):
        declared.report.add(where, "an entry must be a text", "put it in quotes")
        return None
    try:
        normalised = normal(declared.kind, value, declared.fold)
    except BadEntry as error:
        declared.report.add(where, f"`{value[:80]}`: {error}")
        return None
    return Entry(value=normalised, allow=allow, expires_at=expires_at, added_at=added_at, source=source)


def _entry_of_mapping(node: Located, declared: _Declared) -> Entry | None:
    fields = Fields(node, declared.report, "an entry", ENTRY_FIELDS)
    value = fields.need("value")
    if value is None:
        return None
    return _entry(
        value, value.value, declared, allow=_flag(fields, "allow"), expires_at=_moment(fields, "expires"),
        added_at=_moment(fields, "added"), source=fields.text("source"),
    )  # fmt: skip


def _moment(fields: Fields, name: str) -> datetime | None:
    found = fields.get(name)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(str(found.value))
    except ValueError:
        fields.report.add(found, f"`{name}` must be a date or a time", "write 2026-03-01 or 2026-03-01T12:00:00Z")
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _path(file: Located, folder: Path, report: Report) -> Path | None:
    """Where the file of a list is; None after a problem was reported."""
    path = folder / str(file.value)
    if not path.resolve().is_relative_to(folder.resolve()):
        report.add(file, "the file must be beside the list's declaration")
        return None
    if not path.is_file():
        report.add(file, f"there is no file {file.value}")
        return None
    return path


def _entries_of_file(path: Path, name: str, declared: _Declared) -> list[Entry]:
    """The entries of a file; problems call it `name`."""
    report = declared.report
    entries, wrong = [], 0
    try:
        with path.open("rb") as opened:
            start = opened.read(4096)
            opened.seek(0)
            for row in read(format_of(path.name, start), opened):
                found = fitted(row, declared.kind, declared.fold)
                if isinstance(found, Row):
                    entries.append(
                        Entry(value=found.value, allow=found.allow, expires_at=found.expires_at, source=found.source)
                    )
                elif not found.skipped and (wrong := wrong + 1) <= _TOLD:
                    report.add_file(name, found.message, line=found.line or 1)
    except FormatError as error:
        report.add_file(name, str(error), line=error.line or 1)
    if wrong > _TOLD:
        report.add_file(name, f"{wrong - _TOLD} more entries are wrong")
    return entries
