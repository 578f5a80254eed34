"""`safehold lists`: what is on them, entries in and out, imports, exports and differences. It calls the same functions as the
console's pages; the record says that it was done at the shell, where entries take effect at once.
"""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Column, Table

from safehold.cli.lists_entries import add, remove, review
from safehold.cli.lists_files import diff, export, import_file, resume, revert
from safehold.cli.lists_shell import Name, console, do, use_django

app = typer.Typer(no_args_is_help=True, help="Lists: look, add, import, export, compare, take back.")


def list_lists() -> None:
    """Every list, with its kind, how many entries are in effect, and its last change.

    Example: safehold lists list
    """
    use_django()
    from safehold.desk.lists.declared import all_lists
    from safehold.desk.lists.models import Entry, Head, Revision

    heads = Head.objects.in_bulk()
    table = Table("List", "Kind", "Entries", "Kept in", "Version", "Last change", box=None, pad_edge=False)
    for name, held in sorted(do(all_lists).items()):
        count = len(held.seeds) + (Entry.objects.filter(list=name, state="active").count() if held.managed else 0)
        last = Revision.objects.filter(list=name, state="applied").order_by("-number").first()
        table.add_row(
            name, held.kind, f"{count:,}", "files and database" if held.managed else "files",
            heads[name].version if name in heads else "",
            f"{last.applied_at:%Y-%m-%d %H:%M}" if last and last.applied_at else "[dim]never[/]",
        )  # fmt: skip
    console.print(table)


def show(
    name: Name,
    state: Annotated[str, typer.Option(help="Only entries in this state: proposed, active, disputed, retired.")] = "",
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 50,
) -> None:
    """The newest entries of a managed list, with where they come from.

    Example: safehold lists show phishing --state proposed
    """
    use_django()
    from safehold.desk.lists.declared import managed
    from safehold.desk.lists.models import Entry

    held = do(managed, name)
    found = Entry.objects.filter(list=held.name).order_by("-id")
    table = Table("Id", "Value", "State", "Source", "Added", "Ends", "Note", box=None, pad_edge=False)
    for entry in (found.filter(state=state) if state else found)[:limit]:
        table.add_row(
            str(entry.pk), f"{'! ' if entry.allow else ''}{entry.value}", entry.state, entry.source,
            f"{entry.added_at:%Y-%m-%d}", f"{entry.expires_at:%Y-%m-%d}" if entry.expires_at else "", entry.note,
        )  # fmt: skip
    console.print(table)


def lookup(name: Name, item: Annotated[str, typer.Argument(help="What a rule would ask for.")]) -> None:
    """Say whether something is in a list now, by which entry, and where that comes from. Exit code 1: it is not.

    Example: safehold lists lookup phishing login.evil.example
    """
    use_django()
    from safehold.desk.lists import feed
    from safehold.desk.lists.declared import declared
    from safehold.engine.lists import Layer, PolicyList, make_table

    held = do(declared, name)
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


def history(name: Name, limit: Annotated[int, typer.Option(min=1)] = 30) -> None:
    """The revisions of a managed list, the newest first.

    Example: safehold lists history phishing
    """
    use_django()
    from safehold.desk.lists.declared import managed
    from safehold.desk.lists.models import Revision

    held = do(managed, name)
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
        counts = ", ".join(
            f"{count} {word}" for word, count in revision.counts.items() if count and word not in ("first", "last")
        )
        table.add_row(
            revision.pk, str(revision.number or ""), revision.get_act_display(), revision.state,
            f"{revision.at:%Y-%m-%d %H:%M}", str(revision.by or "shell"), counts,
        )  # fmt: skip
    console.print(table)


for name, command in (
    ("list", list_lists), ("show", show), ("lookup", lookup), ("add", add), ("remove", remove), ("review", review),
    ("import", import_file), ("export", export), ("diff", diff), ("revert", revert), ("history", history), ("resume", resume),
):  # fmt: skip
    app.command(name)(command)
