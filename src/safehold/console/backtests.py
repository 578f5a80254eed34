"""Backtests: the list, starting one with a draft, how far it is, and its report with charts. The report names accounts,
so that it needs the permission to read content; sending the sample to review needs the one to change policies.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.roles import Permission
from safehold.desk.history import jobs
from safehold.desk.history.sample import send_to_review
from safehold.desk.rules.changes import ChangeRefused, effect_of
from safehold.desk.rules.in_force import bundle_of, newest
from safehold.desk.rules.models import PolicyChange
from safehold.engine import Bundle, PolicyProblems
from safehold.record.recording import recording
from safehold.replay.page import html_page, share_parts
from safehold.replay.report import Report, RuleLine, SegmentLine
from safehold.web.charts import bar_chart

#: How far back one can ask from the page.
SPANS = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"))
#: The choice that tries nothing new: what the rules in force do, how right they are, what they cost.
IN_FORCE = "in-force"
_SHOWN = 25
#: Bars of a chart, and letters below one.
_BARS, _LETTERS = 8, 16


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def backtest_list(request: SignedInRequest) -> HttpResponse:
    return render(request, "console/backtests.html", {"jobs": jobs.jobs()[:100], "drafts": _drafts(), "spans": SPANS})


def _drafts() -> list[tuple[str, str]]:
    """What can be tried: changes that are being written or wait for approval."""
    open_changes = PolicyChange.objects.filter(state__in=("draft", "proposed")).order_by("-changed_at")[:50]
    return [(change.pk, f"{change.title or change.policy} ({change.state})") for change in open_changes]


@require(Permission.WRITE_POLICIES)
@require_POST
def backtest_start(request: SignedInRequest) -> HttpResponse:
    chosen, days = request.POST.get("draft", IN_FORCE), request.POST.get("days", "30")
    number = newest()
    if not number:
        messages.error(request, "No policies are in force yet.")
        return redirect("backtests")
    try:
        title, new = _chosen(chosen, bundle_of(number))
    except (PolicyProblems, ChangeRefused) as refused:
        messages.error(request, f"This draft cannot be tried: {refused}")
        return redirect("backtests")
    span = int(days) if days in dict(SPANS) else 30
    job = jobs.start(title, new, bundle_of(number), datetime.now(UTC) - timedelta(days=span), by=str(request.user))
    with recording() as record:
        record.audit(
            "backtest.started", "backtest", job.id, actor=request.user.pk, detail={"new": new.hash, "days": span}
        )
    return redirect("backtest", job.id)


def _chosen(chosen: str, live: Bundle) -> tuple[str, Bundle]:
    if chosen == IN_FORCE:
        return "The policies in force", live
    change = PolicyChange.objects.filter(pk=chosen).first()
    if change is None:
        raise Http404("There is no such draft.")
    bundle = effect_of(change).bundle
    return change.title or change.policy, bundle


@require(Permission.READ_CONTENT)
@never_cache
@require_GET
def backtest(request: SignedInRequest, job_id: str) -> HttpResponse:
    job = jobs.job(job_id)
    if job is None:
        raise Http404("There is no such backtest.")
    report = jobs.report_of(job_id)
    context: dict[str, Any] = {"job": job, "report": report}
    if report is not None:
        context |= _shown(report)
    return render(request, "console/backtest.html", context)


def _shown(report: Report) -> dict[str, Any]:
    seen = [rule for rule in report.rules if rule.before or rule.after or rule.undecided_after]
    return {
        "span": f"{report.events:,} events from {report.since[:10]} to {report.until[:10]}, each rule tried as if it were live",
        "hit_note": f"{report.hit_before:,} hit before, {report.hit_after:,} after",
        "over_time": _over_time(report),
        "by_rule": _changes([(rule.rule.rpartition("/")[2], rule) for rule in seen], "rule"),
        "rules": [(rule, share_parts(rule.precision_after), share_parts(rule.recall_after)) for rule in seen],
        "silent": len(report.rules) - len(seen),
        "quality": [
            ("Precision", share_parts(report.precision_before), share_parts(report.precision_after)),
            ("Recall", share_parts(report.recall_before), share_parts(report.recall_after)),
        ],
        "dear": sorted((rule for rule in report.rules if rule.micros), key=lambda rule: -(rule.micros or 0))[:8],
        "segments": [
            (_TITLES[name], lines[:_SHOWN], _changes([(line.name, line) for line in lines], _TITLES[name].lower()))
            for name, lines in report.segments.items()
            if len(lines) > 1 or name == "type"
        ],
        "accounts": report.accounts[:_SHOWN],
        "more_accounts": max(len(report.accounts) - _SHOWN, 0),
        "sample": report.sample[:_SHOWN],
    }


def _over_time(report: Report) -> str:
    days = report.days
    if len(days) < 2:
        return ""
    series = [
        ("Hit as before", "neutral", [day.before - day.no_longer for day in days]),
        ("Newly hit", "warn", [day.newly for day in days]),
        ("No longer hit", "info", [day.no_longer for day in days]),
    ]
    return bar_chart([day.day for day in days], series, "Events hit, by day")


def _changes(lines: Sequence[tuple[str, RuleLine | SegmentLine]], what: str) -> str:
    """Those of which events come out otherwise, as a chart; nothing where there are none."""
    changed = [(name, line) for name, line in lines if line.newly or line.no_longer][:_BARS]
    if not changed:
        return ""
    series = [
        ("Newly hit", "warn", [line.newly for _, line in changed]),
        ("No longer hit", "info", [line.no_longer for _, line in changed]),
    ]
    names = [name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…" for name, _ in changed]
    return bar_chart(names, series, f"Events newly and no longer hit, by {what}")


_TITLES = {"type": "Event type", "age_band": "Age of the account", "locale": "Locale", "language": "Language"}


@require(Permission.READ_CONTENT)
@never_cache
@require_GET
def backtest_progress(request: SignedInRequest, job_id: str) -> HttpResponse:
    job = jobs.job(job_id)
    if job is None:
        raise Http404("There is no such backtest.")
    response = render(request, "console/parts/backtest_progress.html", {"job": job})
    if not job.running:
        response["HX-Refresh"] = "true"
    return response


@require(Permission.READ_CONTENT)
@require_GET
def backtest_file(request: SignedInRequest, job_id: str) -> HttpResponse:
    """The report as one HTML file."""
    report = jobs.report_of(job_id) if jobs.job(job_id) else None
    if report is None:
        raise Http404("There is no such report.")
    response = HttpResponse(html_page(report), content_type="text/html; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{job_id}.html"'
    return response


@require(Permission.WRITE_POLICIES)
@require_POST
def backtest_review(request: SignedInRequest, job_id: str) -> HttpResponse:
    """Send the sample to blind review."""
    report = jobs.report_of(job_id) if jobs.job(job_id) else None
    if report is None:
        raise Http404("There is no such report.")
    opened = send_to_review(report.sample)
    messages.success(request, f"{opened} of {len(report.sample)} events are now in the queue Backtest.")
    return redirect("backtest", job_id)
