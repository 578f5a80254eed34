"""`safehold exchanges`: others who share hashes. Credentials are read from a prompt or a file, never from the command line."""

import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from safehold.cli.banks import do
from safehold.cli.lists_shell import console, failure, use_django

app = typer.Typer(no_args_is_help=True, help="Hash exchanges: add, fetch, look, switch, send opinions again.")

Name = Annotated[str, typer.Argument(metavar="EXCHANGE", help="The exchange's name.")]
SecretFile = Annotated[
    Path | None, typer.Option("--secret-file", exists=True, dir_okay=False, help="JSON of its credentials.")
]


def list_exchanges() -> None:
    """Every exchange: how it stands, when it was fetched, what went wrong.

    Example: safehold exchanges list
    """
    use_django()
    from safehold.desk.banks.models import Exchange, WriteBack

    table = Table(
        "Exchange", "Kind", "Bank", "Stands", "Last fetch", "Next", "To send", "Problem", box=None, pad_edge=False
    )
    for each in Exchange.objects.order_by("name"):
        waiting = WriteBack.objects.filter(exchange=each).exclude(state="sent").count()
        table.add_row(
            each.name, each.kind, each.bank_id, each.standing, f"{each.fetched_at:%Y-%m-%d %H:%M}" if each.fetched_at else "",
            f"{each.next_at:%H:%M}" if each.enabled else "", f"{waiting:,}" if waiting else "", each.error,
        )  # fmt: skip
    console.print(table)


def kinds() -> None:
    """What each kind of exchange has to be told.

    Example: safehold exchanges kinds
    """
    from safehold.desk.banks.exchanges.kinds import KINDS

    table = Table(box=None, pad_edge=False)
    for heading in ("Kind", "Who", "--config", "Credentials", "Takes opinions"):
        table.add_column(heading, overflow="fold")  # names to be typed: none is cut short
    for name, kind in KINDS.items():
        config = ", ".join([*kind.config, *(f"[{each}]" for each in kind.may)]).replace("[", "\\[")
        secrets = ", ".join([*kind.secrets, *(f"[{each}]" for each in kind.may_secret)]).replace("[", "\\[")
        table.add_row(name, kind.title, config, secrets, "yes" if kind.opinions else "no")
    console.print(table)


def _secret(kind: str, file: Path | None) -> dict[str, str]:
    import msgspec

    from safehold.desk.banks.exchanges.kinds import KINDS

    if file is not None:
        try:
            return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        except msgspec.DecodeError as error:
            raise failure(f"{file} must be a JSON object of texts: {error}") from error
    wanted = KINDS[kind].secrets if kind in KINDS else ()
    if wanted and not sys.stdin.isatty():
        raise failure(f"put {', '.join(wanted)} into a file as JSON, and name it with --secret-file")
    return {name: typer.prompt(name, hide_input=True) for name in wanted}


def add(
    name: Name,
    kind: Annotated[str, typer.Argument(help="`safehold exchanges kinds` has them.")],
    bank: Annotated[str, typer.Argument(help="The bank that its hashes go into.")],
    config: Annotated[list[str], typer.Option(help="privacy_group=123; lists with commas.")] = [],  # noqa: B006
    secret_file: SecretFile = None,
    active: Annotated[
        bool, typer.Option("--active", help="What arrives counts at once; else it is quarantined.")
    ] = False,
    write_back: Annotated[bool, typer.Option("--write-back", help="Tell it what we think of its hashes.")] = False,
    every: Annotated[int, typer.Option(help="Minutes between two fetches.", min=5)] = 60,
) -> None:
    """Add an exchange; its hashes come in from now on.

    Example: safehold exchanges add tat tat propaganda --secret-file tat.json
    """
    use_django()
    from safehold.desk.banks.exchanges.managing import add_exchange

    told: dict[str, object] = {}
    for part in config:
        key, _, value = part.partition("=")
        told[key] = value.split(",") if key == "only_esp_ids" else value
    do(
        add_exchange, None, name, kind, bank, told, _secret(kind, secret_file), arrive_active=active,
        write_back=write_back, every_minutes=every,
    )  # fmt: skip
    typer.echo(f"{name} is fetched by the workers from now on; `safehold exchanges fetch {name}` does it here.")


def fetch(name: Name) -> None:
    """Fetch an exchange here and now, from where it was.

    Example: safehold exchanges fetch tat
    """
    use_django()
    from safehold.desk.banks.exchanges.fetching import fetch as bring_in
    from safehold.desk.banks.exchanges.managing import found_exchange

    exchange = do(found_exchange, name)
    done = bring_in(exchange, threading.Event())
    exchange.refresh_from_db()
    if not done:
        raise failure(exchange.error or f"another process is fetching {name}")
    progress = exchange.progress
    words = [f"{progress[word]:,} {word}" for word in ("records", "added", "returned", "retired") if progress.get(word)]
    typer.echo(", ".join(words) or "Nothing new.")


def secret(name: Name, secret_file: SecretFile = None) -> None:
    """Put other credentials in.

    Example: safehold exchanges secret tat --secret-file tat.json
    """
    use_django()
    from safehold.desk.banks.exchanges.managing import found_exchange, renew_secret

    exchange = do(found_exchange, name)
    do(renew_secret, None, name, _secret(exchange.kind, secret_file))
    typer.echo(f"{name} has other credentials now.")


def switch(name: Name, state: Annotated[str, typer.Argument(help="on or off.")]) -> None:
    """Switch an exchange off, or on again.

    Example: safehold exchanges switch tat off
    """
    use_django()
    from safehold.desk.banks.exchanges.managing import switch as turn

    if state not in ("on", "off"):
        raise typer.BadParameter("there are on and off", param_hint="STATE")
    do(turn, None, name, enabled=state == "on")
    typer.echo(f"{name} is {state}.")


def retry(name: Name) -> None:
    """Send opinions again that were given up.

    Example: safehold exchanges retry tat
    """
    use_django()
    from safehold.desk.banks.exchanges.managing import found_exchange
    from safehold.desk.banks.exchanges.writing_back import retry as again

    do(found_exchange, name)
    typer.echo(f"{do(again, None, name):,} are queued again.")


for command, function in (
    ("list", list_exchanges), ("kinds", kinds), ("add", add), ("fetch", fetch), ("secret", secret), ("switch", switch),
    ("retry", retry),
):  # fmt: skip
    app.command(command)(function)
