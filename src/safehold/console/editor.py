"""Writing policies: the editor's page, and what it asks while somebody types. A draft is kept from the first save on; its
page (`changes`) is where it is proposed and settled.
"""

import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.roles import Permission
from safehold.desk.rules import changes, trial
from safehold.desk.rules.in_force import PATH, file_of, newest
from safehold.desk.rules.models import PolicyChange
from safehold.engine import PolicyProblem, PolicyProblems
from safehold.engine.authoring.workspace import Workspace
from safehold.engine.policies.bundle import file_name
from safehold.engine.policies.located import MAX_BYTES

_PATH = re.compile(r"(?!events/|lists/)[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*\.ya?ml")
#: Rules whose matches change that a trial shows.
MOVED = 8
NEW = """\
policy: spam.example
title: What this policy is about
severity: medium
guidance: |
  What a reviewer looks at, and what is no breach.
notice:
  en: We took this down because ...
dsa: {category: SCAMS_AND_FRAUD, ground: incompatible, clause: "Terms 4.2", url: https://plaza.example/terms}
on: [message.sent]

rules:
  - id: first-rule
    mode: shadow
    when: data.text.contains("...")
    then: {action: hold, queue: spam, reason: "It says ..."}

examples:
  - name: what it should catch
    event: {type: message.sent, actor: {id: u1, age: 72h}, data: {message_id: m1, recipient_id: u2, text: "..."}}
    expect: {first-rule: hold}
"""


@lru_cache(maxsize=1)
def workspace() -> Workspace:
    """What completion and hover know of the folder."""
    return Workspace(settings.SAFEHOLD_POLICIES)


@require(Permission.WRITE_POLICIES)
@never_cache
@require_http_methods(["GET", "POST"])
def policy_new(request: SignedInRequest) -> HttpResponse:
    """A policy that isn't there yet."""
    return _edit(request, path=request.POST.get("path", "").strip(), text=NEW, base="", title="", new=True)


@require(Permission.WRITE_POLICIES)
@never_cache
@require_http_methods(["GET", "POST"])
def policy_edit(request: SignedInRequest, key: str) -> HttpResponse:
    """The file of a policy as it holds."""
    row = file_of(key)
    if row is None:
        raise Http404(f"There is no file of the policy {key}.")
    return _edit(request, path=row.path, text=row.text or "", base=row.sha256, title="", key=key)


@require(Permission.WRITE_POLICIES)
@never_cache
@require_http_methods(["GET", "POST"])
def policy_change_edit(request: SignedInRequest, change_id: str) -> HttpResponse:
    """Go on with a draft, one file of it."""
    change = get_object_or_404(PolicyChange, pk=change_id)
    number = int(request.GET.get("file", "0") or 0) if request.GET.get("file", "0").isdecimal() else 0
    if change.state != "draft" or change.author_id not in (None, request.user.pk) or number >= len(change.files):
        return redirect("policy-change", change.pk)
    file = change.files[number]
    if file["text"] is None:  # it goes: there is nothing to write
        return redirect("policy-change", change.pk)
    return _edit(
        request, path=file["path"], text=file["text"] or "", base=file["base"], title=change.title, note=change.note,
        change=change,
    )  # fmt: skip


def _edit(
    request: SignedInRequest,
    *,
    path: str,
    text: str,
    base: str,
    title: str,
    note: str = "",
    key: str = "",
    new: bool = False,
    change: PolicyChange | None = None,
) -> HttpResponse:
    shown: dict[str, Any] = {
        "path": path, "text": text, "base": base, "title": title, "note": note, "key": key, "new": new,
        "change": change, "problems": [], "refused": "",
    }  # fmt: skip
    if change is not None and len(change.files) > 1:
        shown["files"] = [(number, each["path"], each["text"] is None) for number, each in enumerate(change.files)]
    if request.method != "POST":
        return render(request, "console/policy_editor.html", shown)
    shown |= {name: request.POST.get(name, shown[name]) for name in ("text", "title", "note", "base")}
    shown["text"] = shown["text"].replace("\r\n", "\n")
    shown["title"] = shown["title"].strip() or _title(shown["text"], new)
    try:
        if new and not _PATH.fullmatch(path):
            raise changes.ChangeRefused(
                "Name the file like scams/cold-outreach.yaml: lower-case letters, digits, . _ -"
            )
        saved = _save(request, change, shown)
        shown |= {"change": saved, "new": False}
        if request.POST.get("then") == "propose":
            saved = changes.propose(request.user, saved.pk)
    except PolicyProblems as found:
        shown["problems"] = found.problems
    except changes.ChangeRefused as refused:
        shown["refused"] = str(refused)
    else:
        return redirect("policy-change", saved.pk)
    return render(request, "console/policy_editor.html", shown, status=422)


def _save(request: SignedInRequest, change: PolicyChange | None, shown: dict[str, Any]) -> PolicyChange:
    kept = change or PolicyChange.objects.filter(
        pk=request.POST.get("change", ""), author=request.user, state="draft"
    ).first()  # fmt: skip
    if kept is not None:
        texts = {shown["path"]: shown["text"]}
        return changes.rewrite(request.user, kept.pk, texts, title=shown["title"], note=shown["note"])
    file = changes.File(shown["path"], shown["text"], shown["base"])
    return changes.draft(request.user, [file], title=shown["title"], note=shown["note"], policy=shown["key"])


def _title(text: str, new: bool) -> str:
    named = re.search(r"^policy:\s*(\S+)", text, re.MULTILINE)
    return f"{'Add' if new else 'Change'} {named[1] if named else 'a policy'}"


# While somebody types


class Asked(msgspec.Struct):
    """A text on somebody's screen, and where their cursor is in it. `change`: it is one file of this change, or, with no
    `path`, the whole change is meant."""

    path: str = ""
    text: str = ""
    change: str = ""
    line: int = 1
    column: int = 1


def _asked(request: HttpRequest) -> Asked:
    """Raises Http404 for what no editor sends."""
    try:
        asked = msgspec.json.decode(request.body, type=Asked)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Http404("Send path, text, line and column as JSON.") from None
    if not PATH.fullmatch(asked.path) and (asked.path or not asked.change):
        asked.path = "new.yaml"
    asked.text = asked.text[: MAX_BYTES + 1]
    return asked


@require(Permission.WRITE_POLICIES)
@require_POST
def policy_check(request: SignedInRequest) -> HttpResponse:
    """Everything that is wrong with the text: errors, and warnings where it could be better."""
    asked = _asked(request)
    found = workspace().diagnostics(asked.text, asked.path)
    gone = {file["path"] for file in _files_of(asked.change) if file["text"] is None}
    moved = tuple(f"is also in {file_name(settings.SAFEHOLD_POLICIES, path)}" for path in gone)
    found = [each for each in found if not (moved and each.message.endswith(moved))]  # from a file that goes with it
    # The same is said once, for however many event types it is so.
    once = {(each.line, each.column, each.message): _problem(each) for each in found}
    return JsonResponse({"problems": list(once.values())})


def _files_of(change_id: str) -> list[dict[str, Any]]:
    """The files of a change; none where there is none yet."""
    change = PolicyChange.objects.filter(pk=change_id).first() if change_id else None
    return change.files if change else []


def _problem(problem: PolicyProblem) -> dict[str, Any]:
    severity = getattr(problem, "severity", "error")
    return {"line": problem.line, "column": problem.column, "message": problem.message, "hint": problem.hint,
            "severity": str(severity)}  # fmt: skip


@require(Permission.WRITE_POLICIES)
@require_POST
def policy_complete(request: SignedInRequest) -> HttpResponse:
    """What can be written at the cursor."""
    asked = _asked(request)
    found = workspace().completions(asked.text, asked.line, asked.column, asked.path)
    return JsonResponse({"completions": [msgspec.to_builtins(each) for each in found[:200]]})


@require(Permission.WRITE_POLICIES)
@require_POST
def policy_hover(request: SignedInRequest) -> HttpResponse:
    """What the word at the cursor means."""
    asked = _asked(request)
    found = workspace().hover(asked.text, asked.line, asked.column, asked.path)
    return JsonResponse({"hover": msgspec.to_builtins(found) if found else None})


@require(Permission.WRITE_POLICIES)
@require_POST
def policy_try(request: SignedInRequest) -> HttpResponse:
    """Begin to run the examples and the newest events with the text, and with the other files of its change; an older trial
    of this person is given up."""
    asked = _asked(request)
    files: dict[str, str | None] = {file["path"]: file["text"] for file in _files_of(asked.change)}
    if asked.path:
        files[asked.path] = asked.text
    return JsonResponse({"trial": trial.start(request.user.pk, files, newest())}, status=202)


@require(Permission.WRITE_POLICIES)
@never_cache
@require_GET
def policy_tried(request: SignedInRequest, trial_id: str) -> HttpResponse:
    """What a trial found, as a piece of the page; 202 while it runs."""
    found = trial.answer(request.user.pk, trial_id)
    if found is None:
        return JsonResponse(trial.progress(trial_id), status=202)
    return render(request, "console/parts/trial.html", {"trial": _shown(found), "diff": found.get("diff")})


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    """A trial as its piece of the page has it: the rules whose matches change most, times as such, failing examples counted."""
    diff = found.get("diff") or {}
    moved = [(name, each) for name, each in diff.get("rules", {}).items() if each["gained"] or each["lost"]]
    moved.sort(key=lambda pair: -(pair[1]["gained"] + pair[1]["lost"]))
    for each in diff.get("changes", ()):
        each["at"] = datetime.fromisoformat(each["occurred_at"])
    failing = sum(not each["passed"] for each in found.get("examples", ()))
    return found | {"moved": moved[:MOVED], "failing": failing}


def editor_there() -> bool:
    """Whether CodeMirror was fetched: the page loads it only then."""
    return any(Path(folder).is_dir() for prefix, folder in settings.STATICFILES_DIRS if prefix == "editor")
