"""One calibration in the console: what both services said of the same comments without it and with it, and putting it in force or
taking it back, which `safehold perspective use` does too.
"""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.people import Refused
from safehold.accounts.roles import Permission
from safehold.desk.sidebyside import versions
from safehold.engine.signal import SignalFailed
from safehold.gateway.perspective.attributes import model_name
from safehold.gateway.perspective.calibration import Agreement, Calibration, Map, Said, read_calibration, version_file
from safehold.web.plots import Dot, line_plot


class Line(NamedTuple):
    """An attribute of a calibration as its page shows it."""

    name: str
    before: Agreement | None
    after: Agreement | None
    picture: SafeString


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def calibration(request: SignedInRequest, number: int) -> HttpResponse:
    """One calibration. The audit trail says 0 for none, which is what the page before it shows."""
    if not number:
        return redirect("side-by-side")
    found = _read(settings.SAFEHOLD_CALIBRATIONS, number)
    now = versions.in_force(settings.SAFEHOLD_CALIBRATIONS)
    return render(
        request, "console/calibration.html",
        {"calibration": found, "made_at": datetime.fromisoformat(found.made_at), "now": now,
         "lines": [_line(name, one) for name, one in sorted(found.maps.items())],
         "other_model": _other_model(found.model), "may_approve": request.user.may(Permission.APPROVE_POLICIES)},
    )  # fmt: skip


@require(Permission.APPROVE_POLICIES)
@require_POST
def calibration_use(request: SignedInRequest) -> HttpResponse:
    """Put `version` in force, none with 0, where `now` is still what is in force."""
    wanted, seen = (_number(request.POST.get(name, "")) for name in ("version", "now"))
    try:
        versions.use(settings.SAFEHOLD_CALIBRATIONS, wanted, by=request.user, instead_of=seen)
    except (Refused, ValueError, OSError) as refused:
        messages.error(request, str(refused))
    else:
        words = f"Calibration {wanted} is in force" if wanted else "No calibration is in force"
        messages.success(request, f"{words}: gateways follow within a second.")
    return redirect("calibration", wanted) if wanted else redirect("side-by-side")


def _read(folder: Path, number: int) -> Calibration:
    try:
        return read_calibration(version_file(folder, number))
    except (OSError, ValueError) as error:
        raise Http404(str(error)) from error


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise Http404
    return int(text)


def _other_model(name: str) -> str:
    """The model that scores today, where a calibration was made for another one; nothing where it is the same, or none scores."""
    try:
        today = model_name()
    except SignalFailed:
        return ""
    return "" if today == name else today


def _line(name: str, one: Map) -> Line:
    return Line(name, one.before, one.after, _picture(name, one))


def _picture(name: str, one: Map) -> SafeString:
    """Where both services said the same, dots lie on the diagonal; of old files, which don't have what was said, the map."""
    if one.said_after:
        after, before = _dots(one.said_after, "With it"), _dots(one.said_before, "Without it")
        title = f"{name}: the old service's score, by ours without the calibration and with it"
        return line_plot(after, title, "our score; up: the old service's", diagonal=True, beside=before)
    dots = [
        Dot(at, f"Ours {at:.2f}, answered", one.apply(at), low, high)
        for at, low, high in zip(one.at, one.low, one.high, strict=True)
    ]
    return line_plot(
        dots, f"{name}: the score that is answered, by ours", "our score; up: what is answered", diagonal=True
    )


def _dots(said: list[Said], how: str) -> list[Dot]:
    return [Dot(each.ours, f"{how}, ours {each.ours:.2f} ({each.n:,} comments), theirs", each.theirs) for each in said]
