"""`safehold people` and `safehold keys`: who may come in, and what programs may do. They call the same functions as the
console's pages; the record says that it was done at the shell.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from safehold.accounts.models import User
    from safehold.accounts.roles import Role

people = typer.Typer(no_args_is_help=True, help="The people who work here, and their roles.")
keys = typer.Typer(no_args_is_help=True, help="API keys: what programs may do.")
console = Console()


def _django() -> None:
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    django.setup()


def _fail(message: object) -> typer.Exit:
    typer.secho(str(message), err=True, fg="red")
    return typer.Exit(1)


def _roles(names: list[str]) -> "list[Role]":
    from safehold.accounts.roles import Role

    known = {role.value: role for role in Role}
    unknown = [name for name in names if name.replace("-", "_") not in known]
    if unknown:
        raise typer.BadParameter(f"no role {', '.join(unknown)}; there are {', '.join(known)}", param_hint="--role")
    return [known[name.replace("-", "_")] for name in names]


def _find(email: str) -> "User":
    from safehold.accounts.models import User

    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise _fail(f"Nobody here has the address {email}. `safehold people list` shows who is here.")
    return user


@people.command()
def add(
    email: Annotated[str, typer.Argument(help="Their e-mail address; they sign in with it.")],
    role: Annotated[list[str], typer.Option(help="A role to give; repeat it for several.")] = [],  # noqa: B006
    name: Annotated[str, typer.Option(help="How pages call them; the address's first part if left out.")] = "",
) -> None:
    """Add somebody and print a link, good once and for three days, with which they set a password.

    Example: safehold people add ada@example.org --role admin --name "Ada Lovelace"
    """
    _django()
    from django.core.exceptions import ValidationError

    from safehold.accounts.people import add_person

    try:
        user = add_person(None, email, name, _roles(role))
    except ValidationError as error:
        raise _fail("; ".join(error.messages)) from error
    _print_link(user)


@people.command()
def invite(email: Annotated[str, typer.Argument(help="Whose.")]) -> None:
    """Print a new link with which somebody sets a new password; an earlier link stops working."""
    _django()
    _print_link(_find(email))


def _print_link(user: "User") -> None:
    from django.conf import settings
    from django.urls import reverse

    from safehold.accounts import people as rules

    try:
        token = rules.invite(None, user)
    except rules.Refused as error:
        raise _fail(error) from error
    typer.echo(f"{user.email}: {', '.join(role.label for role in user.roles) or 'no role yet'}", err=True)
    typer.echo("This link sets their password. It works once, for three days, and is not shown again:", err=True)
    typer.echo(settings.PUBLIC_URL + reverse("welcome", args=[user.pk, token]))


@people.command("list")
def list_people(
    everybody: Annotated[bool, typer.Option("--all", help="Deactivated people too.")] = False,
) -> None:
    """Who is here, with their roles."""
    _django()
    from safehold.accounts.models import User

    table = Table("E-mail", "Name", "Roles", "Since", "Last sign-in", box=None, pad_edge=False)
    for user in User.objects.order_by("email") if everybody else User.objects.filter(is_active=True).order_by("email"):
        table.add_row(
            user.email if user.is_active else f"[dim]{user.email} (deactivated)[/]",
            user.name,
            ", ".join(role.label for role in user.roles) or "[dim]none[/]",
            f"{user.joined_at:%Y-%m-%d}",
            f"{user.last_login:%Y-%m-%d %H:%M}" if user.last_login else "[dim]never[/]",
        )
    console.print(table)


def _change(email: str, act: str, said: str, *arguments: object) -> None:
    _django()
    from safehold.accounts import people as rules

    user = _find(email)
    try:
        getattr(rules, act)(None, user, *arguments)
    except rules.Refused as error:
        raise _fail(error) from error
    typer.echo(said.format(user.email))


@people.command()
def grant(email: str, role: str) -> None:
    """Give somebody a role."""
    (given,) = _roles([role])
    _change(email, "grant", f"{{}} is {given.label} now.", given)


@people.command()
def revoke(email: str, role: str) -> None:
    """Take a role from somebody. The last admin keeps theirs."""
    (taken,) = _roles([role])
    _change(email, "revoke", f"{{}} is {taken.label} no longer.", taken)


@people.command()
def deactivate(email: str) -> None:
    """End what somebody can do here: sessions, keys they made, tasks they hold."""
    _change(email, "deactivate", "{} is deactivated.")


@people.command()
def reactivate(email: str) -> None:
    """Let somebody in again, with the roles they had."""
    _change(email, "reactivate", "{} can sign in again.")


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What uses it.")],
    scope: Annotated[list[str], typer.Option("--scope", "--scopes", help="What it may do; repeat it or use commas.")],
    days: Annotated[int | None, typer.Option(help="It ends after so many days; without it, never.", min=1)] = None,
    service: Annotated[str, typer.Option(help="The service it belongs to; SAFEHOLD_SERVICE if left out.")] = "",
) -> None:
    """Make a key and print its secret, which is not kept anywhere.

    Example: safehold keys create "forum server" --scope events:write --days 365
    """
    _django()
    from django.conf import settings
    from django.utils import timezone

    from safehold.accounts.keys import create_key
    from safehold.accounts.roles import Scope

    wanted = [part.strip() for given in scope for part in given.split(",") if part.strip()]
    if unknown := [part for part in wanted if part not in set(Scope)]:
        raise typer.BadParameter(f"no scope {', '.join(unknown)}; there are {', '.join(Scope)}", param_hint="--scope")
    expires = timezone.now() + timedelta(days=days) if days else None
    try:
        scopes = [Scope(part) for part in wanted]
        key, secret = create_key(None, name, scopes, service=service or settings.SAFEHOLD_SERVICE, expires_at=expires)
    except ValueError as error:
        raise _fail(error) from error
    typer.echo(
        f"{key.id} may {', '.join(key.scopes)} for {key.service}. This is the only time its secret is shown:", err=True
    )
    typer.echo(secret)


@keys.command("list")
def list_keys() -> None:
    """Every key, newest first, without its secret."""
    _django()
    from safehold.accounts.models import ApiKey

    table = Table("Id", "Name", "Starts with", "Scopes", "State", "Last used", box=None, pad_edge=False)
    for key in ApiKey.objects.order_by("-id"):
        state = "revoked" if key.revoked_at else "active" if key.usable else "expired"
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        table.add_row(key.id, key.name, f"{key.start}…", ", ".join(key.scopes), state, used)
    console.print(table)


@keys.command("revoke")
def revoke_key(key: Annotated[str, typer.Argument(help="Its id (key_...), or its name if only one has it.")]) -> None:
    """End a key, at once and for ever."""
    _django()
    from django.db.models import Q

    from safehold.accounts import keys as rules
    from safehold.accounts.models import ApiKey

    found = list(ApiKey.objects.filter(Q(pk=key) | Q(name=key), revoked_at=None))
    if len(found) != 1:
        raise _fail(f"{len(found) or 'No'} usable keys are called {key}. `safehold keys list` shows their ids.")
    rules.revoke_key(None, found[0])
    typer.echo(f"{found[0].name} ({found[0].id}) is revoked.")
