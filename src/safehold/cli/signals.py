"""`safehold signals`: which detectors are installed, what each says and takes, which rules read it; and measure them here."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

if TYPE_CHECKING:
    from safehold.engine.signal import Signal

app = typer.Typer(no_args_is_help=True, help="Signals: which are installed, what they cost, who reads them.")
console = Console(soft_wrap=True)

Policies = Annotated[
    Path, typer.Option("--policies", metavar="DIR", help="The folder of policies to look for readers in.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT = Path(os.environ.get("SAFEHOLD_POLICIES", "policies"))


@app.command("list")
def list_signals(policies: Policies = DEFAULT, as_json: AsJson = False) -> None:
    """Every installed signal: its version, what a run costs as declared and as last measured here, and how many rules read it.

    Example: safehold signals list --policies policies
    """
    rows = [_about(signal, policies) for signal in _installed()]
    if as_json:
        _print_json(rows)
        return
    table = Table(
        "Signal", "Version", "Fields", "Rules", "Declared", "Measured, p50", "p99", "Memory", box=None, pad_edge=False
    )
    for row in rows:
        measured = row["measured"]
        short = (measured or {}).get("short") or {}
        table.add_row(
            row["name"], row["version"], str(len(row["fields"])), str(len(row["rules"])), _micros(row["cost"]),
            _micros(short.get("p50")), _micros(short.get("p99")), _megabytes((measured or {}).get("memory")),
        )  # fmt: skip
    console.print(table)
    for row in rows:
        if row["far_off"]:
            console.print(f"[yellow]{row['name']}: a short text takes {row['far_off']}[/]")
    if not any(row["measured"] for row in rows):
        console.print("[dim]Nothing is measured here yet: safehold signals bench[/]")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="SIGNAL", help="The signal's name, as in `signals.NAME`.")],
    policies: Policies = DEFAULT,
    live: Annotated[
        bool, typer.Option("--live", help="Also what gateways measured in the last days (reads the database).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """One signal: its fields and their types, what it reads of an event, its costs, and the rules that read it.

    Example: safehold signals show links
    """
    found = {signal.name: signal for signal in _installed()}
    if name not in found:
        typer.secho(f"No signal {name!r} is installed; there are {', '.join(found)}.", err=True, fg="red")
        raise typer.Exit(1)
    row = _about(found[name], policies)
    if live:
        row["live"] = _live(found[name])
    if as_json:
        _print_json(row)
        return
    console.print(f"[bold]signals.{row['name']}[/] {row['version']}")
    if row["card"]:
        console.print(f"Model card: {row['card']}")
    console.print(f"Reads {', '.join(row['reads'])}.")
    table = Table("Field", "Type", "Limits", box=None, pad_edge=False)
    for field, kind in row["fields"].items():
        least, most = row["limits"].get(field, (None, None))
        table.add_row(field, kind, "" if least is None and most is None else f"{_limit(least)} to {_limit(most)}")
    console.print(table)
    console.print(f"Declared cost {_micros(row['cost'])}.")
    _show_measured(row)
    if live:
        console.print(_live_words(row["live"]))
    console.print(f"Read by {', '.join(row['rules'])}." if row["rules"] else "No rule reads it.")


@app.command()
def bench(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SIGNAL]...", help="Which ones; all if none is named.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure signals on this machine, one core: processor time on short and on long texts, and memory added when loaded.

    The figures are kept for `safehold signals list` and the console's signals page.

    Example: safehold signals bench links lexicon
    """
    from safehold.signals import bench as benching

    known = [signal.name for signal in _installed()]
    if wrong := sorted(set(names or []) - set(known)):
        typer.secho(f"No signal {wrong[0]!r} is installed; there are {', '.join(known)}.", err=True, fg="red")
        raise typer.Exit(1)
    found, failed = [], []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring", total=len(names or known))
        for name in names or known:
            progress.update(task, description=name)
            try:
                found.append(benching.measure_apart(name))
            except ValueError as error:
                failed.append(str(error))
            progress.advance(task)
    kept = benching.merged(benching.read(bench_file()), found, datetime.now(UTC))
    benching.write(bench_file(), kept)
    if as_json:
        import msgspec

        _print_json(msgspec.to_builtins(found))
    else:
        _show_bench(found)
    for line in failed:
        typer.secho(line, err=True, fg="red")
    if failed:
        raise typer.Exit(1)


def bench_file() -> Path:
    """Where the figures are kept."""
    return Path(os.environ.get("SAFEHOLD_VAR", "var")).resolve() / "signals" / "bench.json"


def _installed() -> "list[Signal]":
    from safehold.engine import installed_signals

    return installed_signals()


def _about(signal: "Signal", policies: Path) -> dict[str, Any]:
    import msgspec

    from safehold.engine.signal import card, limits
    from safehold.signals import bench as benching

    before = benching.read(bench_file())
    measured = next((each for each in before.signals if each.name == signal.name), None) if before else None
    return {
        "name": signal.name, "version": signal.version, "fields": dict(signal.fields), "reads": list(signal.reads),
        "limits": {field: list(pair) for field, pair in limits(signal).items()}, "cost": signal.cost, "card": card(signal),
        "measured": msgspec.to_builtins(measured) if measured else None,
        "far_off": measured.far_off if measured else "", "rules": _readers(policies).get(signal.name, []),
    }  # fmt: skip


_known: dict[Path, dict[str, list[str]]] = {}


def _readers(policies: Path) -> dict[str, list[str]]:
    if policies not in _known:
        from safehold.cli.policy import load
        from safehold.engine.authoring.readers import readers

        _known[policies] = readers(load(policies)) if policies.is_dir() else {}
    return _known[policies]


def _live(signal: "Signal") -> dict[str, Any] | None:
    from safehold.cli.lists_shell import use_django

    use_django()
    from safehold.desk.rules.costs import live

    found = live({signal.name: signal.version}).get(signal.name)
    if found is None:
        return None
    cost = found.cost
    return {"runs": found.runs, "failed": found.failed, "p50": cost.median, "p95": cost.p95, "p99": cost.p99}


def _live_words(live: dict[str, Any] | None) -> str:
    if live is None:
        return "Gateways have not run this version in the last seven days, or not at a verdict that was measured."
    took = f"p50 {_micros(live['p50'])}, p95 {_micros(live['p95'])}, p99 {_micros(live['p99'])}"
    return f"At work: {took}; {live['failed']:,} of {live['runs']:,} runs that were looked at failed."


def _show_measured(row: dict[str, Any]) -> None:
    measured = row["measured"]
    if measured is None:
        console.print("[dim]Not measured here yet: safehold signals bench[/]")
        return
    for what in ("short", "long"):
        if times := measured[what]:
            console.print(f"Measured on {what} texts: p50 {_micros(times['p50'])}, p99 {_micros(times['p99'])}.")
    console.print(f"Loading it added {_megabytes(measured['memory'])} and took {measured['load_ms']:.0f} ms.")
    if measured["failure"]:
        console.print(f"[red]It failed: {measured['failure']}[/]")
    if row["far_off"]:
        console.print(f"[yellow]A short text takes {row['far_off']}.[/]")


def _show_bench(found: list[Any]) -> None:
    table = Table(
        "Signal", "Short, p50", "p99", "20,000 characters, p50", "p99", "Memory", "Load", box=None, pad_edge=False
    )
    for each in found:
        short, long = each.short, each.long
        table.add_row(
            each.name, _micros(short and short.p50), _micros(short and short.p99), _micros(long and long.p50),
            _micros(long and long.p99), _megabytes(each.memory), f"{each.load_ms:.0f} ms",
        )  # fmt: skip
    console.print(table)
    for each in found:
        if each.far_off:
            console.print(f"[yellow]{each.name}: a short text takes {each.far_off} ({_micros(each.declared)})[/]")
        if each.failure:
            console.print(f"[red]{each.name}: {each.failure}[/]")


def _micros(micros: float | None) -> str:
    if micros is None:
        return "–"
    for size, unit in ((1_000_000, "s"), (1_000, "ms")):
        if micros >= size:
            return f"{float(f'{micros / size:.2g}'):g} {unit}"
    return f"{micros:.0f} µs" if micros >= 10 else f"{micros:.2g} µs"


def _megabytes(count: int | None) -> str:
    return "–" if count is None else f"{count / 1e6:.1f} MB"


def _limit(value: float | None) -> str:
    return "no limit" if value is None else f"{value:g}"


def _print_json(value: Any) -> None:
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
