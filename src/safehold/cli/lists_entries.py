"""`safehold lists add | remove | review`: one entry of a managed list in, out, or moved on."""

from typing import Annotated

import typer

from safehold.cli.lists_shell import Name, do, failure, use_django


def add(
    name: Name,
    value: Annotated[str, typer.Argument(help="The entry.")],
    source: Annotated[str, typer.Option(help="Where it comes from.")] = "",
    reference: Annotated[str, typer.Option(help="A URL or a ticket.")] = "",
    note: Annotated[str, typer.Option(help="For people.")] = "",
    confidence: Annotated[int | None, typer.Option(min=0, max=100)] = None,
    expires: Annotated[str, typer.Option(help="When it ends: 2026-12-31, or with a time.")] = "",
    allow: Annotated[bool, typer.Option("--allow", help="An exception: what it matches is not in the list.")] = False,
) -> None:
    """Put an entry onto a managed list, in effect at once.

    Example: safehold lists add phishing evil.example --source "ticket 4711" --expires 2026-12-31
    """
    use_django()
    from safehold.desk.lists.changing import add_entry
    from safehold.engine.lists.formats.rows import moment

    try:
        ends = moment(expires)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--expires") from error
    known = {
        "source": source, "reference": reference, "note": note, "confidence": confidence, "expires_at": ends,
        "allow": allow,
    }  # fmt: skip
    entry = do(add_entry, None, name, value, known)
    typer.echo(f"{entry.value} is on {name} now (entry {entry.pk}).")


def remove(name: Name, value: Annotated[str, typer.Argument(help="The entry.")]) -> None:
    """Retire an entry. What it was and who listed it stays in the record.

    Example: safehold lists remove phishing evil.example
    """
    _move(name, value, "retired")


def review(
    name: Name,
    value: Annotated[str, typer.Argument(help="The entry.")],
    activity: Annotated[str, typer.Argument(help="approve, dispute, reinstate or retire.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Approve a proposed entry, dispute an active one, reinstate a disputed one, or retire any.

    Example: safehold lists review phishing evil.example approve
    """
    known = {"approve": "approved", "dispute": "disputed", "reinstate": "reinstated", "retire": "retired"}
    if activity not in known:
        raise typer.BadParameter(f"there are {', '.join(known)}", param_hint="ACTIVITY")
    _move(name, value, known[activity], note)


def _move(name: str, value: str, activity: str, note: str = "") -> None:
    use_django()
    from safehold.desk.lists.changing import move_entry
    from safehold.desk.lists.declared import managed
    from safehold.desk.lists.models import Entry
    from safehold.engine.lists import normal

    held = do(managed, name)
    entry = Entry.objects.filter(list=held.name, value=do(normal, held.kind, value, held.fold)).first()
    if entry is None:
        raise failure(f"{value} is not an entry of {name}. `safehold lists lookup` says what it matches.")
    moved = do(move_entry, None, entry.pk, activity, note)
    typer.echo(f"{moved.value} is {moved.state} now.")
