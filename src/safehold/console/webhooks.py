"""Webhooks: the platform's endpoints, every message to them with each try, and the dead letters that wait for somebody."""

import json
from datetime import timedelta

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from safehold.accounts.access import SignedInRequest, log_read, require
from safehold.accounts.roles import Permission
from safehold.console import search
from safehold.console.decisions import chips, menus
from safehold.desk.decisions.deliveries import TYPES, NothingToRetry, retry, stamp
from safehold.desk.decisions.endpoints import add_endpoint, rotate_secret, signing_secrets, switch
from safehold.desk.decisions.models import Delivery, Endpoint
from safehold.desk.decisions.sealing import CannotOpen
from safehold.desk.decisions.sending import Outbound, send
from safehold.desk.decisions.states import DELIVERY
from safehold.ids import new_id
from safehold.record.models import Transition
from safehold.record.recording import recording
from safehold.states import InvalidTransition
from safehold.web.keyset import keyset_page
from safehold.web.words import word_for

FILTERS = ("state", "type", "endpoint", "about", "after", "before")
#: How many dead letters one press of "retry all" takes; press again for more.
RETRY_AT_ONCE = 500


class NewEndpoint(forms.Form):
    url = forms.CharField(
        max_length=500,
        label="URL",
        help_text="Messages are POSTed there, signed (Standard Webhooks).",
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off"}),
        validators=[URLValidator(schemes=["https", "http"])],
    )
    description = forms.CharField(max_length=200, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}))


def of_service() -> QuerySet[Delivery]:
    # As a condition on each row, not a join: the list is then walked by key, newest first, however long it is.
    mine = Endpoint.objects.filter(pk=OuterRef("endpoint"), service_id=settings.SAFEHOLD_SERVICE)
    return Delivery.objects.filter(Exists(mine))


def narrow(deliveries: QuerySet[Delivery], query: search.Query) -> QuerySet[Delivery]:
    """The messages that fit. Raises `BadQuery`."""
    for name, value in query.filters.items():
        deliveries = deliveries.filter(_NARROW[name](value))
    for word in query.words:
        deliveries = deliveries.filter(Q(about=word) | Q(pk=word))
    return deliveries


_NARROW = {
    "state": lambda value: Q(state=search.one_of("state", value, DELIVERY.states)),
    "type": lambda value: Q(type=search.one_of("type", value, TYPES)),
    "endpoint": lambda value: Q(endpoint=value),
    "about": lambda value: Q(about=value),
    "after": lambda value: Q(created_at__gte=search.day("after", value)),
    "before": lambda value: Q(created_at__lt=search.day_after("before", value)),
}


@require(Permission.READ_WEBHOOKS)
@require_GET
def delivery_list(request: SignedInRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    address = reverse("deliveries")
    options = {
        "state": [(state, word_for("delivery", state).text) for state in DELIVERY.states],
        "type": [(type_, type_) for type_ in TYPES],
        "after": [("today", "Today"), ("7d", "Last 7 days")],
    }
    try:
        query = search.parse(text, FILTERS)
        found = narrow(of_service(), query).select_related("endpoint").defer("payload")
    except search.BadQuery as error:
        context: dict[str, object] = {
            "text": text,
            "page": [],
            "problem": str(error),
            "menus": menus(search.Query(), options, address),
        }
        return render(request, "console/deliveries.html", context, status=400)
    order = ("-created_at", "-id") if query.get("state") else ("-id",)
    context = {
        "text": text,
        "page": keyset_page(found, request, order),
        "chips": chips(query, address),
        "menus": menus(query, options, address),
    }
    return render(request, "console/deliveries.html", context)


@require(Permission.READ_WEBHOOKS)
@require_GET
def dead_letters(request: SignedInRequest) -> HttpResponse:
    dead = of_service().filter(state="dead_letter")
    page = keyset_page(dead.select_related("endpoint").defer("payload"), request, ("-created_at", "-id"))
    tries = {
        delivery.pk: delivery
        for delivery in Delivery.objects.filter(pk__in=[each.pk for each in page]).prefetch_related("tries").only("pk")
    }
    for delivery in page:
        known = sorted(tries[delivery.pk].tries.all(), key=lambda attempt: attempt.pk)
        delivery.last_try = known[-1] if known else None
    context = {"page": page, "count": dead.count(), "at_once": RETRY_AT_ONCE}
    return render(request, "console/dead_letters.html", context | {"may_manage": _may_manage(request)})


def _may_manage(request: SignedInRequest) -> bool:
    return request.user.may(Permission.MANAGE_WEBHOOKS)


@require(Permission.READ_WEBHOOKS)
@never_cache
@require_GET
def delivery(request: SignedInRequest, delivery_id: str) -> HttpResponse:
    """One message: its tries, its way, and, for those who may read what people wrote, what it says."""
    found = get_object_or_404(of_service().select_related("endpoint", "action__decision"), pk=delivery_id)
    reveal = request.user.may(Permission.READ_CONTENT) and request.GET.get("reveal") == "1"
    if reveal:
        log_read(request, "delivery", found.pk)
    tries = list(found.tries.order_by("-at", "-id")[:100])
    for each in tries:
        each.tone = "good" if each.status and each.status < 300 else "bad"  # type: ignore[attr-defined]
    context = {
        "delivery": found,
        "tries": tries,
        "steps": Transition.objects.filter(entity_kind="delivery", entity_id=found.pk).order_by("-at", "-id")[:100],
        "payload": found.payload if reveal else "",
        "may_read": request.user.may(Permission.READ_CONTENT),
        "may_manage": _may_manage(request),
    }
    return render(request, "console/delivery.html", context)


@require(Permission.MANAGE_WEBHOOKS)
@require_POST
def delivery_retry(request: SignedInRequest, delivery_id: str) -> HttpResponse:
    found = get_object_or_404(of_service(), pk=delivery_id)
    try:
        with recording() as record:
            locked = Delivery.objects.select_for_update(of=("self",)).select_related("action").get(pk=found.pk)
            retry(record, locked, by=request.user.pk)
            record.audit("delivery.retried", "delivery", found.pk, actor=request.user.pk)
    except (NothingToRetry, InvalidTransition) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "It goes out again now.")
    return redirect(
        (request.POST.get("back") == "dead-letters" and "dead-letters") or reverse("delivery", args=[found.pk])
    )


@require(Permission.MANAGE_WEBHOOKS)
@require_POST
def retry_all(request: SignedInRequest) -> HttpResponse:
    """Send the oldest dead letters again, a bounded number at once; those that are out of date stay."""
    ids = list(
        of_service()
        .filter(state="dead_letter")
        .order_by("created_at", "id")
        .values_list("pk", flat=True)[:RETRY_AT_ONCE]
    )
    sent = 0
    for delivery_id in ids:
        # One transaction each: one that can't be sent takes nothing else with it, and the gateway writes in between.
        try:
            with recording() as record:
                locked = Delivery.objects.select_for_update(of=("self",)).select_related("action").get(pk=delivery_id)
                retry(record, locked, by=request.user.pk)
                record.audit("delivery.retried", "delivery", delivery_id, actor=request.user.pk)
        except (NothingToRetry, InvalidTransition):
            continue
        sent += 1
    kept = len(ids) - sent
    messages.success(request, f"{sent} go out again now" + (f"; {kept} are out of date and stay." if kept else "."))
    return redirect("dead-letters")


@require(Permission.READ_WEBHOOKS)
@require_GET
def endpoint_list(request: SignedInRequest) -> HttpResponse:
    endpoints = list(
        Endpoint.objects.filter(service_id=settings.SAFEHOLD_SERVICE).order_by("-active", "created_at", "id")
    )
    # What waits is little; what was delivered is not counted here.
    open_ = Delivery.objects.filter(state__in=("pending", "retrying", "dead_letter")).order_by()
    counted = {
        (endpoint, state): count
        for endpoint, state, count in open_.values_list("endpoint", "state").annotate(Count("pk"))
    }
    for each in endpoints:
        each.waiting = counted.get((each.pk, "pending"), 0) + counted.get((each.pk, "retrying"), 0)  # type: ignore[attr-defined]
        each.dead = counted.get((each.pk, "dead_letter"), 0)  # type: ignore[attr-defined]
    context = {"endpoints": endpoints, "may_manage": _may_manage(request)}
    return render(request, "console/endpoints.html", context)


@require(Permission.MANAGE_WEBHOOKS)
@never_cache
@require_http_methods(["GET", "POST"])
def endpoint_add(request: SignedInRequest) -> HttpResponse:
    form = NewEndpoint(request.POST or None)
    if form.is_valid():
        try:
            with recording() as record:
                made, secret = add_endpoint(
                    record,
                    settings.SAFEHOLD_SERVICE,
                    form.cleaned_data["url"],
                    description=form.cleaned_data["description"],
                    by=request.user.pk,
                )
        except ValueError as error:
            form.add_error("url", ValidationError(str(error)))
        else:
            return _show_secret(request, made, secret)
    return render(request, "console/endpoint_add.html", {"form": form}, status=422 if form.errors else 200)


def _show_secret(request: SignedInRequest, found: Endpoint, secret: str) -> HttpResponse:
    return render(request, "console/endpoint_secret.html", {"endpoint": found, "secret": secret})


@require(Permission.READ_WEBHOOKS)
@require_GET
def endpoint(request: SignedInRequest, endpoint_id: str) -> HttpResponse:
    found = get_object_or_404(Endpoint, pk=endpoint_id, service_id=settings.SAFEHOLD_SERVICE)
    day_ago = timezone.now() - timedelta(days=1)
    waiting = found.deliveries.filter(state__in=("pending", "retrying", "dead_letter"))
    states = dict(waiting.order_by().values_list("state").annotate(Count("pk")))
    states["delivered"] = found.deliveries.filter(state="delivered", created_at__gte=day_ago).count()
    context = {
        "endpoint": found,
        "states": [(state, states[state]) for state in DELIVERY.states if state in states],
        "latest": found.deliveries.order_by("-id").defer("payload")[:20],
        "may_manage": _may_manage(request),
        "old_secret": bool(found.previous_until and found.previous_until > timezone.now()),
    }
    return render(request, "console/endpoint.html", context)


@require(Permission.MANAGE_WEBHOOKS)
@never_cache
@require_POST
def endpoint_rotate(request: SignedInRequest, endpoint_id: str) -> HttpResponse:
    found = get_object_or_404(Endpoint, pk=endpoint_id, service_id=settings.SAFEHOLD_SERVICE)
    with recording() as record:
        secret = rotate_secret(record, found, by=request.user.pk)
    return _show_secret(request, found, secret)


@require(Permission.MANAGE_WEBHOOKS)
@require_POST
def endpoint_ping(request: SignedInRequest, endpoint_id: str) -> HttpResponse:
    """Send a signed test message now, and say what came of it. It is no delivery: it is not tried again."""
    found = get_object_or_404(Endpoint, pk=endpoint_id, service_id=settings.SAFEHOLD_SERVICE)
    payload = json.dumps({"type": "ping", "timestamp": stamp(timezone.now()), "data": {"endpoint": found.pk}})
    try:
        secrets = signing_secrets(found)
    except CannotOpen as error:
        messages.error(request, str(error))
        return redirect("endpoint", found.pk)
    outcome = send(Outbound(new_id("msg"), found.pk, found.url, payload.encode(), secrets))
    status = outcome.answer.status if outcome.answer else None
    with recording() as record:
        record.audit("webhook.tested", "endpoint", found.pk, actor=request.user.pk, detail={"status": status})
    if status is not None and 200 <= status < 300:
        messages.success(request, f"It answered {status} in {outcome.milliseconds:,} ms.")
    else:
        said = f"It answered {status}." if status is not None else f"It could not be reached: {outcome.error}."
        messages.error(request, said)
    return redirect("endpoint", found.pk)


@require(Permission.MANAGE_WEBHOOKS)
@require_POST
def endpoint_switch(request: SignedInRequest, endpoint_id: str) -> HttpResponse:
    found = get_object_or_404(Endpoint, pk=endpoint_id, service_id=settings.SAFEHOLD_SERVICE)
    active = request.POST.get("active") == "1"
    with recording() as record:
        switch(record, found, active=active, by=request.user.pk)
    messages.success(request, "Messages go out again." if active else "It is off: its messages wait.")
    return redirect("endpoint", found.pk)
