"""`safehold policy export | import | sync`: the policies that are in force as files, files as a change, and both with Git."""

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer


def _django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    import django

    django.setup()


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if it isn't there.")],
    replace: Annotated[bool, typer.Option("--replace", help="Write over files that differ.")] = False,
) -> None:
    """Write the policies that are in force, with the event types and lists they need, into a folder.

    A file that is there with another text is not written over without --replace; then nothing is written.

    Example: safehold policy export /tmp/policies
    """
    _django()
    from django.conf import settings

    from safehold.desk.rules.in_force import newest, texts_of

    texts = texts_of(newest())
    other = [path for path, text in texts.items() if (folder / path).exists() and (folder / path).read_text() != text]
    if other and not replace:
        typer.echo(f"these are there and differ: {', '.join(other)}; --replace writes over them", err=True)
        raise typer.Exit(1)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for name in ("events", "lists"):
        if (settings.SAFEHOLD_POLICIES / name).is_dir() and (replace or not (folder / name).exists()):
            shutil.copytree(settings.SAFEHOLD_POLICIES / name, folder / name, dirs_exist_ok=True)
    typer.echo(f"{len(texts)} policies of edition {newest()} are in {folder}")


def import_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of policies.")],
    by: Annotated[str, typer.Option(help="The e-mail address of whoever proposes it.")],
    note: Annotated[str, typer.Option(help="Why, for whoever approves it.")] = "",
    remove: Annotated[
        bool, typer.Option("--remove", help="Also take away policies that the folder doesn't have.")
    ] = False,
) -> None:
    """Propose the policies of a folder as a change, which somebody else approves in the console.

    Example: safehold policy import /tmp/policies --by ada@plaza.example
    """
    _django()
    from safehold.accounts.models import User
    from safehold.desk.rules.changes import ChangeRefused, File, draft, propose
    from safehold.desk.rules.in_force import newest, sha, texts_of
    from safehold.desk.rules.models import Kind
    from safehold.engine import PolicyProblems
    from safehold.engine.policies.bundle import policy_paths

    person = User.objects.filter(email=by.lower(), is_active=True).first()
    if person is None:
        typer.echo(f"nobody with the address {by} works here; `safehold people list` has them", err=True)
        raise typer.Exit(1)
    held = texts_of(newest())
    there = {path: (folder / path).read_text() for path in policy_paths(folder)}
    files = [File(path, text, sha(held.get(path))) for path, text in there.items() if held.get(path) != text]
    files += [File(path, None, sha(text)) for path, text in held.items() if remove and path not in there]
    if not files:
        typer.echo("these are the policies that are in force; nothing to do")
        return
    try:
        change = draft(person, files, title=f"Import of {len(files)} files", note=note, kind=Kind.IMPORT)
        change = propose(person, change.pk)
    except (ChangeRefused, PolicyProblems) as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(1) from None
    said = "is in force" if change.state == "applied" else "waits for somebody else's approval"
    typer.echo(f"{change.pk} {said}: /policies/changes/{change.pk}/")


def sync() -> None:
    """Bring the policies and the branch of SAFEHOLD_GIT_REMOTE together, now.

    Example: SAFEHOLD_GIT_REMOTE=git@code.example:policies.git safehold policy sync
    """
    _django()
    from safehold.desk.rules.rounds import round_now

    done, wrong = round_now()
    if done is None:
        typer.echo(wrong, err=True)
        raise typer.Exit(1)
    if done.change:
        typer.echo(
            f"came: {done.change} {'is in force' if done.in_force else 'waits: /policies/changes/' + done.change + '/'}"
        )
    if done.problems:
        typer.echo(f"it can't be proposed as it is: {done.problems}", err=True)
    if done.pushed:
        typer.echo(f"went: {done.pushed} commit{'s' if done.pushed != 1 else ''}")
    for path in done.conflicts:
        typer.echo(f"changed on both sides, compare: {path}", err=True)
    if not (done.change or done.pushed or done.conflicts):
        typer.echo("nothing to do")
    if done.conflicts or done.problems:
        raise typer.Exit(1)
