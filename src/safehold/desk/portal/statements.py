"""A statement of reasons for the person it is about: what was decided and why, what holds now, and the appeal against it.
Its link is the key to it (`safehold.desk.transparency.statements.statement_url`).
"""

import json
import math
from contextlib import suppress
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from safehold.desk.appeals.filing import AppealRefused, file_appeal, withdraw
from safehold.desk.decisions.models import Decision
from safehold.desk.portal.complaints import complaint_about
from safehold.desk.portal.forms import AppealForm
from safehold.desk.portal.holding import holding_of, quote_of
from safehold.desk.portal.limits import patiently, wait_for
from safehold.desk.portal.pages import language_of, public_page, show, with_language
from safehold.desk.reports.models import Notice
from safehold.desk.transparency.models import StatementOfReasons
from safehold.desk.transparency.statements import statement_for, statement_url
from safehold.record.opening import opening
from safehold.states import InvalidTransition

#: What of the decision the ledger says in clear and the page repeats, for the check in the browser.
OPEN = ("action", "rule", "detection_automated", "automation", "on_appeal")
#: Where the EU lists the bodies of DSA Art. 21.
DISPUTE_BODIES = "https://digital-strategy.ec.europa.eu/en/policies/dsa-out-court-dispute-settlement"


@public_page
def statement(request: HttpRequest, statement_id: str, token: str) -> HttpResponse:
    """Read a statement; appeal (`do=appeal`); take the appeal back (`do=withdraw`)."""
    found = statement_for(statement_id, token)
    if found is None:
        raise Http404
    if request.method != "POST":
        return _page(request, found, None)
    if seconds := wait_for(request, "appeal", link=found.pk):
        return patiently(_page(request, found, kept(request), seconds), seconds)
    form = answer_complaint(request, found.decision)
    if form is not None:
        return _page(request, found, form)
    return redirect(f"{with_language(request, statement_url(found))}#appeal")


def answer_complaint(request: HttpRequest, decision: Decision, notice: Notice | None = None) -> AppealForm | None:
    """File the appeal that was sent, or withdraw the one there is. Returns the form if that could not be: with its errors,
    or, where nothing is wrong with the form, because the page says by now why no appeal can be filed."""
    if request.POST.get("do") == "withdraw":
        appeal = complaint_about(decision, holds=True, notice=notice).appeal
        with suppress(InvalidTransition):  # decided, or withdrawn, a moment ago: the page says which
            if appeal is not None:
                withdraw(appeal)
        return None
    form = AppealForm(language_of(request), request.POST)
    if not form.is_valid():
        return form
    sent = form.cleaned_data
    try:
        file_appeal(
            decision, grounds=sent["grounds"], contact=sent["contact"], language=sent["written_in"], notice=notice
        )
    except AppealRefused:
        return form
    return None


def kept(request: HttpRequest) -> AppealForm:
    """The form with what was sent, looked at no further."""
    return AppealForm(language_of(request), initial=request.POST.dict())


def status_of(form: AppealForm | None) -> int:
    """200, 422 for a form with errors, 409 for one that came when no appeal could be filed (RFC 9110)."""
    return 200 if form is None else 422 if form.errors else 409


def _as_logged(value: str | bool) -> str:
    """A value as the ledger's JSON has it, without the quotes around words."""
    return value if isinstance(value, str) else json.dumps(value)


def _web_address(url: str) -> str:
    """The address if a browser may be sent there, '' for anything else."""
    return url if urlsplit(url).scheme in {"http", "https"} else ""


def _page(request: HttpRequest, found: StatementOfReasons, form: AppealForm | None, seconds: int = 0) -> HttpResponse:
    language, decision = language_of(request), found.decision
    holding = holding_of(found)
    written = language if language in found.texts else "en"
    context = {
        "statement": found,
        "decision": decision,
        "text": found.texts[written],
        "written": written,
        "holding": holding,
        "quote": quote_of(decision),
        "complaint": complaint_about(decision, holds=holding.state in {"holds", "ended"}),
        "form": form or AppealForm(language),
        "opening": opening(found),
        "open": [(name, _as_logged(getattr(decision, name))) for name in OPEN],
        "rule_url": _web_address(found.texts[written].get("ground_url", "")),
        "minutes": math.ceil(seconds / 60),
        "url": statement_url(found),
        "dispute_bodies": DISPUTE_BODIES,
    }
    return show(request, "portal/statement.html", decision.service, context, status=status_of(form))
