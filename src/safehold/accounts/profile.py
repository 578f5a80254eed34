"""One's own page: name, password and second factor, where one is signed in; and the welcome page behind a one-time link."""

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from safehold.accounts import people
from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.forms import Name, NewPassword
from safehold.accounts.models import User
from safehold.accounts.people import Refused
from safehold.accounts.roles import Permission
from safehold.record.recording import recording


@require()
@require_http_methods(["GET", "POST"])
def profile(request: SignedInRequest) -> HttpResponse:
    """Name, roles, second factors, single sign-on, sessions."""
    user = request.user
    form = Name(request.POST or None, instance=User.objects.get(pk=user.pk))
    if form.is_valid():
        with recording() as record:
            form.save()
            record.audit("person.renamed", "person", user.pk, actor=user.pk)
        messages.success(request, "Saved.")
        return redirect("profile")
    factors = list(Authenticator.objects.filter(user=user).order_by("created_at"))
    context = {
        "form": form,
        "person": user,
        "permissions": sorted(user.permissions, key=list(Permission).index),
        "factors": [factor for factor in factors if factor.type != Authenticator.Type.RECOVERY_CODES],
        "codes": next((factor for factor in factors if factor.type == Authenticator.Type.RECOVERY_CODES), None),
        "identities": SocialAccount.objects.filter(user=user).order_by("date_joined"),
        "sessions": UserSession.objects.purge_and_list(user),
        "here": request.session.session_key,
        "signed_in_by": [record.get("method") for record in get_authentication_records(request, user)],
    }
    return render(request, "accounts/profile.html", context, status=422 if form.errors else 200)


@require()
@require_POST
def session_end(request: SignedInRequest, session_id: int) -> HttpResponse:
    """Sign oneself out somewhere else."""
    session = get_object_or_404(UserSession, pk=session_id, user=request.user)
    session.end()
    messages.success(request, "That session is ended.")
    return redirect("profile")


@require()
@require_POST
def sessions_end_others(request: SignedInRequest) -> HttpResponse:
    ended = people.end_sessions(request.user, but=request.session.session_key)
    messages.success(request, f"{ended} other session{'' if ended == 1 else 's'} ended.")
    return redirect("profile")


@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest, user_id: str, token: str) -> HttpResponse:
    """Behind a one-time link: set a password, then sign in with it. An address that is no good says so, and no more."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or not people.invitations.check_token(user, token):
        return render(request, "accounts/welcome.html", {"spent": True}, status=410)
    form = NewPassword(request.POST or None)
    if form.is_valid():
        try:
            people.accept_invitation(user, token, form.cleaned_data["password"])
        except ValidationError as error:
            form.add_error("password", error)
        except Refused:
            return render(request, "accounts/welcome.html", {"spent": True}, status=410)
        else:
            messages.success(request, "Your password is set: sign in with it.")
            return redirect("account_login")
    return render(request, "accounts/welcome.html", {"form": form, "person": user}, status=422 if form.errors else 200)


def not_here(request: HttpRequest) -> HttpResponse:
    """Addresses of allauth that this product does not have: who somebody is, is said by whoever added them."""
    return redirect("profile" if request.user.is_authenticated else "account_login")
