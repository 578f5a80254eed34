"""`safehold policy explain`: a rule in words, and what an event made of it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from safehold.engine import Bundle, Event
    from safehold.engine.authoring.explain import Explanation, Part

console = Console(highlight=False, soft_wrap=True)


def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="policy/rule, or a rule's id.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of policies.")] = Path("policies"),
    event: Annotated[
        Path | None, typer.Option("--event", metavar="FILE", help="A CloudEvent in JSON, or - for stdin.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say in words what a rule reads, does and costs, and in which order its parts are looked at.

    With --event, also what each part was for that event, and why the rule matched or did not. Windows and labels have seen
    nothing but that event.

    Example: safehold policy explain scams.cold-outreach/mass-cold-message --event event.json
    """
    from safehold.cli.policy import load
    from safehold.engine.authoring.explain import explain as explained
    from safehold.engine.authoring.explain import find_rule

    bundle = load(folder)
    try:
        policy, found = find_rule(bundle, rule)
        answer = explained(bundle, policy, found, event=_event(event, bundle) if event else None)
    except KeyError as unknown:
        raise typer.BadParameter(str(unknown.args[0])) from None
    except ValueError as unfit:
        raise typer.BadParameter(str(unfit), param_hint="--event") from None
    if as_json:
        typer.echo(json.dumps(asdict(answer), indent=2, ensure_ascii=False))
    else:
        for line in _lines(answer):
            console.print(line)


def _event(file: Path, bundle: "Bundle") -> "Event":
    """Raises ValueError that names the field for what is not an event of the bundle."""
    from safehold.engine import lift

    try:
        text = typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text(encoding="utf-8")
        cloudevent: Any = json.loads(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{file}: {error}") from None
    if violations := bundle.event_types.check(cloudevent):
        raise ValueError("; ".join(f"{violation.pointer or '/'}: {violation.message}" for violation in violations))
    return lift(cloudevent)


def _lines(answer: "Explanation") -> Iterator[str]:
    yield f"[bold]{escape(answer.name)}[/bold]  {escape(answer.title)}"
    yield f"{escape(answer.mode)}, on {escape(', '.join(answer.on))}"
    yield ""
    yield "[bold]When[/bold]"
    yield from _tree(answer.condition, 1, bool(answer.outcome))
    if answer.differs:
        yield f"  [dim]types differ in {escape(', '.join(answer.differs))}[/dim]"
    yield ""
    yield "[bold]Then[/bold]"
    yield f"  {escape(answer.does)}"
    if answer.reason:
        yield f"  [dim]{escape(answer.reason)}[/dim]"
    yield ""
    yield "[bold]Reads[/bold]"
    for read in answer.reads:
        value = _shown(read.value, read.unknown) if answer.outcome and read.type != "list" else ""
        yield f"  {escape(read.path)}{value}  [dim]{escape(' '.join(part for part in (read.type, read.says) if part))}[/dim]"
    if not answer.reads:
        yield "  nothing"
    yield ""
    if answer.takes is not None:
        yield "[bold]Takes[/bold]"
        on = "on this event" if answer.outcome else "on the policy's examples, the median"
        yield f"  {_micros(answer.takes)} alone {on}, signals included"
        yield ""
    yield "[bold]Examples[/bold]"
    for example in answer.examples or ("none",):
        yield f"  {escape(example)}"
    if answer.outcome:
        yield ""
        yield f"[bold]{escape(answer.outcome)}[/bold]"


def _tree(part: "Part", depth: int, evaluated: bool) -> Iterator[str]:
    pad = "  " * depth
    value = _shown(part.value, part.unknown) if evaluated else ""
    if part.word:
        yield f"{pad}{part.word}{value}"
        for inner in part.parts:
            yield from _tree(inner, depth + 1, evaluated)
    else:
        yield f"{pad}{escape(part.text)}{value}  [dim]{_micros(part.micros)}[/dim]"


def _shown(value: Any, unknown: str | None) -> str:
    if unknown is not None:
        return f" [yellow]unknown: {escape(unknown)}[/yellow]"
    colour = {True: "green", False: "red"}.get(value, "cyan") if isinstance(value, bool) else "cyan"
    return f" [{colour}]{escape(json.dumps(value, ensure_ascii=False))}[/{colour}]"


def _micros(micros: float) -> str:
    return f"{micros:,.0f} µs" if micros >= 10 else f"{micros:.2g} µs"
