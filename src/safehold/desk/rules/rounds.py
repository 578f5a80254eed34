"""Rounds of the Git sync: each minute, and at once where somebody asks in the console. What came of one is kept where it did
something, failed, or was asked for, and the console shows it. A daemon (`run`) and `safehold policy sync` make them.
"""

import threading
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, close_old_connections, connection, transaction
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.desk.rules.changes import ChangeRefused
from safehold.desk.rules.git import GitFailed
from safehold.desk.rules.models import GitMark, GitSync
from safehold.desk.rules.syncing import Synced, shown, sync
from safehold.record.recording import recording

log = structlog.get_logger("safehold.git")

IDLE_SECONDS = 60.0
#: How often the daemon looks whether somebody asks.
LOOK_SECONDS = 1.0
#: A round that takes longer was interrupted: its process ended in the middle. (`git` itself is given up sooner.)
LONGEST = timedelta(minutes=15)
#: Rounds that are kept.
KEPT = 200


def ask(person: User) -> GitSync:
    """Have the daemon make a round now; the one that this person waits for already, if there is one.

    Raises ChangeRefused.
    """
    if not person.may(Permission.WRITE_POLICIES):
        raise ChangeRefused(f"Your roles don't let you {Permission.WRITE_POLICIES.label}; ask somebody whose do.")
    if not settings.SAFEHOLD_GIT_REMOTE:
        raise ChangeRefused("No repository is named. Whoever runs this installation sets SAFEHOLD_GIT_REMOTE.")
    open_ = GitSync.objects.filter(asked_by=person, finished_at=None)
    try:
        with recording() as record:
            if (waiting := open_.first()) is not None:
                return waiting
            asked = GitSync.objects.create(asked_at=timezone.now(), asked_by=person)
            record.audit("policies.sync_asked", "git_sync", str(asked.pk), actor=person.pk)
            return asked
    except IntegrityError:  # the same person, at the same moment, in another window
        return open_.get()


def round_now(asked: GitSync | None = None) -> tuple[Synced | None, str]:
    """(what a round did, what was wrong in a sentence or ''). It is kept with `asked`, or by itself where it is worth it."""
    begun, done, wrong = timezone.now(), None, ""
    try:
        done = sync()
    except GitFailed as failed:
        wrong = str(failed)
    except Exception as error:  # whatever it is, somebody waits for the answer
        log.error("policies_not_synced", exc_info=error)
        wrong = f"Something failed here ({type(error).__name__}); the server's log says more."
        close_old_connections()
    if settings.SAFEHOLD_GIT_REMOTE:
        _keep(asked, begun, done, wrong)
    if done and _did_something(done):
        log.info("policies_synced", change=done.change, pushed=done.pushed, conflicts=len(done.conflicts))
    elif wrong:
        log.error("policies_not_synced", error=wrong)
    return done, wrong


def _did_something(done: Synced) -> bool:
    return bool(done.change or done.pushed or done.conflicts)


def _keep(asked: GitSync | None, begun: datetime, done: Synced | None, wrong: str) -> None:
    error = wrong or (done.problems if done else "")
    if asked is None and not error and not (done and _did_something(done)):
        return
    last = GitSync.objects.order_by("-pk").first()
    with transaction.atomic():
        if asked is None and last is not None and last.finished_at and wrong and last.error == wrong:
            kept = last  # the same failure each minute is one line, with when it was last so
        else:
            kept = asked or GitSync()
            kept.started_at = kept.started_at or begun
        kept.finished_at, kept.error = timezone.now(), error
        if done is not None:
            kept.change_id, kept.in_force, kept.pushed = done.change or None, done.in_force, done.pushed
            kept.conflicts = done.conflicts
        kept.commit = mark.commit if (mark := newest_mark()) else ""
        kept.save()
        old = GitSync.objects.order_by("-pk").values_list("pk", flat=True)[KEPT : KEPT + 1].first()
        if old is not None:
            GitSync.objects.filter(pk__lte=old).exclude(finished_at=None).delete()


def newest_mark() -> GitMark | None:
    """How far the two sides are together; None before the first round that worked."""
    return GitMark.objects.filter(
        remote=shown(settings.SAFEHOLD_GIT_REMOTE), branch=settings.SAFEHOLD_GIT_BRANCH
    ).first()


def take() -> GitSync | None:
    """The oldest round that somebody waits for, begun by this process: no other one makes it too."""
    now = timezone.now()
    GitSync.objects.filter(finished_at=None, started_at__lt=now - LONGEST).update(
        finished_at=now, error="It was interrupted. Sync again."
    )
    for asked in GitSync.objects.filter(started_at=None, asked_at__isnull=False).order_by("pk")[:5]:
        if GitSync.objects.filter(pk=asked.pk, started_at=None).update(started_at=now):
            asked.started_at = now
            return asked
    return None


def run(stop: threading.Event) -> None:
    """Make rounds until `stop` is set, if a repository is named."""
    waited = IDLE_SECONDS
    while settings.SAFEHOLD_GIT_REMOTE and not stop.is_set():
        try:
            asked = take()
            if asked is not None or waited >= IDLE_SECONDS:
                waited = 0.0
                round_now(asked)
        except Exception as error:
            log.error("policies_not_synced", error=str(error))
            close_old_connections()
        stop.wait(LOOK_SECONDS)
        waited += LOOK_SECONDS
    stop.wait()
    connection.close()
