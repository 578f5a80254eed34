"""Side by side with the service that is being left, in the console: how far the two agree by attribute, why it gave no score,
and which calibrations there are. Nothing of what people wrote is here; calibrations are fitted at the shell.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.roles import Permission
from safehold.console.counting import remembered
from safehold.desk.sidebyside.fitting import LEAST
from safehold.desk.sidebyside.standing import failures, standings
from safehold.desk.sidebyside.versions import in_force, versions
from safehold.gateway.perspective.calibration import Map


@dataclass(frozen=True)
class VersionLine:
    """A calibration, as its line in the table."""

    number: int
    made_at: datetime
    model: str
    maps: dict[str, Map]
    in_force: bool


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def side_by_side(request: SignedInRequest) -> HttpResponse:
    context = {
        "asked": settings.SAFEHOLD_PERSPECTIVE_UPSTREAM,
        "answers": settings.SAFEHOLD_PERSPECTIVE_UPSTREAM_ANSWERS,
        "standings": remembered("side-by-side", 10, standings),
        "failures": remembered("side-by-side-failures", 10, failures),
        "least": LEAST,
        "days": settings.SAFEHOLD_COMPARISON_DAYS,
        "text_days": settings.SAFEHOLD_COMPARISON_TEXT_DAYS,
        **_versions(),
    }
    return render(request, "console/side_by_side.html", context)


def _versions() -> dict[str, object]:
    folder = settings.SAFEHOLD_CALIBRATIONS
    try:
        now = in_force(folder)
        lines = [
            VersionLine(one.version, datetime.fromisoformat(one.made_at), one.model, one.maps, one.version == now)
            for one in reversed(versions(folder))
        ]
    except (ValueError, OSError) as error:  # a file that was copied by halves: the page says so, and shows the rest
        return {"versions": [], "unreadable": str(error)}
    return {"versions": lines, "unreadable": ""}
