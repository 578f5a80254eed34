"""`safehold looks`: second looks by large models and other services: is the file right, what does a judge say of a text, and how
far are the looks that wait.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from safehold.cli.lists_shell import failure, use_django

if TYPE_CHECKING:
    from safehold.desk.looks.setup import Setup
    from safehold.engine import Bundle
    from safehold.signals.remote.kept import Kept

app = typer.Typer(no_args_is_help=True, help="Second looks: check the file, ask about a text, see what waits.")
console = Console(soft_wrap=True)

File = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="The file; SAFEHOLD_LOOKS if none is named.")]


@app.command()
def check(file: File = None) -> None:
    """Check the file against the policies: services, keys, policies, rules, event types and scores that it names.

    Example: safehold looks check --file /etc/safehold/looks.yaml
    """
    setup = _setup(file)
    problems = _problems(setup, _bundle())
    for problem in problems:
        typer.secho(problem, err=True, fg="red")
    if problems:
        raise typer.Exit(1)
    typer.echo(f"ok  {len(setup.services)} services, {len(setup.looks)} looks")


@app.command()
def ask(
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="By which policy: one that has a look in the file.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to ask about; - reads standard input.")],
    file: File = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask all services of a policy's look about a text, now. Nothing is recorded; it counts against the day's budget.

    Exit code 1: one of them did not answer.

    Example: safehold looks ask hate.protected-groups "they should all leave"
    """
    import sys

    import msgspec

    setup = _setup(file)
    from safehold.desk.looks.taking import Asker

    wanted = next((each for each in setup.looks if each.policy == policy), None)
    if wanted is None:
        known = ", ".join(each.policy for each in setup.looks)
        raise failure(f"The file has no look by {policy}; there are {known}.")
    kept = _kept(setup)
    asked = Asker(setup, kept, _bundle).ask(wanted, sys.stdin.read() if text == "-" else text)
    kept.close()
    if as_json:
        found = [
            {"kind": each.kind, "answer": msgspec.to_builtins(each.answer), "reason": _reason(each)} for each in asked
        ]
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    for each in () if as_json else asked:
        if each.missing is not None:
            typer.secho(f"{each.kind}: no answer: {each.missing}", err=True, fg="red")
        elif each.kind == "judge":
            label = each.answer.label
            sure = "" if label.confidence is None else f", {100 * label.confidence:.0f} % sure"
            console.print(f"judge: [bold]{label.category if label.violation else 'no violation'}[/]{sure}")
            console.print(f"  {label.rationale}", markup=False)
        else:
            scores = sorted(each.answer.scores.items(), key=lambda pair: -pair[1])
            console.print(f"{each.kind}: {', '.join(f'{name} {score:.2f}' for name, score in scores)}", markup=False)
    if any(each.missing is not None for each in asked):
        raise typer.Exit(1)


@app.command()
def status(file: File = None) -> None:
    """How many looks wait and what came of the others, why the newest were not answered, and what was spent today.

    Example: safehold looks status
    """
    setup = _setup(file)
    from django.db.models import Count

    from safehold.desk.looks.models import Look, Outcome

    counts = dict(Look.objects.order_by().values_list("outcome").annotate(Count("pk")))
    words = [f"{counts.get(outcome.value, 0):,} {outcome.label.lower()}" for outcome in Outcome]
    console.print(f"{counts.get('', 0):,} wait, {', '.join(words)}.")
    for look in Look.objects.exclude(why="").order_by("-position")[:5]:
        console.print(f"{look.created_at:%Y-%m-%d %H:%M}  {look.event_id}  {look.why}", markup=False)
    kept = _kept(setup)
    table = Table("Service", "Requests today", "of", "Tokens today", "of", box=None, pad_edge=False)
    for name, service in setup.services.items():
        requests, tokens = kept.spent(name)
        most = service.limits
        table.add_row(
            name, f"{requests:,}", _most(most.requests_a_day), f"{tokens:,}", _most(most.tokens_a_day)
        )  # fmt: skip
    kept.close()
    console.print(table)


def _setup(file: Path | None) -> "Setup":
    use_django()
    from django.core.exceptions import ImproperlyConfigured

    from safehold.desk.looks.setup import current, read

    try:
        setup = read(file) if file is not None else current()
    except ImproperlyConfigured as error:
        raise failure(error) from None
    if setup is None:
        raise failure("No file says who takes second looks: name it with --file or SAFEHOLD_LOOKS.")
    return setup


def _bundle() -> "Bundle":
    from django.conf import settings

    from safehold.cli.policy import load

    return load(settings.SAFEHOLD_POLICIES)


def _kept(setup: "Setup") -> "Kept":
    from safehold.desk.looks.taking import kept_of

    return kept_of(setup)


def _reason(said: Any) -> str | None:
    return None if said.missing is None else str(said.missing)


def _most(limit: int | None) -> str:
    return "no limit" if limit is None else f"{limit:,}"


def _problems(setup: "Setup", bundle: "Bundle") -> list[str]:
    """What the file names that is not there."""
    from django.core.exceptions import ImproperlyConfigured

    from safehold.desk.looks.setup import secret
    from safehold.engine import installed_signals

    found = []
    keys = {"gateway": setup.gateway.key} | {name: service.key for name, service in setup.services.items()}
    for where, key in keys.items():
        try:
            secret(key)()
        except ImproperlyConfigured as error:
            found.append(f"{where}: {error}")
    policies = {policy.key for policy in bundle.policies}
    rules = {f"{policy.key}/{rule.id}" for policy in bundle.policies for rule in policy.rules}
    fields = {signal.name: set(signal.fields) for signal in installed_signals()}
    for number, wanted in enumerate(setup.looks):
        where = f"looks[{number}]"
        if wanted.policy not in policies:
            found.append(f"{where}.policy: there is no policy {wanted.policy}")
        found += [f"{where}.rules: there is no rule {name}" for name in wanted.rules if name not in rules]
        found += [f"{where}.on: there is no event type {name}" for name in wanted.on if name not in bundle.event_types]
        for part, score in (("unsure", wanted.unsure), ("small", wanted.small)):
            if score is not None and score.field not in fields.get(score.signal, ()):
                found.append(f"{where}.{part}: no installed signal measures {score.signal}.{score.field}")
    return found
