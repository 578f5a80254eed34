"""`safehold backtest` and `safehold history`: the past as files, and rules tried on it before they touch anybody."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from safehold.cli.managed_lists import AsOfEvents, Where
from safehold.cli.policy import load

if TYPE_CHECKING:
    from safehold.engine import Bundle
    from safehold.replay.report import Report

history = typer.Typer(help="The record as Parquet files, for backtests.", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def backtest(
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The folder of policies to try.")],
    against: Annotated[
        Path | None, typer.Option(metavar="LIVE", help="The folder to compare with; the policies in force if left out.")
    ] = None,
    since: Annotated[str, typer.Option(help="How far back: 90d, 12h, 2w, or a date.")] = "90d",
    until: Annotated[str, typer.Option(help="Until when; now if left out.")] = "",
    engine: Annotated[str, typer.Option(help="duckdb, polars, spark, or python (slow, and needs nothing).")] = "duckdb",
    memory: Annotated[str, typer.Option(help="Memory the engine may take before it spills, as 2GB.")] = "",
    json: Annotated[Path | None, typer.Option(help="Write the whole report here as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report here as one HTML file.")] = None,
    review: Annotated[bool, typer.Option(help="Send the sample to the queue `backtest` for blind review.")] = False,
    lists: AsOfEvents = None,
) -> None:
    """Decide the past with other policies: what would newly be hit, what no longer, whom it would touch, how right it is.

    The record is exported first. A run that was stopped is continued by the next one with the same policies.

    Example: safehold backtest drafts/policies --since 90d --html report.html
    """
    _django()
    import msgspec

    from safehold.desk.history.sample import send_to_review
    from safehold.desk.history.trial import run
    from safehold.replay.backtest import NoHistory, UnknownEngine, days_ago
    from safehold.replay.files import BrokenHistory
    from safehold.replay.page import html_page

    tried, live = load(new), _live(against)
    try:
        begin, end = days_ago(since), days_ago(until) if until else None
        with Progress(*_COLUMNS, console=err, transient=True) as bars:
            task = bars.add_task("starting", total=None)

            def progress(done: int, total: int, what: str) -> None:
                bars.update(task, completed=done, total=total, description=what)

            report = run(
                tried, live, since=begin, until=end, engine=engine, memory=memory, progress=progress,
                recorded_lists=lists is not Where.files,
            )  # fmt: skip
    except (ValueError, NoHistory, UnknownEngine, BrokenHistory) as error:
        err.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from None
    _print(report)
    written = {json: msgspec.json.format(msgspec.json.encode(report)).decode(), html: html_page(report)}
    for path, content in written.items():
        if path is not None:
            path.write_text(content, encoding="utf-8")
            out.print(f"[dim]{path} written[/dim]")
    if review:
        out.print(f"{send_to_review(report.sample)} events sent to the queue `backtest`")


@history.command()
def export() -> None:
    """Bring the files up to the record: new events are added, erased ones removed, old days compacted or forgotten.

    Example: safehold history export
    """
    _django()
    from safehold.desk.history.export import export as bring_up

    live = _live(None)
    with Progress(*_COLUMNS, console=err, transient=True) as bars:
        task = bars.add_task("events", total=None)
        done = bring_up(live.event_types, lambda count, total: bars.update(task, completed=count, total=total))
    out.print(
        f"[green]✓[/green] {done.added:,} events added, {done.erased:,} erased; up to position {done.position:,}."
    )
    if done.compacted or done.forgotten:
        out.print(f"  {done.compacted:,} files compacted, {done.forgotten:,} forgotten.")


@history.command()
def status() -> None:
    """Say what is in the files: days, events, size, and how far behind the record they are.

    Example: safehold history status
    """
    _django()
    from safehold.desk.history.export import history as files
    from safehold.desk.history.reading import last_position

    manifest = files().manifest()
    days = sorted({file.day for file in manifest.files})
    rows, size = sum(file.rows for file in manifest.files), sum(file.size for file in manifest.files)
    span = f"{days[0]} to {days[-1]}" if days else "nothing yet"
    out.print(
        f"{files().folder}: {rows:,} events, {len(days)} days ({span}), {len(manifest.files)} files, {size / 1e6:,.1f} MB"
    )
    out.print(f"{max(last_position() - manifest.position, 0):,} positions behind the record")


def _print(report: "Report") -> None:
    from safehold.replay.page import share_text

    out.print(f"{report.events:,} events, {report.engine}, {report.seconds:,.1f} s")
    out.print(
        f"[bold]{report.newly_hit:,}[/bold] newly hit, [bold]{report.no_longer_hit:,}[/bold] no longer hit, "
        f"{report.other_action:,} with another action; {report.accounts_newly:,} accounts newly affected"
    )
    if report.labelled:
        out.print(f"precision {share_text(report.precision_before)} → {share_text(report.precision_after)}")
        out.print(f"recall    {share_text(report.recall_before)} → {share_text(report.recall_after)}")
    table = Table(box=None, pad_edge=False)
    for head in ("rule", "before", "after", "newly", "no longer", "undecided"):
        table.add_column(head, justify="left" if head == "rule" else "right")
    for line in report.rules:
        if line.newly or line.no_longer or line.undecided_after:
            counts = (line.before, line.after, line.newly, line.no_longer, line.undecided_after)
            table.add_row(line.rule, *(f"{count:,}" for count in counts))
    if table.row_count:
        out.print(table)
    else:
        out.print("No rule hits otherwise.")


def _live(folder: Path | None) -> "Bundle":
    """The folder's bundle, or the one in force."""
    if folder is not None:
        return load(folder)
    from django.conf import settings

    from safehold.desk.rules.in_force import bundle_of, newest

    number = newest()
    return bundle_of(number) if number else load(Path(settings.SAFEHOLD_POLICIES))


def _django() -> Any:
    """Sets Django up; ends with a sentence where there is no database yet."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    django.setup()
    from django.db import connection

    if "rules_edition" not in connection.introspection.table_names():
        err.print(
            "[red]There is no record here yet.[/red] `safehold up` makes the database; `safehold serve` fills it."
        )
        raise typer.Exit(1)
