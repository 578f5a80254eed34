"""`safehold decide`: events in, verdicts out, line by line. Nothing is recorded and nobody is told."""

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import msgspec
import typer

from safehold.cli.managed_lists import AsOfEvents, as_of_events
from safehold.cli.policy import load

if TYPE_CHECKING:
    from safehold.engine import Engine


def decide(
    policies: Annotated[Path, typer.Option(help="The folder of policies to decide with.")] = Path("policies"),
    events: Annotated[
        typer.FileBinaryRead | None,
        typer.Argument(metavar="[FILE]", help="NDJSON of CloudEvents; standard input if left out."),
    ] = None,
    lists: AsOfEvents = None,
) -> None:
    """Decide events, one CloudEvent a line, and print one verdict a line, in the same order.

    A line that is no event, or does not fit its type, gives {"error": ...} with its line number; the exit code is then 1.
    Managed lists have the entries that were in effect at each event's own time, where this installation has a record.

    Example: safehold decide --policies policies < events.ndjson > verdicts.ndjson
    """
    from safehold.engine import Engine

    engine = Engine(as_of_events(load(policies), lists))
    source: IO[bytes] = events if events is not None else sys.stdin.buffer
    refused = 0
    for number, line in enumerate(source, start=1):
        if not line.strip():
            continue
        answer, whole = _answer(engine, line, number)
        refused += not whole
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()
    if refused:
        typer.echo(f"{refused} line{'s' if refused != 1 else ''} refused", err=True)
        raise typer.Exit(1)


def _answer(engine: "Engine", line: bytes, number: int) -> tuple[object, bool]:
    from safehold.engine import lift

    try:
        cloudevent = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return {"line": number, "error": f"not JSON: {error}", "violations": []}, False
    except RecursionError:
        return {"line": number, "error": "the JSON is nested too deeply; flatten it", "violations": []}, False
    violations = engine.bundle.event_types.check(cloudevent)
    if violations:
        found = [{"pointer": violation.pointer, "message": violation.message} for violation in violations]
        return {"line": number, "error": found[0]["message"], "violations": found}, False
    event = lift(cloudevent)
    return {"event": {"id": event.id, "source": event.source}, **msgspec.to_builtins(engine.decide(event))}, True
