"""Policies and Git: what they are kept the same with, how far, and what the last rounds did; and the button that makes one now.
Everything that happens is done by `desk.rules.rounds`.
"""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.roles import Permission
from safehold.desk.rules import rounds
from safehold.desk.rules.changes import ChangeRefused
from safehold.desk.rules.in_force import newest
from safehold.desk.rules.models import GitSync
from safehold.desk.rules.syncing import shown

#: Rounds shown; older ones are in the audit trail and the server's log.
SHOWN = 20


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def policy_git(request: SignedInRequest) -> HttpResponse:
    """The page; its middle asks for itself again while somebody waits for a round."""
    found = list(GitSync.objects.select_related("asked_by", "change").order_by("-pk")[:SHOWN])
    mark = rounds.newest_mark() if settings.SAFEHOLD_GIT_REMOTE else None
    context = {
        "remote": shown(settings.SAFEHOLD_GIT_REMOTE), "branch": settings.SAFEHOLD_GIT_BRANCH,
        "folder": settings.SAFEHOLD_GIT_FOLDER, "reviewed": settings.SAFEHOLD_GIT_REVIEWED, "mark": mark,
        "ahead": newest() - mark.edition if mark else None, "rounds": found,
        "waiting": any(each.finished_at is None for each in found),
        "fails": failing(),
        "may": request.user.may(Permission.WRITE_POLICIES),
    }  # fmt: skip
    part = getattr(request, "htmx", None)
    return render(request, "console/parts/git.html" if part else "console/policy_git.html", context)


@require(Permission.WRITE_POLICIES)
@require_POST
def policy_git_sync(request: SignedInRequest) -> HttpResponse:
    """Ask for a round now."""
    try:
        rounds.ask(request.user)
    except ChangeRefused as refused:
        messages.error(request, str(refused))
    return redirect("policy-git")


def failing() -> GitSync | None:
    """The newest round, if it failed: policies and repository drift apart until somebody looks."""
    if not settings.SAFEHOLD_GIT_REMOTE:
        return None
    last = GitSync.objects.exclude(finished_at=None).order_by("-pk").first()
    mark = rounds.newest_mark()
    if last is None or not last.error or (mark is not None and last.finished_at and mark.at > last.finished_at):
        return None
    return last
