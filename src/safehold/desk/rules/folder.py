"""The folder of policies and the record, kept the same. The record says what holds; the folder is where people and their
tools read it and may write it. Neither is ever written over by the other: what both changed becomes a change to approve.

For each file there are three texts: what holds, what is in the folder, and what the folder had when this machine last
looked (kept in `var/policies.json`). Called at the start, and when an edition is loaded.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from django.conf import settings
from django.utils import timezone

from safehold.desk.rules.in_force import files_of, load_texts, lock, newest, put_in_force, sha, texts_of
from safehold.desk.rules.models import Edition, Kind, PolicyChange, PolicyFile, Source
from safehold.engine.policies.bundle import policy_paths
from safehold.record.recording import recording

log = structlog.get_logger("safehold.policies")

Texts = Mapping[str, str]


@dataclass
class Merged:
    """What holds after a look at the folder: `texts`; which of them the folder `brings`; where both were changed
    (`conflicts`: path -> the folder's text, None if it is gone there)."""

    texts: dict[str, str]
    brings: list[str] = field(default_factory=list)
    conflicts: dict[str, str | None] = field(default_factory=dict)


def merge(
    holds: Texts, folder: Texts, seen: Mapping[str, str] | None, old: Mapping[str, set[str]], own: set[str]
) -> Merged:
    """Three-way, file by file. `seen`: path -> SHA-256 of what the folder had; None if this machine never looked, and
    then a text that once held (`old`: path -> hashes) is an old copy, not an edit. `own`: paths whose present text came
    from the folder, so that nobody else's work is lost by taking a newer one."""
    merged = Merged(dict(holds))
    for path in sorted({*holds, *folder}):
        here, there = holds.get(path), folder.get(path)
        if here == there:
            continue
        if seen is None:
            unchanged = there is None or sha(there) in old.get(path, set())
            free = path in own
        else:
            unchanged = sha(there) == seen.get(path, "")
            free = sha(here) == seen.get(path, "")
        if unchanged:
            continue
        if not free:
            merged.conflicts[path] = there
            continue
        merged.brings.append(path)
        if there is None:
            del merged.texts[path]
        else:
            merged.texts[path] = there
    return merged


def read_folder() -> dict[str, str]:
    """The policies of the folder by path. Raises OSError; bytes that are not UTF-8 are kept so that loading says so."""
    folder = settings.SAFEHOLD_POLICIES
    return {path: (folder / path).read_text(errors="surrogateescape") for path in policy_paths(folder)}


def open_policies() -> Edition:
    """At the start: what holds, after what was changed in the folder has been taken up.

    The first start takes the folder as it is. Raises PolicyProblems if what the folder brings can't be loaded: then
    nothing is changed, and the server does not start.
    """
    for _ in range(5):
        number, folder = newest(), read_folder()
        holds, seen = texts_of(number), _seen()
        merged = Merged(folder, list(folder)) if not number else merge(holds, folder, seen, *_history(number))
        bundle = load_texts(merged.texts)
        with recording() as record:
            lock()
            if newest() != number:
                continue  # another process was quicker: look at what it made of the folder
            edition = Edition.objects.filter(number=number).first()
            if edition is None or merged.brings or edition.bundle != bundle.hash:
                edition = put_in_force(record, merged.texts, bundle, source=Source.FOLDER)
            for path, text in merged.conflicts.items():
                _propose(edition, path, text)
        write_back(merged.texts, but=merged.conflicts)
        return edition
    raise RuntimeError("other processes keep changing the policies; start again")


def _history(number: int) -> tuple[dict[str, set[str]], set[str]]:
    old: dict[str, set[str]] = {}
    for path, digest in PolicyFile.objects.values_list("path", "sha256"):
        old.setdefault(path, set()).add(digest)
    sources = dict(Edition.objects.values_list("number", "source"))
    own = {path for path, row in files_of(number).items() if sources[row.edition_id] == Source.FOLDER}
    return old, own


def _propose(edition: Edition, path: str, text: str | None) -> None:
    """What the folder has and what was changed here since don't go together: a person chooses."""
    holds = files_of(edition.number).get(path)
    files = [{"path": path, "key": holds.key if holds else "", "base": holds.sha256 if holds else "", "text": text}]
    known = PolicyChange.objects.filter(source=Source.FOLDER, files=files).exclude(state="withdrawn")
    if known.exists():
        return
    now = timezone.now()
    PolicyChange.objects.create(
        kind=Kind.IMPORT, source=Source.FOLDER, policy=holds.key if holds else path, title=f"{path} in the folder",
        note="The file in the folder was changed, and so was what is in force. Compare them, and choose.",
        files=files, base=edition.number, created_at=now, changed_at=now,
    )  # fmt: skip
    log.warning("policy_conflict", path=path)


def write_back(texts: Texts, *, but: Iterable[str] = ()) -> None:
    """Bring the folder to what holds, but for files that were changed there since this machine last looked, and those
    named. A folder that can't be written stays as it is; the record is what counts."""
    folder, seen = read_folder(), _seen()
    now_there = dict(folder)
    try:
        for path, text in texts.items():
            if path not in but and folder.get(path) != text and _untouched(path, folder, seen):
                _write(settings.SAFEHOLD_POLICIES / path, text)
                now_there[path] = text
        for path in folder:
            if path not in but and path not in texts and seen is not None and _untouched(path, folder, seen):
                (settings.SAFEHOLD_POLICIES / path).unlink()
                del now_there[path]
    except OSError as error:
        log.warning("policies_not_exported", folder=str(settings.SAFEHOLD_POLICIES), error=error.strerror)
    known = {path: (seen or {}).get(path, sha(text)) for path, text in folder.items()}
    _remember(known | {path: sha(text) for path, text in now_there.items() if texts.get(path) == text})


def _untouched(path: str, folder: Texts, seen: Mapping[str, str] | None) -> bool:
    """Whether the folder has at this path what it had when this machine last looked."""
    return seen is None or sha(folder.get(path)) == seen.get(path, "")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.write_text(text, errors="surrogateescape")
    new.replace(path)


def _seen() -> dict[str, str] | None:
    """path -> SHA-256, as of the last look; None if there was none at this folder."""
    try:
        kept = json.loads(_kept().read_text())
    except (FileNotFoundError, ValueError):
        return None
    return kept["files"] if kept.get("folder") == str(settings.SAFEHOLD_POLICIES) else None


def _remember(files: Mapping[str, str]) -> None:
    _write(
        _kept(), json.dumps({"folder": str(settings.SAFEHOLD_POLICIES), "files": dict(sorted(files.items()))}, indent=1)
    )


def _kept() -> Path:
    return settings.VAR / "policies.json"
