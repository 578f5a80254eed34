"""`safehold people` and `safehold keys`: what somebody with a shell does, and that the record says so."""

import pytest
from django.test import Client
from typer.testing import CliRunner

from safehold.accounts.models import ApiKey, User
from safehold.accounts.roles import Role
from safehold.cli import app
from safehold.record.models import AuditEvent

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


def run(*words: str, code: int = 0) -> tuple[str, str]:
    """What a command prints on standard output and on standard error."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code == code, result.output
    return result.stdout.strip(), result.stderr.strip()


def test_the_first_admin_is_added_at_the_shell_and_comes_in_by_the_link(client: Client) -> None:
    link, said = run("people", "add", "Ada@example.org", "--role", "admin", "--name", "Ada")
    assert "Admin" in said
    address = "/" + link.split("/", 3)[3]
    assert client.post(address, {"password": PASSWORD, "again": PASSWORD})["Location"] == "/account/login/"
    client.post("/account/login/", {"login": "ada@example.org", "password": PASSWORD})
    assert client.get("/people/").status_code == 200
    assert AuditEvent.objects.get(verb="person.added").detail == {"at": "shell"}


def test_everybody_is_listed_with_their_roles() -> None:
    run("people", "add", "ada@example.org", "--role", "admin")
    run("people", "add", "mira@example.org", "--role", "moderator", "--role", "auditor")
    shown, _ = run("people", "list")
    assert "ada@example.org" in shown and "Auditor" in shown


def test_roles_are_given_and_taken_and_the_last_admin_keeps_theirs() -> None:
    run("people", "add", "ada@example.org", "--role", "admin")
    run("people", "add", "mira@example.org")
    run("people", "grant", "mira@example.org", "senior-moderator")
    assert User.objects.get(email="mira@example.org").roles == [Role.SENIOR_MODERATOR]
    run("people", "revoke", "mira@example.org", "senior_moderator")
    assert User.objects.get(email="mira@example.org").roles == []
    _, said = run("people", "revoke", "ada@example.org", "admin", code=1)
    assert "last admin" in said
    _, said = run("people", "deactivate", "ada@example.org", code=1)
    assert "last admin" in said


def test_somebody_is_deactivated_invited_anew_and_reactivated() -> None:
    run("people", "add", "mira@example.org")
    run("people", "deactivate", "mira@example.org")
    assert "mira@example.org" not in run("people", "list")[0]
    assert "deactivated" in run("people", "list", "--all")[0]
    _, said = run("people", "invite", "mira@example.org", code=1)
    assert "reactivate" in said
    run("people", "reactivate", "mira@example.org")
    assert run("people", "invite", "mira@example.org")[0].startswith("http")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("people", "add", "nobody"), "valid email address"),
        (("people", "grant", "nobody@example.org", "admin"), "Nobody here has the address"),
        (("keys", "create", " ", "--scope", "events:write"), "needs a name"),
        (("keys", "revoke", "key_nope"), "No usable keys"),
    ],
)
def test_what_cannot_be_done_says_why(words: tuple[str, ...], said: str) -> None:
    assert said in run(*words, code=1)[1]


def test_a_role_or_scope_that_is_none_is_named_with_those_there_are() -> None:
    assert "senior_moderator" in run("people", "add", "a@example.org", "--role", "boss", code=2)[1]
    assert "events:write" in run("keys", "create", "x", "--scope", "everything", code=2)[1]
    assert not User.objects.exists()


def test_a_key_is_made_listed_and_revoked() -> None:
    secret, said = run("keys", "create", "forum", "--scope", "events:write,decisions:read", "--days", "30")
    key = ApiKey.objects.get(digest=ApiKey.digest_of(secret))
    assert key.scopes == ["decisions:read", "events:write"] and key.expires_at is not None and key.pk in said
    assert key.start in run("keys", "list")[0] and secret not in run("keys", "list")[0]
    run("keys", "revoke", "forum")
    key.refresh_from_db()
    assert not key.usable
    assert AuditEvent.objects.get(verb="key.revoked").detail == {"at": "shell"}
