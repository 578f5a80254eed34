"""The `safehold` command. Each command lives in a module of its own, imported when it is called: help is quick.

To add one, add a line to COMMANDS.
"""

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class _Entry(NamedTuple):
    """`target` is a Typer app or a function in `module`."""

    module: str
    target: str
    help: str


COMMANDS = {
    "up": _Entry("safehold.cli.up", "up", "Everything a first start needs, then serve."),
    "serve": _Entry("safehold.cli.serve", "serve", "Serve the API, the console and the portal."),
    "worker": _Entry("safehold.cli.serve", "worker", "Carry decisions on in a process of its own."),
    "policy": _Entry(
        "safehold.cli.policy", "app", "Policies: check, test, format, explain and draw them; serve editors."
    ),
    "lists": _Entry("safehold.cli.lists", "app", "Lists: look, add, import, export, compare, take back."),
    "labels": _Entry("safehold.cli.labels", "app", "Labels: count, export, import what was said of texts."),
    "banks": _Entry("safehold.cli.banks", "app", "Hash banks: make, fill, look, dispute, settle."),
    "looks": _Entry("safehold.cli.looks", "app", "Second looks by large models: check, ask, see what waits."),
    "signals": _Entry("safehold.cli.signals", "app", "Signals: which are installed, what they cost, who reads them."),
    "learn": _Entry("safehold.cli.learn", "app", "Models from your moderators' labels: train, promote, roll back."),
    "perspective": _Entry(
        "safehold.cli.perspective", "app", "Perspective's API: compare with the old service, calibrate."
    ),
    "exchanges": _Entry(
        "safehold.cli.exchanges", "app", "Hash exchanges: add, fetch, look, switch, send opinions again."
    ),
    "decide": _Entry("safehold.cli.decide", "decide", "Decide a file of events; nothing is recorded."),
    "backtest": _Entry("safehold.cli.backtest", "backtest", "Try policies on the past."),
    "history": _Entry("safehold.cli.backtest", "history", "The record as files, for backtests."),
    "ledger": _Entry("safehold.cli.ledger", "app", "The transparency log: verify, sign, prove."),
    "train": _Entry("safehold.cli.train", "train", "Make the harm model again, from open data."),
    "people": _Entry("safehold.cli.people", "people", "The people who work here, and their roles."),
    "keys": _Entry("safehold.cli.people", "keys", "API keys: what programs may do."),
}


class _Lazy(TyperGroup):
    """Knows its commands by name, and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        if ctx.meta.get("safehold.listing"):
            return TyperCommand(cmd_name, help=entry.help)
        return _load(cmd_name, entry)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        ctx.meta["safehold.listing"] = True
        super().format_help(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        ctx.meta["safehold.listing"] = False
        return super().resolve_command(ctx, args)


def _load(name: str, entry: _Entry) -> Any:
    target: Any = getattr(import_module(entry.module), entry.target)
    if not isinstance(target, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name)(target)
        target = single
    target._add_completion = False  # only the outermost command offers it
    command = typer.main.get_command(target)
    command.name = name
    return command


app = typer.Typer(cls=_Lazy, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False)


def _version(asked: bool) -> None:
    if asked:
        from safehold import __version__

        typer.echo(f"safehold {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Say which version."),
) -> None:
    """Detect, decide, review, explain, hear appeals, and prove it.

    Example: safehold policy check policies
    """
