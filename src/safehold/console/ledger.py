"""The ledger: its head, its checkpoints and entries, its key, and checking all of it now, with the progress shown."""

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import Max
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.roles import Permission
from safehold.console.links import link_to
from safehold.record.log import latest_checkpoint, prove, signer
from safehold.record.models import Checkpoint, LedgerEntry, Tile
from safehold.record.recording import recording
from safehold.record.registry import RECORDED
from safehold.record.verification import Report, verify_record
from safehold.web.keyset import keyset_page

log = structlog.get_logger("safehold.console")


@dataclass
class Check:
    """One run over the whole record: how far it is, and its report when it is done."""

    by: str
    started: float = field(default_factory=time.monotonic)
    at: Any = field(default_factory=timezone.now)
    step: str = "Entries"
    done: int = 0
    total: int = 0
    report: Report | None = None
    error: str = ""
    seconds: float = 0.0

    @property
    def title(self) -> str:
        found = self.report.found if self.report else 0
        return f"The record is not whole: {found:,} difference{'' if found == 1 else 's'}"

    @property
    def running(self) -> bool:
        return self.report is None and not self.error

    def progress(self, step: str, done: int, total: int) -> None:
        self.step, self.done, self.total = step, done, total

    def run(self) -> None:
        """In a thread of its own: whatever happens, the page hears of it."""
        try:
            self.report = verify_record(self.progress)
        except Exception as error:
            log.error("ledger_check_failed", fault=type(error).__name__)
            self.error = f"{type(error).__name__}: {error}"
        finally:
            self.seconds = time.monotonic() - self.started
            connection.close()


# One check at a time in a process: it reads everything, and two would learn no more than one.
_lock = threading.Lock()
_last: list[Check] = []


def last_check() -> Check | None:
    return _last[-1] if _last else None


def start_check(by: str) -> Check:
    """Start checking, or join the check that runs."""
    with _lock:
        running = last_check()
        if running and running.running:
            return running
        check = Check(by)
        _last[:] = [check]
        threading.Thread(target=check.run, name="ledger-check", daemon=True).start()
        return check


@require(Permission.READ_LEDGER)
@require_GET
def ledger(request: SignedInRequest) -> HttpResponse:
    highest = LedgerEntry.objects.aggregate(highest=Max("index"))["highest"]
    newest = latest_checkpoint()
    size = 0 if highest is None else highest + 1
    covered = newest.size if newest else 0
    full = Tile.objects.filter(level=0).aggregate(highest=Max("index"))["highest"]
    context = {
        "size": size,
        "covered": covered,
        "uncovered_note": f"{size - covered:,} wait for the next one" if size > covered else "all of them",
        "checkpoints": Checkpoint.objects.order_by("-size").defer("note")[:10],
        "entries": entries_of(LedgerEntry.objects.order_by("-index")[:10]),
        "vkey": str(signer().verifier),
        "origin": settings.SAFEHOLD_ORIGIN,
        "full_tiles": 0 if full is None else full + 1,
        "check": last_check(),
    }
    return render(request, "console/ledger.html", context)


def entries_of(found: Any) -> list[LedgerEntry]:
    """The entries, each with the page about its row."""
    entries = list(found)
    for entry in entries:
        entry.href = link_to(entry.kind, entry.subject_id)
    return entries


@require(Permission.READ_LEDGER)
@require_GET
def entry_list(request: SignedInRequest) -> HttpResponse:
    """Every entry, newest first; `?q=` takes an entry's number or a row's id."""
    text = request.GET.get("q", "").strip()
    if text.isdecimal() and len(text) < 19:
        return redirect("ledger-entry", int(text))
    found = LedgerEntry.objects.all()
    if text:
        found = found.filter(kind__in=list(RECORDED), subject_id=text)
    page = keyset_page(found, request, ("-index",))
    entries_of(page.rows)
    return render(request, "console/ledger_entries.html", {"text": text, "page": page})


@require(Permission.READ_LEDGER)
@require_GET
def entry(request: SignedInRequest, index: int) -> HttpResponse:
    found = get_object_or_404(LedgerEntry, index=index)
    newest = latest_checkpoint()
    covered = bool(newest and newest.size > index)
    proven = prove(found, newest) if covered and newest else None
    context = {
        "entry": found,
        "said": json.loads(found.body),
        "leaf": bytes(found.leaf_hash).hex(),
        "href": link_to(found.kind, found.subject_id),
        "covered": covered,
        "proven": proven,
        "proof_text": str(proven.proof) if proven else "",
        "checkpoint": newest,
    }
    return render(request, "console/ledger_entry.html", context)


@require(Permission.READ_LEDGER)
@require_GET
def entry_proof(request: SignedInRequest, index: int) -> HttpResponse:
    """The entry's proof as a C2SP tlog-proof file, which `safehold ledger proof` and others verify offline."""
    found = get_object_or_404(LedgerEntry, index=index)
    newest = latest_checkpoint()
    if newest is None or newest.size <= index:
        raise Http404("No checkpoint covers this entry yet: try again in a moment.")
    name = f"{found.kind}-{found.subject_id}.tlog-proof"
    return HttpResponse(
        str(prove(found, newest).proof),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require(Permission.READ_LEDGER)
@require_POST
def verify_start(request: SignedInRequest) -> HttpResponse:
    check = start_check(str(request.user))
    with recording() as record:
        record.audit("ledger.verified", "ledger", settings.SAFEHOLD_ORIGIN[:64], actor=request.user.pk)
    if getattr(request, "htmx", None):
        return render(request, "console/parts/check.html", {"check": check})
    return redirect("ledger")


@require(Permission.READ_LEDGER)
@never_cache
@require_GET
def verify_progress(request: SignedInRequest) -> HttpResponse:
    return render(request, "console/parts/check.html", {"check": last_check()})
