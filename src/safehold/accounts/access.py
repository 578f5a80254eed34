"""Who may see a page: `@require(Permission.READ_LEDGER)` on every view of the console and the desk, and `log_read` in
those that show what people wrote.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlencode

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url

from safehold.accounts.models import User
from safehold.accounts.roles import POWERFUL, Permission
from safehold.record.recording import recording

P = ParamSpec("P")


class SignedInRequest(HttpRequest):
    """The request as a view behind `require` sees it: somebody is signed in. Only a type; Django makes the requests."""

    user: User


def require(
    *needed: Permission,
) -> Callable[
    [Callable[Concatenate[SignedInRequest, P], HttpResponse]], Callable[Concatenate[HttpRequest, P], HttpResponse]
]:
    """Let a view run only for people who are signed in and hold all of `needed` (none: being signed in is enough).

    Others are sent to the sign-in, or get a 403 that says what is lacking; a request by htmx is told to go there
    as a whole page. The view's `permissions` attribute says what it asks for.
    """

    def decorate(
        view: Callable[Concatenate[SignedInRequest, P], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            user = request.user
            if not user.is_authenticated:
                return _go(request, f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': _page(request)})}")
            lacking = [permission for permission in needed if not user.may(permission)]
            if lacking:
                return render(request, "403.html", {"lacking": lacking}, status=403)
            signed_in = cast(SignedInRequest, request)
            if lacks_second_factor(signed_in):
                return _go(request, resolve_url("mfa_index"))
            return view(signed_in, *args, **kwargs)

        guarded.permissions = frozenset(needed)  # type: ignore[attr-defined]
        return guarded

    return decorate


def lacks_second_factor(request: SignedInRequest) -> bool:
    """True if SAFEHOLD_REQUIRE_MFA asks this person for a second factor and they have none.

    Somebody whom single sign-on brought is taken to have given one there: the provider is where a company asks for it.
    """
    user = request.user
    if not settings.SAFEHOLD_REQUIRE_MFA or not user.permissions & POWERFUL or is_mfa_enabled(user):
        return False
    return all(record.get("method") != "socialaccount" for record in get_authentication_records(request, user))


def log_read(request: SignedInRequest, kind: str, object_id: str, **detail: Any) -> None:
    """Write into the ledger that this person read something sensitive: `kind` is `event`, `task`, `statement`, ...

    Call it before the content leaves: what can't be logged isn't shown.
    """
    with recording() as record:
        record.audit(
            f"{kind}.read",
            kind,
            object_id,
            actor=request.user.pk,
            detail=detail,
            request_id=getattr(request, "request_id", ""),
        )


def _page(request: HttpRequest) -> str:
    """The page to come back to: for a request by htmx the one it came from."""
    htmx = getattr(request, "htmx", None)
    return (htmx.current_url_abs_path or "/") if htmx else request.get_full_path()


def _go(request: HttpRequest, url: str) -> HttpResponse:
    if getattr(request, "htmx", None):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)
