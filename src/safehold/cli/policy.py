"""`safehold policy`: check a folder of policies and run their examples. No server, no database."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from safehold.engine import Bundle, PolicyProblem
    from safehold.engine.examples import Outcome

app = typer.Typer(help="Policies: check them, run their examples.", no_args_is_help=True)
console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder of policies, with events/ and lists/ in it.")]


@app.command()
def check(folder: Folder = Path("policies")) -> None:
    """Say everything that is wrong with a folder of policies, each with file, line and column.

    Example: safehold policy check policies
    """
    bundle = load(folder)
    counts = {
        "policy/policies": len(bundle.policies),
        "rule/rules": sum(len(policy.rules) for policy in bundle.policies),
        "event type/event types": len(bundle.event_types.types),
        "list/lists": len(bundle.lists),
    }
    words = (f"{count} {names.split('/')[count != 1]}" for names, count in counts.items())
    console.print(f"[green]ok[/green]  {', '.join(words)}")
    console.print(f"    bundle {bundle.hash}")


@app.command()
def test(folder: Folder = Path("policies")) -> None:
    """Run the examples of every policy. Fails when one does not come out as it expects.

    Example: safehold policy test policies
    """
    from safehold.engine.examples import run_examples

    bundle = load(folder)
    outcomes = run_examples(bundle)
    for outcome in outcomes:
        if not outcome.passed:
            _print_failure(outcome)
    failed = sum(not outcome.passed for outcome in outcomes)
    untested = sorted(untested_rules(bundle))
    if untested:
        console.print(f"[yellow]note[/yellow]  no example expects: {', '.join(untested)}")
    console.print(f"[{'red' if failed else 'green'}]{len(outcomes) - failed} passed, {failed} failed[/]")
    if failed:
        raise typer.Exit(1)


def load(folder: Path) -> "Bundle":
    """The bundle of a folder; prints every problem and exits with 1 when there are any."""
    from safehold.engine import PolicyProblems, load_bundle

    try:
        return load_bundle(folder)
    except PolicyProblems as found:
        for problem in found.problems:
            _print_problem(problem)
        errors.print(f"[red]{len(found.problems)} problem{'s' if len(found.problems) != 1 else ''}[/red]")
        raise typer.Exit(1) from None


def untested_rules(bundle: "Bundle") -> set[str]:
    """Rules that no example expects to match, as `policy/rule`."""
    return {
        f"{policy.key}/{rule.id}"
        for policy in bundle.policies
        for rule in policy.rules
        if not any(rule.id in example.expect for example in policy.examples)
    }


def _print_problem(problem: "PolicyProblem") -> None:
    place = f"{problem.file}:{problem.line}:{problem.column}"
    errors.print(f"[bold]{escape(place)}[/bold]: [red]{escape(problem.message)}[/red]")
    if problem.source:
        number = str(problem.line)
        errors.print(f"  [dim]{number} |[/dim] {escape(problem.source)}")
        errors.print(f"  {' ' * len(number)} [dim]|[/dim] {' ' * (problem.column - 1)}[red]^[/red]")
    if problem.hint:
        errors.print(f"  [cyan]{escape(problem.hint)}[/cyan]")


def _print_failure(outcome: "Outcome") -> None:
    place = f"{outcome.policy.file}:{outcome.example.line}:{outcome.example.column}"
    errors.print(f"[bold]{escape(place)}[/bold]: [red]{escape(outcome.example.name)}[/red]")
    for line in outcome.differences:
        errors.print(f"  {escape(line)}")
