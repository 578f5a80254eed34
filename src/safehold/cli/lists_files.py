"""`safehold lists import | export | diff | revert | resume`: files in and out, and what an import did taken back."""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.lists_shell import Bar, Format, Name, do, failure, use_django, write_out

if TYPE_CHECKING:
    from safehold.desk.lists.models import Revision
    from safehold.engine.lists.formats import Row


def import_file(
    name: Name,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What to import.")],
    format: Format = "",
    source: Annotated[str, typer.Option(help="The feed: rows that name no source are from it.")] = "",
    licence: Annotated[str, typer.Option(help="Under which licence it may be used.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Retire what this source listed before.")] = False,
    column: Annotated[list[str], typer.Option(help="For CSV: value=domain says which column is what.")] = [],  # noqa: B006
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave wrong rows out instead of refusing all.")] = False,
    propose: Annotated[
        bool, typer.Option("--propose", help="Only stage it; somebody approves it in the console.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask after the preview.")] = False,
) -> None:
    """Import a file: a preview first, then all of it takes effect in one moment. `safehold lists revert` takes it back.

    After a crash the same command goes on: what had been written is finished first, what was half read is read again.

    Example: safehold lists import phishing feed.csv --source https://feed.example --replace
    """
    use_django()
    from safehold.desk.lists import importing
    from safehold.engine.lists.formats import FORMATS, format_of

    mode = "replace" if replace else "add"
    if _finished(name, file, mode):
        return
    with file.open("rb") as opened:
        chosen = format or do(format_of, file.name, opened.read(4096))
        opened.seek(0)
        if chosen not in FORMATS:
            raise typer.BadParameter(f"there are {', '.join(FORMATS)}", param_hint="--format")
        with Bar() as bar:
            revision = do(
                importing.stage, None, name, opened, chosen, filename=file.name, source=source, licence=licence,
                mode=mode, columns=dict(part.partition("=")[::2] for part in column),
                skip_bad=skip_bad, progress=bar,
            )  # fmt: skip
    _print_preview(revision)
    if propose:
        typer.echo(f"{revision.pk} waits in the console for somebody's approval.")
        return
    if not yes and sys.stdin.isatty() and not _confirmed():
        importing.discard(None, revision.pk)
        raise typer.Exit(1)
    with Bar() as bar:
        applied = do(importing.apply, None, revision.pk, progress=bar)
    typer.echo(f"{name} is at version {applied.number}-{applied.digest[:8]}; {applied.pk} is this import.")


def _finished(name: str, file: Path, mode: str) -> bool:
    """Finish what was interrupted in this list; whether that was the import of this very file."""
    from safehold.desk.lists import importing

    with Bar() as bar:
        done = do(importing.resume, None, name, progress=bar)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest() if done else ""
    for revision in done:
        version = f"{revision.number}-{revision.digest[:8]}"
        typer.echo(
            f"{revision.pk} ({revision.filename}) was interrupted and is finished: {name} is at version {version}."
        )
    return any((revision.file_digest, revision.mode) == (digest, mode) for revision in done)


def _confirmed() -> bool:
    try:
        return typer.confirm("Apply it?")
    except typer.Abort:
        return False


def _print_preview(revision: "Revision") -> None:
    words = ("added", "changed", "retired", "unchanged", "disputed", "skipped", "bad")
    counts = [f"{revision.counts[word]:,} {word}" for word in words if revision.counts.get(word)]
    typer.echo(f"{revision.counts['rows']:,} rows: {', '.join(counts) or 'nothing to do'}", err=True)


def export(
    name: Name,
    format: Annotated[str, typer.Option("--format", help="plain, csv, json, hosts or stix.")] = "csv",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file; standard output if left out.")] = None,
) -> None:
    """Write the entries in effect, files and database, in a format that others read.

    Example: safehold lists export phishing --format stix -o phishing.stix
    """
    use_django()
    from safehold.desk.lists.declared import declared
    from safehold.desk.lists.exporting import about, rows
    from safehold.engine.lists.formats import write

    held = do(declared, name)
    pieces: Iterable[str] = do(write, format, about(held), rows(held))
    write_out(pieces, out)


def diff(
    before: Annotated[str, typer.Argument(help="A file, or a managed list.")],
    after: Annotated[str, typer.Argument(help="A file, or a managed list.")],
    kind: Annotated[str, typer.Option(help="Which kind of entries two files have.")] = "exact",
    format: Format = "",
) -> None:
    """What was added (+), removed (-) and changed (~) between two files, or a list and a file. Exit code 1: something was.

    Example: safehold lists diff phishing feed.csv
    """
    from safehold.engine.lists.difference import difference

    known: dict[str, str] = {"kind": kind}
    sides = [side if Path(side).is_file() else _side_of_list(side, known) for side in (before, after)]
    rows = [list(_side(side, known["kind"], format)) if isinstance(side, str) else side for side in sides]
    found = 0
    for change in difference(*rows):
        found += 1
        sign = {"added": "+", "removed": "-", "changed": "~"}[change.act]
        typer.echo(f"{sign} {change.value}" + (f"  ({', '.join(change.fields)})" if change.fields else ""))
    typer.echo(f"{found:,} differences", err=True)
    raise typer.Exit(1 if found else 0)


def _side_of_list(name: str, known: dict[str, str]) -> "list[Row]":
    use_django()
    from safehold.desk.lists.declared import declared
    from safehold.desk.lists.exporting import rows

    held = do(declared, name)
    known["kind"] = held.kind
    return list(rows(held))


def _side(path: str, kind: str, format: str) -> "Iterator[Row]":
    from safehold.engine.lists.formats import Row, format_of, read
    from safehold.engine.lists.formats.rows import fitted

    with Path(path).open("rb") as opened:
        chosen = format or do(format_of, path, opened.read(4096))
        opened.seek(0)
        for row in do(list, read(chosen, opened)):
            found = fitted(row, kind, False)
            if isinstance(found, Row):
                yield found
            elif not found.skipped:
                typer.secho(f"{path}: {found}", err=True, fg="yellow")


def revert(
    revision: Annotated[str, typer.Argument(help="Its id (lrv_...), as `safehold lists history` shows it.")],
) -> None:
    """Take back all that one import or change did; what was changed again since is left as it is.

    Example: safehold lists revert lrv_01kb2x...
    """
    use_django()
    from safehold.desk.lists import importing
    from safehold.desk.lists.models import Revision

    if not Revision.objects.filter(pk=revision).exists():
        raise failure(f"There is no revision {revision}. `safehold lists history LIST` shows them.")
    with Bar() as bar:
        undone = do(importing.revert, None, revision, progress=bar)
    kept = f"; {undone.counts['kept']:,} were changed since and stay" if undone.counts.get("kept") else ""
    typer.echo(f"Taken back, as version {undone.number}-{undone.digest[:8]}{kept}.")


def resume() -> None:
    """Go on with imports and reverts that were interrupted.

    Example: safehold lists resume
    """
    use_django()
    from safehold.desk.lists import importing

    with Bar() as bar:
        done = do(importing.resume, None, progress=bar)
    typer.echo(f"{len(done)} gone on with." if done else "Nothing was interrupted.")
