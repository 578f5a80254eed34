"""Changing lists in the console: entries proposed, approved, disputed and retired; imports brought in, approved, discarded and
taken back. Each asks the functions of `safehold.desk.lists`, which the shell asks too.
"""

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import structlog
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.models import User
from safehold.accounts.people import Refused
from safehold.accounts.roles import Permission
from safehold.console.lists import found_list, frame
from safehold.desk.imports import BadImport
from safehold.desk.lists import importing
from safehold.desk.lists.changing import Busy, add_entry, move_entry
from safehold.desk.lists.interrupted import being_read
from safehold.desk.lists.models import Entry, Mode, Revision, new_revision_id
from safehold.desk.lists.states import ENTRY
from safehold.engine.lists import BadEntry
from safehold.engine.lists.formats import FORMATS, FormatError, format_of
from safehold.states import InvalidTransition

log = structlog.get_logger("safehold.lists")


class NewEntry(forms.Form):
    value = forms.CharField(max_length=2000, label="Entry", widget=forms.TextInput(attrs={"autocomplete": "off"}))
    allow = forms.BooleanField(
        required=False,
        label="It is an exception",
        help_text="What it matches is not in the list, whatever else matches.",
    )
    source = forms.CharField(max_length=200, required=False, help_text="Where you know it from.")
    reference = forms.CharField(max_length=500, required=False, help_text="A URL or a ticket.")
    confidence = forms.IntegerField(min_value=0, max_value=100, required=False, help_text="0 to 100.")
    expires_at = forms.DateTimeField(
        required=False, label="Ends", widget=forms.DateInput(attrs={"type": "date"}), help_text="Empty: never."
    )
    note = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))


class NewImport(forms.Form):
    file = forms.FileField()
    format = forms.ChoiceField(
        required=False, choices=[("", "By its name and content"), *((name, said[1]) for name, said in FORMATS.items())]
    )
    source = forms.CharField(
        max_length=200, required=False, help_text="The feed: rows that name no source are from it."
    )
    licence = forms.CharField(max_length=100, required=False)
    mode = forms.ChoiceField(choices=Mode.choices, label="What it does")
    skip_bad = forms.BooleanField(required=False, label="Leave wrong rows out", help_text="Else one refuses the file.")

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.fields["file"].help_text = f"Up to {settings.SAFEHOLD_LIST_UPLOAD_MB:,} MB."

    def clean_file(self) -> Any:
        file, most = self.cleaned_data["file"], settings.SAFEHOLD_LIST_UPLOAD_MB
        if file.size > most << 20:
            raise forms.ValidationError(
                f"It has {file.size / (1 << 20):,.0f} MB, more than {most:,} MB. Bring it in at the shell: safehold lists "
                "import --propose. SAFEHOLD_LIST_UPLOAD_MB is the limit."
            )
        return file


@require(Permission.PROPOSE_LISTS)
@never_cache
@require_http_methods(["GET", "POST"])
def add(request: SignedInRequest, name: str) -> HttpResponse:
    held = found_list(name)
    form = NewEntry(request.POST or None)
    if form.is_valid():
        known = {key: value for key, value in form.cleaned_data.items() if key != "value"}
        try:
            entry = add_entry(request.user, name, form.cleaned_data["value"], known)
        except (BadEntry, Refused, Busy, LookupError) as error:
            form.add_error("value", str(error))
        else:
            messages.success(request, "It is proposed: somebody else has to approve it.")
            return redirect("list-entry", name, entry.pk)
    return render(
        request, "console/list_add.html", frame(request, held) | {"form": form}, status=422 if form.errors else 200
    )


@require(Permission.PROPOSE_LISTS)
@require_POST
def move(request: SignedInRequest, name: str, entry_id: int) -> HttpResponse:
    entry = get_object_or_404(Entry, list=name, pk=entry_id)
    activity = request.POST.get("activity", "")
    own = entry.added_by_id == request.user.pk and entry.state == "proposed" and activity == "retired"
    may = request.user.may(Permission.APPROVE_LISTS) or activity == "disputed" or own
    try:
        if activity not in ("approved", "disputed", "reinstated", "retired") or not may:
            raise Refused("You may not do this to an entry.")
        moved = move_entry(request.user, entry.pk, activity, request.POST.get("note", "").strip()[:2000])
    except (Refused, Busy, InvalidTransition) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"It is {dict(ENTRY.choices)[moved.state].lower()} now.")
    return redirect("list-entry", name, entry_id)


@require(Permission.PROPOSE_LISTS)
@never_cache
@require_http_methods(["GET", "POST"])
def bring_in(request: SignedInRequest, name: str) -> HttpResponse:
    """Read a file and show what it would do; it waits then for somebody else."""
    held = found_list(name)
    form = NewImport(request.POST or None, request.FILES or None)
    problems: list[str] = []
    if form.is_valid():
        made, problems = _staged(request, name, form)
        if made is not None:
            return redirect("list-revision", name, made.pk)
    context = frame(request, held) | {"form": form, "problems": problems}
    return render(request, "console/list_import.html", context, status=422 if form.errors else 200)


def _staged(request: SignedInRequest, name: str, form: NewImport) -> tuple[Revision | None, list[str]]:
    """A small file is read at once; a long one that Django has put on the disk meanwhile, in the background."""
    asked = form.cleaned_data
    file = asked["file"]
    known = {key: asked[key] for key in ("source", "licence", "mode")} | {"filename": file.name or ""}
    try:
        chosen = asked["format"] or format_of(file.name or "", file.read(4096))
        file.seek(0)
        if isinstance(file, TemporaryUploadedFile):
            return _read_later(request.user, name, file, chosen, asked["skip_bad"], known), []
        return importing.stage(request.user, name, file, chosen, skip_bad=asked["skip_bad"], **known), []
    except BadImport as error:
        form.add_error("file", f"{error.count:,} rows are wrong; nothing was brought in.")
        return None, [str(problem) for problem in error.problems]
    except (FormatError, Refused, LookupError) as error:
        form.add_error("file", str(error))
        return None, []


def _read_later(
    by: User, name: str, file: TemporaryUploadedFile, chosen: str, skip_bad: bool, known: dict[str, str]
) -> Revision:
    """The import of a file that goes on being read when the request has been answered; its page shows how far it is."""
    with ExitStack() as held:
        opened = held.enter_context(
            Path(file.temporary_file_path()).open("rb")
        )  # Django removes the name, not the file
        revision_id = new_revision_id()
        held.enter_context(being_read(revision_id))
        revision = importing.announce(by, name, chosen, revision_id, **known)
        kept = held.pop_all()

    def read(by: User, revision_id: str) -> None:
        with kept:
            try:
                importing.read_in(by, revision, opened, skip_bad=skip_bad)
            except BadImport as error:
                importing.give_up(by, revision_id, "\n".join(map(str, error.problems)), bad=error.count)
            except (FormatError, Refused) as error:
                importing.give_up(by, revision_id, str(error))
            except Exception:
                importing.give_up(by, revision_id, "It could not be read; the server's log says why.")
                raise

    _in_background(read, by, revision_id)
    return revision


@require(Permission.PROPOSE_LISTS)
@require_POST
def act(request: SignedInRequest, name: str, revision_id: str) -> HttpResponse:
    """Apply, discard or take back a revision."""
    revision = get_object_or_404(Revision, list=name, pk=revision_id)
    wanted = request.POST.get("act", "")
    approves = request.user.may(Permission.APPROVE_LISTS)
    target = revision.pk
    try:
        if wanted == "discard" and (approves or revision.by_id == request.user.pk):
            importing.discard(request.user, revision.pk)
            messages.success(request, "It is discarded.")
        elif wanted == "apply" and approves:
            importing.begin(request.user, revision.pk)
            _in_background(importing.apply, request.user, revision.pk)
        elif wanted == "revert" and approves:
            undone = importing.begin_revert(request.user, revision.pk)
            target = undone.pk
            _in_background(importing.go_on, request.user, undone.pk)
        elif wanted == "resume" and approves and revision.state == "applying":
            _in_background(importing.go_on, request.user, revision.pk)
        else:
            raise Refused("You may not do this to a revision.")
    except (Refused, Busy, InvalidTransition) as error:
        messages.error(request, str(error))
    return redirect("list-revision", name, target)


def _in_background(function: object, by: User, revision_id: str) -> None:
    """A long import takes longer than a request may. If the process ends, anybody can go on with what was written; what was
    half read is cleared away before the next import."""

    def run() -> None:
        try:
            function(by, revision_id)  # type: ignore[operator]
        except Exception as error:
            log.error("list_revision_interrupted", revision=revision_id, fault=type(error).__name__)
        finally:
            connection.close()

    threading.Thread(target=run, name=f"list-{revision_id}").start()
