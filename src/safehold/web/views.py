"""The living style page, the choice of a theme, and what the command palette asks for."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from safehold.web import examples
from safehold.web.palette import find
from safehold.web.tags.shell import THEMES

_YEAR = int(timedelta(days=365).total_seconds())


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember a theme in this browser and go back. theme.js does the same without a page load."""
    chosen = request.POST.get("theme", "")
    if chosen not in THEMES:
        return HttpResponse(f"theme must be one of {', '.join(THEMES)}", status=400, content_type="text/plain")
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    response = redirect(back)
    response.set_cookie("theme", chosen, max_age=_YEAR, samesite="Lax", secure=request.is_secure())
    return response


@require_GET
@login_required
def palette(request: HttpRequest) -> JsonResponse:
    """What the rooms find for `?q=`: at most twelve, each with label, url, note and icon."""
    text = request.GET.get("q", "").strip()[:200]
    return JsonResponse({"found": [found._asdict() for found in find(request, text)] if text else []})


def _only_for_builders(request: HttpRequest) -> None:
    if not settings.DEBUG and not request.user.is_authenticated:
        raise Http404


@require_GET
def style(request: HttpRequest) -> HttpResponse:
    """Every component with examples: for whoever builds a page. Only while developing, or for people who are signed in."""
    _only_for_builders(request)
    if "toast" in request.GET:
        messages.success(request, "Decision recorded. The platform has been told.")
    return render(request, "web/style.html", examples.context(timezone.now()))


@require_GET
def style_public(request: HttpRequest) -> HttpResponse:
    """The portal's pages by example: a decision explained to the person concerned, and a form."""
    _only_for_builders(request)
    return render(request, "web/style_public.html", examples.public_context(timezone.now()))
