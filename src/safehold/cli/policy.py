"""`safehold policy`: check a folder of policies, run their examples, and what helps to write them. No server, no database."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from safehold.cli.managed_lists import AsTheyAre, Where, as_they_are
from safehold.cli.policy_explain import explain
from safehold.cli.policy_files import export, import_, sync
from safehold.cli.policy_fmt import fmt
from safehold.cli.policy_graph import graph
from safehold.cli.policy_lsp import lsp_command
from safehold.cli.policy_schema import schema

if TYPE_CHECKING:
    from safehold.engine import Bundle, PolicyProblem
    from safehold.engine.authoring.checking import Checked
    from safehold.engine.examples import Outcome

app = typer.Typer(help="Policies: check, test, format, explain and draw them; serve editors.", no_args_is_help=True)
console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

for command in (fmt, explain, graph, schema, export, sync):
    app.command()(command)
app.command("import")(import_)
app.command("lsp")(lsp_command)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder of policies, with events/ and lists/ in it.")]


@app.command()
def check(
    folder: Folder = Path("policies"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="Print SARIF 2.1.0, for code hosts.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
) -> None:
    """Say everything that is wrong with a folder of policies, and what is hardly meant, with file, line and column.

    Exits with 0 when the folder can be used, 1 when it has errors (with --strict, also warnings), 2 for a wrong option.

    Example: safehold policy check policies --strict
    """
    from safehold.engine.authoring.checking import check_folder

    if as_json and as_sarif:
        raise typer.BadParameter("choose one of --json and --sarif")
    checked = check_folder(folder)
    failed = bool(checked.errors or (strict and checked.warnings))
    if as_json or as_sarif:
        typer.echo(_report(checked, as_sarif))
    else:
        _print_checked(checked)
    if failed:
        raise typer.Exit(1)


def _report(checked: "Checked", as_sarif: bool) -> str:
    """The problems as SARIF or as JSON of our own."""
    from safehold import __version__
    from safehold.engine.authoring.sarif import sarif

    if as_sarif:
        return json.dumps(sarif(checked.problems, __version__), indent=2, ensure_ascii=False)
    found = {
        "bundle": checked.bundle.hash if checked.bundle else None,
        "errors": len(checked.errors),
        "warnings": len(checked.warnings),
        "problems": [asdict(problem) for problem in checked.problems],
    }
    return json.dumps(found, indent=2, ensure_ascii=False)


def _print_checked(checked: "Checked") -> None:
    for problem in checked.problems:
        _print_problem(problem)
    found = {"problem": len(checked.errors), "warning": len(checked.warnings)}
    words = ", ".join(f"{count} {name}{'s' if count != 1 else ''}" for name, count in found.items() if count)
    if words:
        errors.print(f"[{'red' if checked.errors else 'yellow'}]{words}[/]")
    if checked.bundle is not None:
        _print_bundle(checked.bundle)


def _print_bundle(bundle: "Bundle") -> None:
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
def test(folder: Folder = Path("policies"), lists: AsTheyAre = Where.files) -> None:
    """Run the examples of every policy. Fails when one does not come out as it expects.

    Example: safehold policy test policies
    """
    from safehold.engine.examples import run_examples

    bundle = as_they_are(load(folder), lists)
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
    colour, code = ("red", "") if problem.severity == "error" else ("yellow", f" [dim]{problem.code}[/dim]")
    errors.print(f"[bold]{escape(place)}[/bold]: [{colour}]{escape(problem.message)}[/]{code}")
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
