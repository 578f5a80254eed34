"""`safehold ledger`: is the record whole, and can anybody else check it?"""

import base64
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from safehold.ledger.note import BadKey, BadNote, parse_verifier
from safehold.ledger.proof import NoProof, check_proof, parse_proof
from safehold.ledger.tree import BadProof

app = typer.Typer(help="The transparency log: verify, sign, prove.", no_args_is_help=True)
out = Console()
err = Console(stderr=True)


@app.command()
def verify() -> None:
    """Check every entry against its database row, and the tree against every checkpoint ever signed.

    Prints each row that differs. Exit code 0: the record is whole. 1: it is not.

    Example: safehold ledger verify
    """
    _django()
    from safehold.record.verification import KEPT, verify_record

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bars:
        tasks = {name: bars.add_task(name, total=None) for name in ("Entries", "Rows")}
        report = verify_record(lambda step, done, total: bars.update(tasks[step], completed=done, total=total))
    for finding in report.findings:
        out.print(f"[red]✗[/red] {finding}", highlight=False, soft_wrap=True)
    if report.found > KEPT:
        out.print(f"[red]✗[/red] and {report.found - KEPT:,} more")
    for guard in report.missing_guards:
        out.print(f"[yellow]![/yellow] the database's guard {guard} is missing: somebody dropped it", highlight=False)
    looked_at = f"{report.entries:,} entries, {report.checkpoints:,} checkpoints"
    erased = f", {report.erased:,} erased with a tombstone" if report.erased else ""
    if report.whole:
        out.print(f"[green]✓[/green] The record is whole: {looked_at}{erased}.", highlight=False)
        return
    thing = "difference" if report.found == 1 else "differences"
    out.print(f"[red]The record is not whole[/red]: {report.found:,} {thing} in {looked_at}{erased}.", highlight=False)
    raise typer.Exit(1)


@app.command()
def checkpoint() -> None:
    """Sign what was recorded since the last checkpoint, and print the newest one.

    Example: safehold ledger checkpoint > checkpoint.txt
    """
    _django()
    from safehold.record.checkpointer import LedgerAltered, checkpoint_once

    size = -1
    try:
        while (newest := checkpoint_once()).size != size:
            size = newest.size
    except LedgerAltered as error:
        _fail(f"Nothing was signed: {error}.\nRun `safehold ledger verify` to see where.")
    sys.stdout.write(newest.note)


@app.command()
def prove(
    row: Annotated[str, typer.Argument(metavar="ID", help="A decision, statement, transition...: dec_01jd3w...")],
) -> None:
    """Print the proof that something is in the log, as a file that anybody can check offline (C2SP tlog-proof).

    Example: safehold ledger prove dec_01jd3w7x2hf6t9x8s5b4n1q0v2 > decision.tlog-proof
    """
    _django()
    from safehold.record.checkpointer import LedgerAltered, checkpoint_once
    from safehold.record.log import find_entries, latest_checkpoint
    from safehold.record.log import prove as prove_entry

    entries = find_entries(row)
    if not entries:
        _fail(f"The ledger has no entry about {row!r}.")
    newest = latest_checkpoint()
    try:
        while newest is None or newest.size <= entries[0].index:
            newest = checkpoint_once()
    except LedgerAltered as error:
        _fail(f"No proof can be signed: {error}.\nRun `safehold ledger verify` to see where.")
    sys.stdout.write(str(prove_entry(entries[0], newest).proof))


@app.command()
def key() -> None:
    """Print the log's public key as a C2SP verifier key. Publish it where your users can find it.

    Example: safehold ledger key > log.vkey
    """
    _django()
    from safehold.record.log import signer

    sys.stdout.write(f"{signer().verifier}\n")


@app.command("check-proof")
def check_proof_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .tlog-proof file.")],
    vkey: Annotated[str, typer.Option("--key", help="The log's verifier key, or a file that holds it.")],
) -> None:
    """Check a proof offline, with nothing but the log's public key: no database, no network.

    Example: safehold ledger check-proof decision.tlog-proof --key log.vkey
    """
    try:
        text = Path(vkey).read_text().strip() if "+" not in vkey else vkey
        log = parse_verifier(text)
        proof = parse_proof(file.read_text(encoding="utf-8"))
        if proof.extra is None:
            _fail(f"{file} carries no entry (`extra` line), so there is nothing to look for in the log.")
        signed = check_proof(proof, proof.extra, log)
    except OSError as error:
        _fail(f"{vkey}: {error.strerror}. Give the key itself, or a file with it.")
    except (BadKey, NoProof, BadNote, BadProof, UnicodeDecodeError) as error:
        _fail(f"Not proven: {error}.")
    entry = msgspec.json.decode(proof.extra)
    out.print(
        f"[green]✓[/green] {entry['kind']} {entry['id']} is entry {proof.index:,} of the log {signed.origin}, "
        f"under the root {base64.b64encode(signed.root).decode()} that it signed for {signed.size:,} entries.",
        highlight=False,
        soft_wrap=True,
    )
    out.print_json(data=entry)


def _django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safehold.site.settings")
    import django

    django.setup()


def _fail(message: str) -> NoReturn:
    err.print(message, style="red", highlight=False, soft_wrap=True)
    raise typer.Exit(1)
