"""Reporting something without an account, and following what comes of it. The link to a report is the key to it
(`safehold.desk.reports.links.notice_url`); people who reported on the platform itself get the same page.
"""

import math
from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Service
from safehold.desk.portal.complaints import Step, complaint_about
from safehold.desk.portal.filing import file_report
from safehold.desk.portal.forms import AppealForm, ReportForm
from safehold.desk.portal.limits import patiently, wait_for
from safehold.desk.portal.pages import language_of, public_page, show, with_language
from safehold.desk.portal.statements import DISPUTE_BODIES, answer_complaint, kept, status_of
from safehold.desk.portal.words import WORDS
from safehold.desk.reports.links import is_notice_token, notice_url
from safehold.desk.reports.models import Notice
from safehold.desk.reports.notices import OPEN
from safehold.desk.transparency.words import WORDS as STATEMENT_WORDS


@public_page
def report(request: HttpRequest) -> HttpResponse:
    """The form. The platform may link to it with what is reported filled in: `?where=<address or number>&reason=<code>`."""
    service = get_object_or_404(Service, pk=settings.SAFEHOLD_SERVICE)
    language = language_of(request)
    if request.method != "POST":
        filled = {name: request.GET[name] for name in ("where", "reason") if name in request.GET}
        form = ReportForm(language, service.pk, service.name, initial=filled)
        return show(request, "portal/report.html", service, {"form": form})
    if seconds := wait_for(request, "report"):
        form = ReportForm(language, service.pk, service.name, initial=request.POST.dict())
        page = show(request, "portal/report.html", service, {"form": form, "minutes": math.ceil(seconds / 60)})
        return patiently(page, seconds)
    form = ReportForm(language, service.pk, service.name, request.POST)
    if not form.is_valid():
        return show(request, "portal/report.html", service, {"form": form}, status=422)
    url = notice_url(file_report(service.pk, form.report()))
    return redirect(f"{url}?new=1&lang={language}")


@dataclass(frozen=True)
class Answer:
    """What came of a report: the notice's outcome, and the decision that holds about what was reported."""

    outcome: str
    decision: Decision

    @property
    def title(self) -> str:
        return "report_inadmissible" if self.outcome == "inadmissible" else self.outcome

    @property
    def tone(self) -> str:
        return "good" if self.outcome == "actioned" else "neutral"


@public_page
def follow(request: HttpRequest, notice_id: str, token: str) -> HttpResponse:
    """How far a report is, and its answer; appeal against the answer (`do=appeal`), take that back (`do=withdraw`)."""
    notice = Notice.objects.select_related("service", "entity").filter(pk=notice_id).first()
    if not is_notice_token(notice_id, token) or notice is None:
        raise Http404
    answer = answer_to(notice)
    if request.method != "POST":
        return _page(request, notice, answer, None)
    if seconds := wait_for(request, "appeal", link=notice.pk):
        return patiently(_page(request, notice, answer, kept(request), seconds), seconds)
    if answer is None:
        page = _page(request, notice, None, None)
        page.status_code = 409
        return page
    form = answer_complaint(request, answer.decision, notice)
    if form is not None:
        return _page(request, notice, answer, form)
    return redirect(f"{with_language(request, notice_url(notice))}#appeal")


def answer_to(notice: Notice) -> Answer | None:
    """What came of it, None while nobody has decided. One query: of the decisions that hold and answer it, the newest that
    was not made together with another."""
    if notice.state in OPEN:
        return None
    chains = notice.decision_links.values("decision__root")
    heads = Decision.objects.filter(root__in=chains, overridden_by=None).select_related("policy", "statement")
    newest = max(heads, key=lambda each: ("settled_by" not in each.params, each.decided_at), default=None)
    return Answer(notice.outcome, newest) if newest else None


def _steps(notice: Notice, answer: Answer | None) -> tuple[Step, ...]:
    received = Step("report_received", "report_received_text", "done", notice.received_at)
    if answer is None:
        waits = Step("report_review", "report_review_waits", "now")
        return (received, waits, Step("report_answer", "report_answer_waits", "next"))
    by_rule = answer.decision.automation == "fully"
    looked = Step("report_review", "report_review_rule" if by_rule else "report_review_done", "done")
    return (received, looked, Step(answer.title, "answered_on", "done", answer.decision.decided_at))


def _page(
    request: HttpRequest, notice: Notice, answer: Answer | None, form: AppealForm | None, seconds: int = 0
) -> HttpResponse:
    language = language_of(request)
    words, law = WORDS[language], STATEMENT_WORDS[language]
    context = {
        "notice": notice,
        "answer": answer,
        "steps": _steps(notice, answer),
        "complaint": complaint_about(answer.decision, holds=True, notice=notice) if answer else None,
        "form": form or AppealForm(language),
        "done": words[f"done_{answer.decision.action}"] if answer else "",
        "outcome_text": words[f"{answer.title}_text"] if answer else "",
        "automation": words[f"by_{answer.decision.automation}"] if answer else "",
        "dispute": law["dispute"],
        "court": law["court"],
        "minutes": math.ceil(seconds / 60),
        "new": "new" in request.GET,
        "url": notice_url(notice),
        "dispute_bodies": DISPUTE_BODIES,
    }
    return show(request, "portal/follow.html", notice.service, context, status=status_of(form))
