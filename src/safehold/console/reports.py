"""What people, trusted flaggers and authorities told us: the list of notices with their states, and one notice's page."""

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from safehold.accounts.access import SignedInRequest, log_read, require
from safehold.accounts.roles import Permission
from safehold.console import search
from safehold.console.counting import remembered
from safehold.console.decisions import chips, menus
from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Entity
from safehold.desk.reports.models import Notice, NoticeKind
from safehold.desk.reports.notices import OPEN
from safehold.desk.reports.states import NOTICE
from safehold.desk.review.models import Task
from safehold.record.models import Transition
from safehold.web.keyset import keyset_page
from safehold.web.words import word_for

FILTERS = ("state", "kind", "account", "after", "before")
VIEWS = ("open", "all")


def narrow(query: search.Query, view: str) -> QuerySet[Notice]:
    """The notices of this service that fit. Raises `BadQuery`."""
    notices = Notice.objects.filter(service_id=settings.SAFEHOLD_SERVICE)
    state = query.get("state")
    if state:
        notices = notices.filter(state=search.one_of("state", state, NOTICE.states))
    elif view == "open":
        notices = notices.filter(state__in=OPEN)
    if kind := query.get("kind"):
        notices = notices.filter(kind=search.one_of("kind", kind, NoticeKind.values))
    if account := query.get("account"):
        notices = notices.filter(notifier_account_id=account)
    if after := query.get("after"):
        notices = notices.filter(received_at__gte=search.day("after", after))
    if before := query.get("before"):
        notices = notices.filter(received_at__lt=search.day_after("before", before))
    for word in query.words:
        entities = Entity.objects.filter(service_id=settings.SAFEHOLD_SERVICE, kind__in=kinds(), external_id=word)
        notices = notices.filter(entity__in=entities.values("pk"))
    return notices


def kinds() -> list[str]:
    found = Entity.objects.filter(service_id=settings.SAFEHOLD_SERVICE).order_by().values_list("kind", flat=True)
    return remembered("entity-kinds", 60, lambda: list(found.distinct()))


@require(Permission.READ_CONTENT)
@require_GET
def report_list(request: SignedInRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    view = request.GET.get("view", "")
    view = view if view in VIEWS else "open"
    address = reverse("reports")
    options = {
        "state": [(state, word_for("notice", state).text) for state in NOTICE.states],
        "kind": list(NoticeKind.choices),
        "after": [("today", "Today"), ("7d", "Last 7 days"), ("30d", "Last 30 days")],
    }
    tabs = [(name.capitalize(), f"{address}?view={name}", name == view) for name in VIEWS]
    context: dict[str, object] = {"text": text, "view": view, "tabs": tabs}
    try:
        query = search.parse(text, FILTERS)
        notices = narrow(query, view).prefetch_related("entity")
    except search.BadQuery as error:
        context |= {"page": [], "problem": str(error), "menus": menus(search.Query(), options, address)}
        return render(request, "console/reports.html", context, status=400)
    context |= {
        "page": keyset_page(notices, request, ("-received_at", "-id")),
        "chips": chips(query, address),
        "menus": menus(query, options, address),
    }
    return render(request, "console/reports.html", context)


@require(Permission.READ_CONTENT)
@never_cache
@require_GET
def report(request: SignedInRequest, notice_id: str) -> HttpResponse:
    """One notice. What its notifier wrote, and who they are, is content: that it was read is recorded first."""
    notice = get_object_or_404(Notice.objects.select_related("entity", "event"), pk=notice_id)
    log_read(request, "notice", notice.pk)
    decisions = Decision.objects.filter(notice_links__notice=notice).select_related("person", "policy").defer("verdict")
    context = {
        "notice": notice,
        "decisions": decisions.order_by("-decided_at", "-id"),
        "own": notice.event and Decision.objects.filter(event=notice.event).defer("verdict").first(),
        "tasks": Task.objects.filter(entity=notice.entity).select_related("queue").order_by("-created_at")[:10],
        "steps": Transition.objects.filter(entity_kind="notice", entity_id=notice.pk).order_by("at", "id"),
    }
    return render(request, "console/report.html", context)
