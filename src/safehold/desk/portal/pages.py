"""What every public page has: its language, its headers, the same plain answer for a link that leads nowhere. Nobody signs
in here; who holds a link may read what it leads to, so no page is kept by a cache, found by a search engine, or told to
another site.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.http import require_http_methods

from safehold.desk.entities.models import Service
from safehold.desk.portal.words import NAMES, VERIFY, WORDS

View = Callable[..., HttpResponse]


def language_of(request: HttpRequest) -> str:
    """What `?lang=` asks for, else the first language of the browser's that we have, else English."""
    asked = request.GET.get("lang", "")
    if asked in WORDS:
        return asked
    for wanted, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if wanted.split("-")[0] in WORDS:
            return wanted.split("-")[0]
    return "en"


def public_page(view: View) -> View:
    """For GET and POST without an account. The view answers in `language_of(request)`, Django's own words included; its
    `Http404` is a page that looks the same whatever is wrong with the link.
    """

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with translation.override(language_of(request)):
            try:
                response = view(request, *args, **kwargs)
            except Http404:
                response = show(request, "portal/missing.html", None, {}, status=404)
        # Django would log the path of every refusal, and the path is the key; our own log has the route and the status.
        response._has_been_logged = True  # type: ignore[attr-defined]
        response["Cache-Control"] = "private, no-store"
        response["X-Robots-Tag"] = "noindex, nofollow"
        # The strictest policy under which browsers still say where a form comes from: with `no-referrer` they send
        # `Origin: null`, which the protection against forged requests has to refuse. Other sites learn nothing either way.
        response["Referrer-Policy"] = "same-origin"
        patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response

    return answer


def show(
    request: HttpRequest, template: str, service: Service | None, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render one of the portal's templates with the words of the request's language."""
    language = language_of(request)
    frame = {
        "words": WORDS[language],
        "verify_words": VERIFY[language],
        "language": language,
        "languages": NAMES,
        "service_name": service.name if service else "",
    }
    return render(request, template, frame | context, status=status)


def with_language(request: HttpRequest, url: str) -> str:
    """The address, in the language somebody chose; one that their browser chose is chosen again."""
    asked = request.GET.get("lang", "")
    return f"{url}?lang={asked}" if asked in WORDS else url
