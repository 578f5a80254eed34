"""Which policies hold: the newest edition, its files, its bundle; and the one function that puts another one in force.
Called by the gateway's start and loader (`site.gateway`), by `changes`, `folder` and `breaker`.
"""

import functools
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from safehold.desk.decisions.models import PolicyVersion
from safehold.desk.decisions.policies import enact
from safehold.desk.rules.lives import follow
from safehold.desk.rules.models import Edition, PolicyChange, PolicyFile
from safehold.engine import Bundle, load_bundle
from safehold.engine.policies.bundle import file_name
from safehold.record.recording import Record

#: PostgreSQL's advisory lock of whoever puts an edition in force: the first eight bytes of SHA-256("safehold rules"),
#: signed. On SQLite BEGIN IMMEDIATE is the same lock.
LOCK = -7248814005198695159
#: What a policy's file may be called, below the folder: what comes from elsewhere leads nowhere else.
PATH = re.compile(r"(?!events/|lists/)[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*\.ya?ml")


def newest() -> int:
    """The number of the edition that holds; 0 before the first start."""
    return Edition.objects.order_by("-number").values_list("number", flat=True).first() or 0


def files_of(number: int) -> dict[str, PolicyFile]:
    """The files of an edition by their path, in the order of paths."""
    rows = PolicyFile.objects.filter(edition_id__lte=number).select_related("version").order_by("path", "-edition_id")
    latest: dict[str, PolicyFile] = {}
    for row in rows:
        latest.setdefault(row.path, row)
    return {path: row for path, row in latest.items() if row.text is not None}


def texts_of(number: int) -> dict[str, str]:
    """The same as texts."""
    return {path: row.text for path, row in files_of(number).items() if row.text is not None}


def sha(text: str | None) -> str:
    """SHA-256 of a text in hex; '' for none."""
    return "" if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def load_texts(texts: Mapping[str, str]) -> Bundle:
    """The bundle of these files, with the event types and lists of the folder. Raises PolicyProblems."""
    return load_bundle(settings.SAFEHOLD_POLICIES, policies=texts)


@functools.lru_cache(maxsize=2)
def bundle_of(number: int) -> Bundle:
    """The bundle of an edition, loaded once in this process: for pages. Raises PolicyProblems."""
    return load_texts(texts_of(number))


def file_of(key: str) -> PolicyFile | None:
    """The file in force of a policy: one look, however many policies there are."""
    newest_of = PolicyFile.objects.filter(key=key).order_by("-edition_id").first()
    return newest_of if newest_of and newest_of.text is not None else None


def lock() -> None:
    """Until the transaction ends nobody else puts an edition in force. Take it before reading what it rests on."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))


def put_in_force(
    record: Record,
    texts: Mapping[str, str],
    bundle: Bundle,
    *,
    source: str,
    change: PolicyChange | None = None,
    by: str = "",
    at: datetime | None = None,
) -> Edition:
    """Make these files, which are those of `bundle`, the policies that hold. Inside `recording()`, after `lock()`.

    Gateways learn of it within a second. A rule's state follows its file.
    """
    at = at or timezone.now()
    before = files_of(newest())
    versions = enact(record, bundle.policies, by=by, at=at)
    edition = Edition.objects.create(number=newest() + 1, bundle=bundle.hash, made_at=at, change=change, source=source)
    keys = {policy.file: policy.key for policy in bundle.policies}
    named = {path: keys.get(file_name(settings.SAFEHOLD_POLICIES, path), "") for path in texts}
    rows = [
        _file(edition, path, named[path], text, versions.get(named[path]))
        for path, text in texts.items()
        if path not in before or before[path].text != text
    ]
    rows += [_file(edition, path, row.key, None, None) for path, row in before.items() if path not in texts]
    PolicyFile.objects.bulk_create(rows)
    follow(record, bundle, by=by, at=at)
    changed = {row.path: row.sha256 for row in rows}
    detail = {"bundle": bundle.hash, "source": source, "change": change.pk if change else "", "files": changed}
    record.audit("policies.in_force", "edition", str(edition.number), actor=by, detail=detail)
    return edition


def _file(edition: Edition, path: str, key: str, text: str | None, version: PolicyVersion | None) -> PolicyFile:
    return PolicyFile(edition=edition, path=path, key=key, text=text, sha256=sha(text), version=version)
