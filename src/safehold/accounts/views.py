"""People and the keys of programs: lists, one person's page, and what is done there. Each POST calls people.py or keys.py
and goes back with a message; a secret is shown once, in the answer itself, and is in no address, log or session.
"""

from collections.abc import Callable

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from safehold.accounts import people
from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.forms import AddPerson, NewKey, Roles
from safehold.accounts.keys import create_key, revoke_key
from safehold.accounts.models import ApiKey, RoleGrant, User
from safehold.accounts.people import Refused
from safehold.accounts.roles import Permission, Role, Scope, may_grant, permissions_of
from safehold.record.models import AuditEvent
from safehold.web.keyset import keyset_page

#: A first request with a new key, to copy.
EXAMPLE = """curl {address}/v1/events \\
  -H 'Authorization: Bearer {secret}' \\
  -H 'Content-Type: application/cloudevents+json' \\
  -d '{{"specversion":"1.0","type":"message.sent","source":"/curl","id":"1","data":{{...}}}}'"""
VIEWS = {"active": Q(is_active=True), "deactivated": Q(is_active=False)}


def _people() -> QuerySet[User]:
    open_grants = Prefetch("grants", RoleGrant.objects.filter(revoked_at=None).order_by("role"), to_attr="open_grants")
    second_factor = Authenticator.objects.filter(user=OuterRef("pk")).exclude(type=Authenticator.Type.RECOVERY_CODES)
    return User.objects.prefetch_related(open_grants).annotate(has_mfa=Exists(second_factor))


@require(Permission.READ_PEOPLE)
@require_GET
def people_list(request: SignedInRequest) -> HttpResponse:
    view = request.GET.get("view", "")
    view = view if view in VIEWS else "active"
    query = request.GET.get("q", "").strip()
    found = _people().filter(VIEWS[view])
    if query:
        found = found.filter(Q(email__icontains=query) | Q(name__icontains=query))
    if request.GET.get("role") in set(Role):
        found = found.filter(grants__role=request.GET["role"], grants__revoked_at=None)
    page = keyset_page(found, request, ("name", "id"))
    for user in page:
        user.titles = [Role(grant.role).label for grant in user.open_grants]
    context = {
        "page": page,
        "view": view,
        "tabs": [(name.capitalize(), f"?view={name}", name == view) for name in VIEWS],
        "roles": [(role.value, role.label) for role in Role],
        "may_manage": request.user.may(Permission.MANAGE_PEOPLE),
    }
    return render(request, "accounts/people.html", context)


@require(Permission.MANAGE_PEOPLE)
@never_cache
@require_http_methods(["GET", "POST"])
def person_add(request: SignedInRequest) -> HttpResponse:
    form = AddPerson(request.user, request.POST or None, initial={"roles": [Role.MODERATOR]})
    if form.is_valid():
        try:
            user = people.add_person(
                request.user, form.cleaned_data["email"], form.cleaned_data["name"], form.cleaned_data["roles"]
            )
            return _show_link(request, user, people.invite(request.user, user))
        except ValidationError as error:
            form.add_error("email", error)
        except Refused as error:
            form.add_error(None, str(error))
    return render(request, "accounts/person_add.html", {"form": form}, status=422 if form.errors else 200)


def _show_link(request: SignedInRequest, user: User, token: str) -> HttpResponse:
    link = settings.PUBLIC_URL + reverse("welcome", args=[user.pk, token])
    return render(request, "accounts/invited.html", {"person": user, "link": link})


@require(Permission.READ_PEOPLE)
@require_GET
def person(request: SignedInRequest, user_id: str) -> HttpResponse:
    return _person(request, user_id)


def _person(request: SignedInRequest, user_id: str, form: Roles | None = None) -> HttpResponse:
    user = get_object_or_404(_people(), pk=user_id)
    mine = user.pk == request.user.pk
    manage = request.user.may(Permission.MANAGE_PEOPLE) and not mine
    context = {
        "person": user,
        "mine": mine,
        "may_manage": manage and may_grant(request.user.permissions, permissions_of(user.roles)),
        "form": form or Roles(request.user, initial={"roles": user.roles}),
        "roles": [(role, role in user.roles) for role in Role],
        "permissions": sorted(user.permissions, key=list(Permission).index),
        "grants": user.grants.select_related("granted_by", "revoked_by").order_by("-granted_at", "-id")[:50],
        "keys": ApiKey.objects.filter(created_by=user, revoked_at=None).order_by("-id"),
        "sessions": UserSession.objects.filter(user=user).order_by("-created_at")[:20] if manage else [],
        "done": AuditEvent.objects.filter(actor=user.pk).order_by("-id")[:10]
        if request.user.may(Permission.READ_AUDIT)
        else [],
    }
    return render(request, "accounts/person.html", context, status=422 if form else 200)


@require(Permission.MANAGE_PEOPLE)
@require_POST
def person_roles(request: SignedInRequest, user_id: str) -> HttpResponse:
    user = get_object_or_404(User, pk=user_id)
    form = Roles(request.user, request.POST)
    if form.is_valid():
        try:
            people.set_roles(request.user, user, [Role(role) for role in form.cleaned_data["roles"]])
        except Refused as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, f"{user} is now {', '.join(role.label for role in user.roles) or 'without a role'}."
            )
            return redirect("person", user.pk)
    return _person(request, user.pk, form)


@require(Permission.MANAGE_PEOPLE)
@never_cache
@require_POST
def person_invite(request: SignedInRequest, user_id: str) -> HttpResponse:
    user = get_object_or_404(User, pk=user_id)
    try:
        return _show_link(request, user, people.invite(request.user, user))
    except Refused as error:
        messages.error(request, str(error))
        return redirect("person", user.pk)


def _on_person(act: Callable[[User, User], object], said: str) -> Callable[..., HttpResponse]:
    """A view that does one thing to somebody and goes back to their page."""

    @require(Permission.MANAGE_PEOPLE)
    @require_POST
    def view(request: SignedInRequest, user_id: str) -> HttpResponse:
        user = get_object_or_404(User, pk=user_id)
        try:
            act(request.user, user)
        except Refused as error:
            messages.error(request, str(error))
        else:
            messages.success(request, said.format(user))
        return redirect("person", user.pk)

    return view


person_deactivate = _on_person(people.deactivate, "{} is deactivated: signed out everywhere, their keys are revoked.")
person_reactivate = _on_person(people.reactivate, "{} can sign in again.")
person_sign_out = _on_person(people.sign_out, "{} is signed out everywhere.")


@require(Permission.MANAGE_KEYS)
@require_GET
def key_list(request: SignedInRequest) -> HttpResponse:
    return _keys(request, NewKey(request.user))


def _keys(request: SignedInRequest, form: NewKey, new: ApiKey | None = None, secret: str = "") -> HttpResponse:
    keys = ApiKey.objects.select_related("created_by", "revoked_by")
    page = keyset_page(keys, request, ("-id",))
    for key in page:
        key.state = "revoked" if key.revoked_at else "active" if key.usable else "expired"
    context = {"page": page, "form": form, "new": new, "secret": secret}
    if new and Scope.WRITE_EVENTS in new.scopes:
        context["example"] = EXAMPLE.format(address=settings.PUBLIC_URL, secret=secret)
    return render(request, "accounts/keys.html", context, status=422 if form.errors else 200)


@require(Permission.MANAGE_KEYS)
@never_cache
@require_POST
def key_create(request: SignedInRequest) -> HttpResponse:
    form = NewKey(request.user, request.POST)
    if form.is_valid():
        try:
            key, secret = create_key(
                request.user,
                form.cleaned_data["name"],
                form.cleaned_data["scopes"],
                service=settings.SAFEHOLD_SERVICE,
                expires_at=form.expires_at(),
            )
            return _keys(request, NewKey(request.user), key, secret)
        except (Refused, ValueError) as error:
            form.add_error(None, str(error))
    return _keys(request, form)


@require(Permission.MANAGE_KEYS)
@require_POST
def key_revoke(request: SignedInRequest, key_id: str) -> HttpResponse:
    key = get_object_or_404(ApiKey, pk=key_id)
    revoke_key(request.user, key)
    messages.success(request, f"{key.name} is revoked: whoever uses it is refused from now on.")
    return redirect("api-keys")
