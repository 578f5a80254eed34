"""API keys: made with a secret that is shown once, with scopes that their maker has too, until they expire or are
revoked. The console and `safehold keys` call this; the gateway only reads the table.
"""

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from safehold.accounts.models import ApiKey, User
from safehold.accounts.people import AT_THE_SHELL, Refused
from safehold.accounts.roles import Permission, Scope, may_grant
from safehold.record.recording import recording

#: How much of a secret is kept to tell keys apart: `sh_` and 5 of its 52 characters (25 of 256 bits).
START = 8


def create_key(
    by: User | None, name: str, scopes: Iterable[Scope], *, service: str, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which is not kept. `by` is None at the shell.

    Raises Refused if `by` lacks what a scope permits, and ValueError for no scope, no name or an end in the past.
    """
    scopes = sorted({Scope(scope) for scope in scopes})
    if not name.strip():
        raise ValueError("A key needs a name: what uses it?")
    if not scopes:
        raise ValueError("A key needs at least one scope, or it can do nothing.")
    if expires_at is not None and expires_at <= timezone.now():
        raise ValueError("The key would have expired already: give a day to come.")
    if by is not None and not may_grant(
        by.permissions, {Permission.MANAGE_KEYS, *(scope.permission for scope in scopes)}
    ):
        raise Refused("Nobody gives a key what they lack themselves.")
    secret = ApiKey.new_secret()
    with recording() as record:
        key = ApiKey.objects.create(
            service=service,
            name=name.strip(),
            start=secret[:START],
            digest=ApiKey.digest_of(secret),
            scopes=[scope.value for scope in scopes],
            created_by=by,
            expires_at=expires_at,
        )
        detail = {"name": key.name, "scopes": key.scopes, **({} if by else AT_THE_SHELL)}
        record.audit("key.created", "key", key.pk, actor=by.pk if by else "", detail=detail)
    return key, secret


def revoke_key(by: User | None, key: ApiKey) -> None:
    """End a key, at once and for ever: the gateway refuses it at the next request. Raises Refused."""
    if by is not None and not by.may(Permission.MANAGE_KEYS):
        raise Refused(f"You may not {Permission.MANAGE_KEYS.label}.")
    with recording() as record:
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now(), revoked_by=by):
            key.refresh_from_db()
            record.audit("key.revoked", "key", key.pk, actor=by.pk if by else "", detail={} if by else AT_THE_SHELL)
