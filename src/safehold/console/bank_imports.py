"""Files brought into hash banks in the console: read whole for what is wrong with them, then written as items that wait;
somebody else activates or discards them. Each asks the functions of `safehold.desk.banks.importing`, which the shell asks too.
"""

import shutil
import tempfile
import threading
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
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.people import Refused
from safehold.accounts.roles import Permission
from safehold.console.banks import frame
from safehold.desk.banks import importing
from safehold.desk.banks.changing import Busy
from safehold.desk.banks.models import Act, Bank, BankChange, BankItem
from safehold.desk.banks.reading import BadFile, format_of
from safehold.desk.imports import BadImport
from safehold.engine.lists.formats import Problem
from safehold.signals.hashes.kinds import KINDS
from safehold.states import InvalidTransition

log = structlog.get_logger("safehold.banks")

#: Items of a change that its page shows.
SHOWN = 50
FORMATS = (("", "By its name"), ("csv", "CSV with a header"), ("ndjson", "NDJSON"), ("plain", "One hash a line"))


class NewImport(forms.Form):
    file = forms.FileField()
    format = forms.ChoiceField(required=False, choices=FORMATS)
    kind = forms.ChoiceField(
        required=False, choices=[("", "Each row says"), *((kind.name, kind.title) for kind in KINDS.values())],
        label="Type", help_text="Of rows that name none.",
    )  # fmt: skip
    source = forms.CharField(
        max_length=200, required=False, help_text="Rows that name no source are from it. Empty: the file's name."
    )

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.fields[
            "file"
        ].help_text = f"Columns: type, value, reference, note, source. Up to {settings.SAFEHOLD_LIST_UPLOAD_MB:,} MB."

    def clean_file(self) -> Any:
        file, most = self.cleaned_data["file"], settings.SAFEHOLD_LIST_UPLOAD_MB
        if file.size > most << 20:
            raise forms.ValidationError(
                f"It has {file.size / (1 << 20):,.0f} MB, more than {most:,} MB. Bring it in at the shell: safehold banks "
                "import --quarantine. SAFEHOLD_LIST_UPLOAD_MB is the limit."
            )
        return file


@require(Permission.PROPOSE_LISTS)
@never_cache
@require_http_methods(["GET", "POST"])
def bring_in(request: SignedInRequest, name: str) -> HttpResponse:
    """Read a file and write what it has as items that wait; one wrong row and nothing is written."""
    bank = get_object_or_404(Bank, pk=name)
    form = NewImport(request.POST or None, request.FILES or None)
    problems: list[Problem] = []
    if form.is_valid():
        change, problems = _brought(request, name, form)
        if change is not None:
            return redirect("bank-change", name, change.number)
    context = frame(request, bank) | {"form": form, "problems": problems}
    return render(request, "console/bank_import.html", context, status=422 if form.errors else 200)


def _brought(request: SignedInRequest, name: str, form: NewImport) -> tuple[BankChange | None, list[Problem]]:
    """A small file is read and written at once; a long one, that Django has put on the disk, in the background."""
    asked = form.cleaned_data
    file, kind = asked["file"], asked["kind"]
    path = _kept(file)
    later = False
    try:
        chosen = asked["format"] or format_of(file.name or "")
        said = {"source": asked["source"], "filename": file.name or ""}
        if isinstance(file, TemporaryUploadedFile):
            change = importing.announce(request.user, name, path, **said)
            later = True
            _in_background(request.user, change, path, chosen, kind)
            return change, []
        change, rows = importing.begin(request.user, name, path, chosen, kind=kind, **said)
        return importing.write(request.user, change, path, chosen, rows, kind=kind), []
    except BadImport as error:
        rows_are = "1 row is" if error.count == 1 else f"{error.count:,} rows are"
        form.add_error("file", f"{rows_are} wrong; nothing was brought in.")
        return None, error.problems
    except (BadFile, Refused, Busy) as error:
        form.add_error("file", str(error).replace("say --format", "choose the format:", 1))
        return None, []
    finally:
        if not later:
            path.unlink(missing_ok=True)


def _kept(file: Any) -> Path:
    """The file under a name of ours: Django removes its own when the request has been answered."""
    with tempfile.NamedTemporaryFile("wb", prefix="safehold-bank-", delete=False) as kept:
        shutil.copyfileobj(file, kept)
    return Path(kept.name)


def _in_background(*said: Any) -> None:
    """If the process ends meanwhile, the same file, sent again, goes on where writing ended."""

    def write() -> None:
        by, change, path, chosen, kind = said
        try:
            importing.bring_in(by, change, path, chosen, kind=kind)
        except Exception as error:
            log.error("bank_import_interrupted", change=change.pk, fault=type(error).__name__)
        finally:
            path.unlink(missing_ok=True)
            connection.close()

    threading.Thread(target=write, name=f"bank-{said[1].pk}").start()


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def change(request: SignedInRequest, name: str, number: int) -> HttpResponse:
    """One change of a bank: how far it is, what it brought, and what may be done with what waits of it."""
    found = get_object_or_404(BankChange.objects.select_related("bank", "by"), bank=name, number=number)
    items = BankItem.objects.filter(bank=name, change=number)
    brought = found.act in (Act.IMPORT, Act.EXCHANGE)
    waiting = items.filter(state="quarantined").count() if brought and found.state == "applied" else 0
    own = found.by_id == request.user.pk
    context = frame(request, found.bank)
    approves = context["may_approve"]
    context |= {
        "change": found,
        "figures": [(word, count) for word, count in found.counts.items() if isinstance(count, int)],
        "rows": found.counts.get("rows", 0),
        "waiting": waiting,
        "mine": bool(waiting) and own and found.bank.two_people,
        "may_activate": bool(waiting) and approves and not (own and found.bank.two_people),
        "may_discard": bool(waiting) and found.act == Act.IMPORT and (approves or own),
        "may_give_up": found.state == "applying" and found.act == Act.IMPORT and (approves or own),
        "items": [] if found.state == "applying" else items.order_by("id").defer("frames")[:SHOWN],
        "shown": SHOWN,
    }
    part = "console/parts/bank_progress.html"
    still = request.headers.get("HX-Request") and found.state == "applying"
    answer = render(request, part if still else "console/bank_change.html", context)
    if request.headers.get("HX-Request") and not still:
        answer["HX-Refresh"] = "true"  # it is written: the page has other things to show
    return answer


@require(Permission.PROPOSE_LISTS)
@require_POST
def act(request: SignedInRequest, name: str, number: int) -> HttpResponse:
    """Discard what an import brought, or give up one that was interrupted. To activate it is `bank_changes.activate`."""
    found = get_object_or_404(BankChange, bank=name, number=number)
    may = request.user.may(Permission.APPROVE_LISTS) or found.by_id == request.user.pk
    wanted = request.POST.get("act", "")
    try:
        if not may or found.act != Act.IMPORT:
            raise Refused("You may not do this to a change.")
        if wanted == "discard":
            done = importing.discard(request.user, name, number)
            messages.success(request, f"{done.counts['discarded']:,} items are discarded; none of them ever counted.")
        elif wanted == "give_up" and found.state == "applying":
            importing.abandon(request.user, name)
            messages.success(request, "It is given up; what it had written is retired.")
        else:
            raise Refused("This can't be done to the change any more.")
    except (Refused, Busy, InvalidTransition) as error:
        messages.error(request, str(error))
    return redirect("bank-change", name, number)
