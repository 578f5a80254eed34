"""What the commands of `safehold lists` share: Django when it is needed, refusals as red lines, a progress bar, files that
are written. `safehold labels` uses them too.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

console = Console(soft_wrap=True)

Name = Annotated[str, typer.Argument(metavar="LIST", help="The list's name, as in `lists.NAME`.")]
Format = Annotated[str, typer.Option("--format", help="plain, csv, json, hosts, stix, misp or threatexchange.")]


def use_django() -> None:
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    django.setup()


def failure(message: object) -> typer.Exit:
    typer.secho(str(message), err=True, fg="red")
    return typer.Exit(1)


def do(function: Any, *arguments: Any, **more: Any) -> Any:
    """Call what may be refused; a refusal is a line of red and exit code 1."""
    from safehold.accounts.people import Refused
    from safehold.desk.imports import BadImport
    from safehold.desk.lists.changing import Busy
    from safehold.desk.lists.declared import NoSuchList
    from safehold.engine import PolicyProblems
    from safehold.engine.lists import BadEntry
    from safehold.engine.lists.formats import FormatError
    from safehold.states import InvalidTransition

    try:
        return function(*arguments, **more)
    except BadImport as error:
        for problem in error.problems:
            typer.secho(str(problem), err=True, fg="red")
        raise failure(f"{error.count:,} rows are wrong; nothing was imported. --skip-bad leaves them out.") from error
    except (Refused, Busy, NoSuchList, PolicyProblems, BadEntry, FormatError, InvalidTransition) as error:
        raise failure(error) from error


def write_out(pieces: Iterable[str], out: Path | None) -> None:
    """Write into a file, and say so; to standard output where there is none."""
    if out is None:
        for piece in pieces:
            sys.stdout.write(piece)
        return
    with out.open("w", encoding="utf-8", newline="") as opened:
        opened.writelines(pieces)
    typer.echo(f"Written to {out}.", err=True)


class Bar:
    """A progress bar on standard error."""

    def __init__(self) -> None:
        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        words = f"{step} {done:,} of {total:,}" if done and total else step
        self._progress.update(self._task, description=words, completed=done, total=total or None)
