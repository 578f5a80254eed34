"""`safehold lists`: what is on them, entries in and out, imports, exports and differences. It calls the same functions as the
console's pages; the record says that it was done at the shell, where entries take effect at once.
"""

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

if TYPE_CHECKING:
    from safehold.desk.lists.models import Revision
    from safehold.engine.lists.formats import Row

app = typer.Typer(no_args_is_help=True, help="Lists: look, add, import, export, compare, take back.")
console = Console(soft_wrap=True)

Name = Annotated[str, typer.Argument(metavar="LIST", help="The list's name, as in `lists.NAME`.")]
Format = Annotated[str, typer.Option("--format", help="plain, csv, json, hosts, stix, misp or threatexchange.")]


def _django() -> None:
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    django.setup()


def _fail(message: object) -> typer.Exit:
    typer.secho(str(message), err=True, fg="red")
    return typer.Exit(1)


def _do(function: Any, *arguments: Any, **more: Any) -> Any:
    """Call what may be refused; a refusal is a line of red and exit code 1."""
    from safehold.accounts.people import Refused
    from safehold.desk.lists.changing import Busy
    from safehold.desk.lists.declared import NoSuchList
    from safehold.desk.lists.importing import BadImport
    from safehold.engine import PolicyProblems
    from safehold.engine.lists import BadEntry
    from safehold.engine.lists.formats import FormatError
    from safehold.states import InvalidTransition

    try:
        return function(*arguments, **more)
    except BadImport as error:
        for problem in error.problems:
            typer.secho(str(problem), err=True, fg="red")
        raise _fail(f"{error.count:,} rows are wrong; nothing was imported. --skip-bad leaves them out.") from error
    except (Refused, Busy, NoSuchList, PolicyProblems, BadEntry, FormatError, InvalidTransition) as error:
        raise _fail(error) from error


@app.command("list")
def list_lists() -> None:
    """Every list, with its kind, how many entries are in effect, and its last change.

    Example: safehold lists list
    """
    _django()
    from safehold.desk.lists.declared import all_lists
    from safehold.desk.lists.models import Entry, Head, Revision

    heads = Head.objects.in_bulk()
    table = Table("List", "Kind", "Entries", "Kept in", "Version", "Last change", box=None, pad_edge=False)
    for name, held in sorted(_do(all_lists).items()):
        count = len(held.seeds) + (Entry.objects.filter(list=name, state="active").count() if held.managed else 0)
        last = Revision.objects.filter(list=name, state="applied").order_by("-number").first()
        table.add_row(
            name, held.kind, f"{count:,}", "files and database" if held.managed else "files",
            heads[name].version if name in heads else "",
            f"{last.applied_at:%Y-%m-%d %H:%M}" if last and last.applied_at else "[dim]never[/]",
        )  # fmt: skip
    console.print(table)


@app.command()
def show(
    name: Name,
    state: Annotated[str, typer.Option(help="Only entries in this state: proposed, active, disputed, retired.")] = "",
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 50,
) -> None:
    """The newest entries of a managed list, with where they come from.

    Example: safehold lists show phishing --state proposed
    """
    _django()
    from safehold.desk.lists.declared import managed
    from safehold.desk.lists.models import Entry

    held = _do(managed, name)
    found = Entry.objects.filter(list=held.name).order_by("-id")
    table = Table("Id", "Value", "State", "Source", "Added", "Ends", "Note", box=None, pad_edge=False)
    for entry in (found.filter(state=state) if state else found)[:limit]:
        table.add_row(
            str(entry.pk), f"{'! ' if entry.allow else ''}{entry.value}", entry.state, entry.source,
            f"{entry.added_at:%Y-%m-%d}", f"{entry.expires_at:%Y-%m-%d}" if entry.expires_at else "", entry.note,
        )  # fmt: skip
    console.print(table)


@app.command()
def lookup(name: Name, item: Annotated[str, typer.Argument(help="What a rule would ask for.")]) -> None:
    """Say whether something is in a list now, by which entry, and where that comes from. Exit code 1: it is not.

    Example: safehold lists lookup phishing login.evil.example
    """
    _django()
    from safehold.desk.lists import feed
    from safehold.desk.lists.declared import declared
    from safehold.engine.lists import Layer, PolicyList, make_table

    held = _do(declared, name)
    if held.managed:
        number, version = feed.versions().get(held.name, (0, "0"))
        held = PolicyList(held.name, held.seeds, managed=True, source=held.source)
        held.put((Layer(make_table(held.kind, feed.active(held.name, number), fold=held.fold)),), version)
    match = held.match(item, int(datetime.now(UTC).timestamp() * 1e9))
    if match is None:
        typer.echo(f"{item} is not in {name}.")
        raise typer.Exit(1)
    words = [f"{item} is in {name}: {match.entry}"]
    words += [f"from {match.source}"] if match.source else []
    words += [f"added {match.added_at:%Y-%m-%d %H:%M}"] if match.added_at else []
    words += [f"until {match.expires_at:%Y-%m-%d %H:%M}"] if match.expires_at else []
    typer.echo(", ".join(words))


@app.command()
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
    _django()
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
    entry = _do(add_entry, None, name, value, known)
    typer.echo(f"{entry.value} is on {name} now (entry {entry.pk}).")


@app.command()
def remove(name: Name, value: Annotated[str, typer.Argument(help="The entry.")]) -> None:
    """Retire an entry. What it was and who listed it stays in the record.

    Example: safehold lists remove phishing evil.example
    """
    _move(name, value, "retired")


@app.command()
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
    _django()
    from safehold.desk.lists.changing import move_entry
    from safehold.desk.lists.declared import managed
    from safehold.desk.lists.models import Entry
    from safehold.engine.lists import normal

    held = _do(managed, name)
    entry = Entry.objects.filter(list=held.name, value=_do(normal, held.kind, value, held.fold)).first()
    if entry is None:
        raise _fail(f"{value} is not an entry of {name}. `safehold lists lookup` says what it matches.")
    moved = _do(move_entry, None, entry.pk, activity, note)
    typer.echo(f"{moved.value} is {moved.state} now.")


@app.command("import")
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

    Example: safehold lists import phishing feed.csv --source https://feed.example --replace
    """
    _django()
    from safehold.desk.lists import importing
    from safehold.engine.lists.formats import FORMATS, format_of

    with file.open("rb") as opened:
        chosen = format or _do(format_of, file.name, opened.read(4096))
        opened.seek(0)
        if chosen not in FORMATS:
            raise typer.BadParameter(f"there are {', '.join(FORMATS)}", param_hint="--format")
        with _bar() as bar:
            revision = _do(
                importing.stage, None, name, opened, chosen, filename=file.name, source=source, licence=licence,
                mode="replace" if replace else "add", columns=dict(part.partition("=")[::2] for part in column),
                skip_bad=skip_bad, progress=bar,
            )  # fmt: skip
    _print_preview(revision)
    if propose:
        typer.echo(f"{revision.pk} waits in the console for somebody's approval.")
        return
    if not yes and sys.stdin.isatty() and not typer.confirm("Apply it?"):
        importing.discard(None, revision.pk)
        raise typer.Exit(1)
    with _bar() as bar:
        applied = _do(importing.apply, None, revision.pk, progress=bar)
    typer.echo(f"{name} is at version {applied.number}-{applied.digest[:8]}; {applied.pk} is this import.")


def _print_preview(revision: "Revision") -> None:
    words = ("added", "changed", "retired", "unchanged", "disputed", "skipped", "bad")
    counts = [f"{revision.counts[word]:,} {word}" for word in words if revision.counts.get(word)]
    typer.echo(f"{revision.counts['rows']:,} rows: {', '.join(counts) or 'nothing to do'}", err=True)


class _bar:
    """A progress bar on standard error."""

    def __init__(self) -> None:
        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> "_bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        words = f"{step} {done:,}" if done else step
        self._progress.update(self._task, description=words, completed=done, total=total or None)


@app.command()
def export(
    name: Name,
    format: Annotated[str, typer.Option("--format", help="plain, csv, json, hosts or stix.")] = "csv",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file; standard output if left out.")] = None,
) -> None:
    """Write the entries in effect, files and database, in a format that others read.

    Example: safehold lists export phishing --format stix -o phishing.stix
    """
    _django()
    from safehold.desk.lists.declared import declared
    from safehold.desk.lists.exporting import about, rows
    from safehold.engine.lists.formats import write

    held = _do(declared, name)
    pieces: Iterable[str] = _do(write, format, about(held), rows(held))
    if out is None:
        for piece in pieces:
            sys.stdout.write(piece)
        return
    with out.open("w", encoding="utf-8", newline="") as opened:
        opened.writelines(pieces)
    typer.echo(f"Written to {out}.", err=True)


@app.command()
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
    _django()
    from safehold.desk.lists.declared import declared
    from safehold.desk.lists.exporting import rows

    held = _do(declared, name)
    known["kind"] = held.kind
    return list(rows(held))


def _side(path: str, kind: str, format: str) -> "Iterator[Row]":
    from safehold.engine.lists.formats import Row, format_of, read
    from safehold.engine.lists.formats.rows import fitted

    with Path(path).open("rb") as opened:
        chosen = format or _do(format_of, path, opened.read(4096))
        opened.seek(0)
        for row in _do(list, read(chosen, opened)):
            found = fitted(row, kind, False)
            if isinstance(found, Row):
                yield found
            elif not found.skipped:
                typer.secho(f"{path}: {found}", err=True, fg="yellow")


@app.command()
def revert(
    revision: Annotated[str, typer.Argument(help="Its id (lrv_...), as `safehold lists history` shows it.")],
) -> None:
    """Take back all that one import or change did; what was changed again since is left as it is.

    Example: safehold lists revert lrv_01kb2x...
    """
    _django()
    from safehold.desk.lists import importing
    from safehold.desk.lists.models import Revision

    if not Revision.objects.filter(pk=revision).exists():
        raise _fail(f"There is no revision {revision}. `safehold lists history LIST` shows them.")
    with _bar() as bar:
        undone = _do(importing.revert, None, revision, progress=bar)
    kept = f"; {undone.counts['kept']:,} were changed since and stay" if undone.counts.get("kept") else ""
    typer.echo(f"Taken back, as version {undone.number}-{undone.digest[:8]}{kept}.")


@app.command()
def history(name: Name, limit: Annotated[int, typer.Option(min=1)] = 30) -> None:
    """The revisions of a managed list, the newest first.

    Example: safehold lists history phishing
    """
    _django()
    from safehold.desk.lists.declared import managed
    from safehold.desk.lists.models import Revision

    held = _do(managed, name)
    table = Table(
        Column("Id", no_wrap=True, min_width=30),
        "Version",
        "What",
        "State",
        "When",
        "By",
        "Counts",
        box=None,
        pad_edge=False,
    )
    for revision in Revision.objects.filter(list=held.name).select_related("by").order_by("-at")[:limit]:
        counts = ", ".join(f"{count} {word}" for word, count in revision.counts.items() if count and word != "last")
        table.add_row(
            revision.pk, str(revision.number or ""), revision.get_act_display(), revision.state,
            f"{revision.at:%Y-%m-%d %H:%M}", str(revision.by or "shell"), counts,
        )  # fmt: skip
    console.print(table)


@app.command()
def resume() -> None:
    """Go on with imports and reverts that were interrupted.

    Example: safehold lists resume
    """
    _django()
    from safehold.desk.lists import importing

    with _bar() as bar:
        done = _do(importing.resume, None, progress=bar)
    typer.echo(f"{len(done)} gone on with." if done else "Nothing was interrupted.")
