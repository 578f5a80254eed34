"""What is done to people: adding, inviting, giving and taking roles, deactivating. The console's pages and the command
line call these; nothing else writes users and grants.

`by` is the person who does it. None stands for whoever has a shell on the machine (`safehold people`), who could write
the database by hand anyway; the audit trail says so.
"""

import unicodedata
from collections.abc import Iterable

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from safehold.accounts.changes import person_deactivated
from safehold.accounts.models import ApiKey, RoleGrant, User
from safehold.accounts.roles import Permission, Role, may_grant, permissions_of
from safehold.record.recording import Record, recording

#: The detail of what was done from a shell, where there is no person to name.
AT_THE_SHELL = {"at": "shell"}


class Refused(Exception):
    """It may not be done; the message says why, for the person who asked."""


class _Invitations(PasswordResetTokenGenerator):
    """One-time tokens. A newer invitation, a password or a deactivation ends the older ones; so do three days."""

    key_salt = "safehold.accounts.invitation"

    def _make_hash_value(self, user: User, timestamp: int) -> str:  # type: ignore[override]
        invited = user.invited_at.isoformat() if user.invited_at else ""
        return f"{super()._make_hash_value(user, timestamp)}{invited}{user.is_active}"


invitations = _Invitations()


def add_person(by: User | None, email: str, name: str = "", roles: Iterable[Role] = ()) -> User:
    """Add somebody who can't sign in yet: give them an invitation, or let single sign-on bring them.

    Raises ValidationError for a bad or taken address, Refused for roles that `by` may not give.
    """
    _needs(by, Permission.MANAGE_PEOPLE)
    email = unicodedata.normalize("NFC", email).strip().lower()
    validate_email(email)
    if User.objects.filter(email=email).exists():
        raise ValidationError(f"{email} is here already.")
    with recording() as record:
        user = User.objects.create_user(email, name=name.strip() or email.partition("@")[0])
        # Whoever adds somebody vouches for the address, so single sign-on need not ask for a proof of it again.
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        _say(record, by, "person.added", user)
        for role in roles:
            _grant(record, by, user, Role(role))
    return user


def invite(by: User | None, user: User) -> str:
    """A new one-time token with which `user` sets a password; it ends every earlier one. Refused for yourself."""
    _needs(by, Permission.MANAGE_PEOPLE)
    _not_yourself(by, user, "Change your own password in your profile")
    _not_above(by, user)
    if not user.is_active:
        raise Refused(f"{user} is deactivated: reactivate them first.")
    with recording() as record:
        user.invited_at = timezone.now()
        user.save(update_fields=["invited_at"])
        _say(record, by, "person.invited", user)
    return invitations.make_token(user)


def accept_invitation(user: User, token: str, password: str) -> None:
    """Set the first password (or a new one). Refused if the token is spent; ValidationError for a weak password."""
    validate_password(password, user)
    with recording() as record:
        locked = User.objects.select_for_update().get(pk=user.pk)
        if not invitations.check_token(locked, token):
            raise Refused("This link was used already, or it is too old. Ask for a new one.")
        locked.set_password(password)
        locked.save(update_fields=["password"])
        record.audit("person.joined", "person", user.pk, actor=user.pk)


def grant(by: User | None, user: User, role: Role) -> None:
    """Give a role. Refused if `by` lacks anything that it permits, or is `user`. Giving it again changes nothing."""
    with recording() as record:
        _grant(record, by, user, Role(role))


def _grant(record: Record, by: User | None, user: User, role: Role) -> None:
    _needs(by, Permission.MANAGE_PEOPLE)
    _not_yourself(by, user, "Nobody changes their own roles")
    if by is not None and not may_grant(by.permissions, role.permissions):
        raise Refused(f"Nobody gives what they lack: {role.label} may do things that you may not.")
    if not user.is_active:
        raise Refused(f"{user} is deactivated: reactivate them first.")
    _, new = RoleGrant.objects.get_or_create(user=user, role=role, revoked_at=None, defaults={"granted_by": by})
    _forget(user)
    if new:
        _say(record, by, "role.granted", user, role=role.value)


def revoke(by: User | None, user: User, role: Role) -> None:
    """Take a role. Refused for your own roles, for people above you, and for the last admin."""
    _needs(by, Permission.MANAGE_PEOPLE)
    _not_yourself(by, user, "Nobody changes their own roles")
    _not_above(by, user)
    with recording() as record:
        if role == Role.ADMIN:
            _not_the_last_admin(user)
        revoked = RoleGrant.objects.filter(user=user, role=role, revoked_at=None).update(
            revoked_at=timezone.now(), revoked_by=by
        )
        _forget(user)
        if revoked:
            _say(record, by, "role.revoked", user, role=Role(role).value)


def set_roles(by: User | None, user: User, roles: Iterable[Role]) -> None:
    """Give and take roles until `user` holds exactly these; all of it or nothing."""
    wanted = {Role(role) for role in roles}
    _forget(user)
    held = set(user.roles)
    with recording():
        for role in sorted(wanted - held):
            grant(by, user, role)
        for role in sorted(held - wanted):
            revoke(by, user, role)


def deactivate(by: User | None, user: User) -> None:
    """End what somebody can do here: sessions, keys they made, and (by the desk's listener) what they hold.

    Refused for yourself, for people above you, and for the last admin.
    """
    _needs(by, Permission.MANAGE_PEOPLE)
    _not_yourself(by, user, "Nobody deactivates themselves")
    _not_above(by, user)
    with recording() as record:
        if not User.objects.select_for_update().get(pk=user.pk).is_active:
            return
        _not_the_last_admin(user)
        user.is_active = False
        user.save(update_fields=["is_active"])
        _forget(user)
        end_sessions(user)
        for key in ApiKey.objects.filter(created_by=user, revoked_at=None):
            key.revoked_at, key.revoked_by = timezone.now(), by
            key.save(update_fields=["revoked_at", "revoked_by"])
            record.audit("key.revoked", "key", key.pk, actor=by.pk if by else "", detail={"maker": user.pk})
        person_deactivated.send(sender=User, user=user, by=by)
        _say(record, by, "person.deactivated", user)


def reactivate(by: User | None, user: User) -> None:
    """Let somebody in again, with the roles they had. Keys that were revoked stay revoked."""
    _needs(by, Permission.MANAGE_PEOPLE)
    _not_yourself(by, user, "Nobody reactivates themselves")
    if by is not None and not may_grant(by.permissions, permissions_of(user.roles)):
        raise Refused(f"{user} holds roles that may do things that you may not.")
    with recording() as record:
        if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
            user.is_active = True
            _forget(user)
            _say(record, by, "person.reactivated", user)


def sign_out(by: User | None, user: User) -> None:
    """End somebody's sessions, wherever they are: a laptop was lost. Refused for people above you."""
    _needs(by, Permission.MANAGE_PEOPLE)
    _not_above(by, user)
    with recording() as record:
        _say(record, by, "person.signed_out", user, sessions=end_sessions(user))


def end_sessions(user: User, *, but: str | None = None) -> int:
    """Sign somebody out everywhere, except in the session with key `but`; return how many sessions that ended."""
    sessions = UserSession.objects.filter(user=user).exclude(session_key=but)
    for session in sessions:
        session.end()
    return len(sessions)


def _needs(by: User | None, permission: Permission) -> None:
    if by is not None and not by.may(permission):
        raise Refused(f"You may not {permission.label}.")


def _not_yourself(by: User | None, user: User, message: str) -> None:
    if by is not None and by.pk == user.pk:
        raise Refused(f"{message}: ask another administrator.")


def _not_above(by: User | None, user: User) -> None:
    if by is not None and not may_grant(by.permissions, permissions_of(user.roles)):
        raise Refused(f"{user} may do things that you may not.")


def _not_the_last_admin(user: User) -> None:
    """The guards in the database say the same; this says it in words, and locks so that two can't slip past at once."""
    admins = list(
        RoleGrant.objects.select_for_update(of=("self",))
        .filter(role=Role.ADMIN, revoked_at=None, user__is_active=True)
        .values_list("user_id", flat=True)
    )
    if admins == [user.pk]:
        raise Refused(f"{user} is the last admin: make somebody else one first.")


def _forget(user: User) -> None:
    """Drop what this object remembers of its roles."""
    for name in ("roles", "permissions"):
        user.__dict__.pop(name, None)


def _say(record: Record, by: User | None, verb: str, user: User, **detail: str | int) -> None:
    record.audit(
        verb, "person", user.pk, actor=by.pk if by else "", detail=detail if by else {**detail, **AT_THE_SHELL}
    )
