"""Policies and a branch of a Git repository kept the same. What was committed there comes here as a change, approved here or,
by setting, there; what was put in force here goes there as commits that say who wrote and who approved it. What both
changed is shown, and neither is written over. `rounds` calls it.
"""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from safehold.accounts.models import User
from safehold.desk.rules.changes import ChangeRefused, File, draft, hand_in
from safehold.desk.rules.git import Clone, Commit, GitFailed
from safehold.desk.rules.in_force import PATH, newest, sha, texts_of
from safehold.desk.rules.models import Edition, GitMark, Kind, PolicyChange, PolicyFile, Source
from safehold.engine import PolicyProblems


@dataclass
class Synced:
    """What a sync did: the change that came (its id), commits that went, paths that both had changed, what was wrong."""

    change: str = ""
    in_force: bool = False
    pushed: int = 0
    conflicts: list[str] = field(default_factory=list)
    problems: str = ""


def sync() -> Synced:
    """Bring both sides together, as far as they go. Raises GitFailed."""
    remote, branch = settings.SAFEHOLD_GIT_REMOTE, settings.SAFEHOLD_GIT_BRANCH
    if not remote:
        raise GitFailed("no repository is named; set SAFEHOLD_GIT_REMOTE")
    with _alone():
        clone = Clone(settings.VAR / "git" / "policies", remote, branch)
        head = clone.fetch()
        mark = GitMark.objects.filter(remote=shown(remote), branch=branch).first()
        known = mark.commit if mark else ""
        base, theirs = _policies(clone.files(known, _under())), _policies(clone.files(head, _under()))
        done = Synced()
        pushed = mark.edition if mark else 0
        if head != known:
            _pull(done, base if mark else None, theirs, clone.between(known, head), head)
            _remember(head, pushed)  # what has come comes no second time, whatever becomes of the rest
        _remember(_push(done, clone, head, theirs, pushed), newest())
    return done


def _remember(commit: str, edition: int) -> None:
    GitMark.objects.update_or_create(
        remote=shown(settings.SAFEHOLD_GIT_REMOTE),
        branch=settings.SAFEHOLD_GIT_BRANCH,
        defaults={"commit": commit, "edition": edition, "at": timezone.now()},
    )


def _pull(
    done: Synced, base: Mapping[str, str] | None, theirs: Mapping[str, str], commits: list[Commit], head: str
) -> None:
    """What was committed since becomes one change. Without a `base` nobody knows who was first: everything that differs is
    for a person to compare, and what is only here stays."""
    ours = texts_of(newest())
    paths = sorted({*theirs, *(base or {})})
    changed = [
        path for path in paths if theirs.get(path) != (base or {}).get(path) and theirs.get(path) != ours.get(path)
    ]
    if not changed:
        return
    if base is not None:
        done.conflicts = [path for path in changed if ours.get(path) != base.get(path)]
    newest_commit = commits[0] if commits else Commit(head, "", "", "")
    author = User.objects.filter(email=newest_commit.email.lower(), is_active=True).first()
    said = "\n".join(f"{each.id[:10]} {each.author}: {each.subject}" for each in commits[:20])
    if done.conflicts:
        said += f"\n\nChanged here too, so compare well: {', '.join(done.conflicts)}"
    change = draft(
        None, [File(path, theirs.get(path), sha(ours.get(path))) for path in changed], kind=Kind.IMPORT, source=Source.GIT,
        title=newest_commit.subject or f"Commit {head[:10]}", note=said,
        author_name=f"{newest_commit.author} <{newest_commit.email}>",
        provenance={"commit": head, "remote": shown(settings.SAFEHOLD_GIT_REMOTE), "branch": settings.SAFEHOLD_GIT_BRANCH},
    )  # fmt: skip
    if author is not None:  # so that they can't approve here what they wrote there
        PolicyChange.objects.filter(pk=change.pk).update(author=author)
    done.change = change.pk
    reviewed = settings.SAFEHOLD_GIT_REVIEWED and base is not None and not done.conflicts
    try:
        done.in_force = hand_in(change.pk, reviewed=reviewed).state == "applied"
    except (PolicyProblems, ChangeRefused) as wrong:
        done.problems = str(wrong)


def _push(done: Synced, clone: Clone, head: str, theirs: Mapping[str, str], pushed: int) -> str:
    """A commit for each edition since, on what is there; a file that was changed there otherwise is left."""
    begun, there = False, dict(theirs)
    since = Edition.objects.filter(number__gt=pushed).select_related("change__author", "change__approver")
    for edition in since.order_by("number"):
        before, files = texts_of(edition.number - 1), {}
        for row in PolicyFile.objects.filter(edition=edition):
            if there.get(row.path) == row.text:
                continue
            if there.get(row.path) not in (None, before.get(row.path)):
                if row.path not in done.conflicts:
                    done.conflicts.append(row.path)
                continue
            files[row.path] = row.text
        if not files:
            continue
        if not begun:
            clone.start(head)
            begun = True
        author, message, trailers = _words(edition)
        if clone.commit(_under(), files, author, message, trailers):
            done.pushed += 1
            there = {path: text for path, text in {**there, **files}.items() if text is not None}
    return clone.push() if done.pushed else head


def _words(edition: Edition) -> tuple[str, str, list[str]]:
    """(author, message, trailers) of an edition's commit."""
    change = edition.change
    trailers = [f"Safehold-Edition: {edition.number}"]
    if change is None:
        return "Safehold <safehold@localhost>", f"Policies as of edition {edition.number}", trailers
    author = f"{change.author} <{change.author.email}>" if change.author else change.author_name
    trailers.append(f"Safehold-Change: {change.pk}")
    if change.approver:
        trailers.append(f"Approved-by: {change.approver} <{change.approver.email}>")
    message = f"{change.title}\n\n{change.note}".strip()
    return author or "Safehold <safehold@localhost>", message, trailers


def _policies(files: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if PATH.fullmatch(path)}


def _under() -> str:
    return str(settings.SAFEHOLD_GIT_FOLDER)


def shown(remote: str) -> str:
    """The address without what may be a password."""
    parts = urlsplit(remote)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.scheme else remote


@contextmanager
def _alone() -> Iterator[None]:
    """One sync at a time on this machine."""
    where = settings.VAR / "git"
    where.mkdir(parents=True, exist_ok=True)
    with (where / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
