"""`safehold learn`: models from this installation's labels: train, look, put in shadow, promote, roll back; and what to label
next.
"""

import csv
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from safehold.cli.labels import Service, service_named
from safehold.cli.lists_shell import Bar, console, do, failure, use_django

if TYPE_CHECKING:
    from safehold.desk.learning.models import LearnedModel
    from safehold.signals.community.measures import Figure

app = typer.Typer(no_args_is_help=True, help="Models learned from your moderators: train, look, promote, roll back.")

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The model's number, as `safehold learn list` has it.")]
Note = Annotated[str, typer.Option(help="Why, for the record.")]


def train(
    seed: Annotated[int, typer.Option(min=0, help="The same labels and seed give the same model, byte for byte.")] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Read every text again, also what was read before. The model is the same.")
    ] = False,
    note: Note = "",
    service: Service = "",
) -> None:
    """Train a model on all labels there are, and measure it on the audit share that it has not seen. Nothing uses it yet. One
    training runs at a time, those from the console among them.

    Example: safehold learn train
    """
    use_django()
    from safehold.desk.learning.runs import Cancelled, train_here

    try:
        with Bar() as bar:
            model = do(train_here, service_named(service), seed=seed, fresh=fresh, note=note, progress=bar)
    except Cancelled:
        raise failure("It was cancelled; no model came of it.") from None
    _print(model)
    typer.echo(f"Model {model.number} is trained. To see what it would do: safehold learn shadow {model.number}")


def cancel(service: Service = "") -> None:
    """Ask for the end of the training that runs now, wherever it was started. No model comes of it.

    Example: safehold learn cancel
    """
    use_django()
    from safehold.desk.learning import runs

    run = runs.running(service_named(service))
    if run is None:
        raise failure("No model is being trained.")
    do(runs.cancel, None, run.pk)
    typer.echo("It ends at its next step; no model comes of it.")


def list_models() -> None:
    """The models there are, the newest first.

    Example: safehold learn list
    """
    use_django()
    from safehold.desk.learning.models import LearnedModel
    from safehold.desk.learning.training import lessons_of

    table = Table("Model", "State", "Texts", "Learned", "Trained", "Promoted", "KB", box=None, pad_edge=False)
    for model in LearnedModel.objects.order_by("-number"):
        lessons = lessons_of(model)
        learned = [name for name, lesson in lessons.attributes.items() if not lesson.why]
        table.add_row(
            str(model.number), model.state, f"{lessons.texts:,}", ", ".join(learned), f"{model.trained_at:%Y-%m-%d %H:%M}",
            f"{model.promoted_at:%Y-%m-%d %H:%M}" if model.promoted_at else "", f"{model.size / 1000:,.0f}",
        )  # fmt: skip
    console.print(table)


def show(number: Number) -> None:
    """One model's figures on the audit share, with 95 % intervals, and beside them those of the model that was live.

    Example: safehold learn show 3
    """
    use_django()
    _print(_model(number))


def shadow(
    number: Number,
    off: Annotated[bool, typer.Option("--off", help="Take it out of shadow again.")] = False,
) -> None:
    """Run a model in shadow: it scores what the live one scores, and nobody feels it.

    Example: safehold learn shadow 3
    """
    use_django()
    from safehold.desk.learning.promoting import unwatch, watch

    model = do(unwatch if off else watch, None, _model(number).pk)
    typer.echo(f"Model {model.number} is {'out of' if off else 'in'} shadow.")


def promote(
    number: Number,
    note: Note = "",
    worse: Annotated[bool, typer.Option("--worse", help="Also if it is worse than the live one at something.")] = False,
) -> None:
    """Make a model in shadow the live one, for all gateways within a second.

    Example: safehold learn promote 3 --note "two weeks in shadow, fewer false alarms"
    """
    use_django()
    from safehold.desk.learning.promoting import promote as put

    model = do(put, None, _model(number).pk, note=note, worse=worse)
    typer.echo(f"Model {model.number} is live. To go back: safehold learn rollback")


def rollback(note: Note = "") -> None:
    """Go back to the model that was live before the present one.

    Example: safehold learn rollback --note "too many quotes of insults are held"
    """
    use_django()
    from safehold.desk.learning.promoting import roll_back

    gone, now = do(roll_back, None, note=note)
    typer.echo(f"Model {gone.number} is retired; {f'model {now.number} is live again' if now else 'no model is live'}.")


def reject(number: Number, note: Note = "") -> None:
    """Say that a model won't be used. Its report stays.

    Example: safehold learn reject 3 --note "learned from a week of raids"
    """
    use_django()
    from safehold.desk.learning.promoting import reject as drop

    typer.echo(f"Model {do(drop, None, _model(number).pk, note=note).number} is rejected.")


def next_texts(
    attribute: Annotated[str, typer.Option(help="What to ask of them: toxicity, spam, ...")] = "toxicity",
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many texts.")] = 50,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A CSV file; standard output if left out.")] = None,
    service: Service = "",
) -> None:
    """The texts to label next, as a file whose `value` somebody fills in (1 or 0) and `safehold labels import` brings back:
    those of which the model is least sure, and 20 % drawn by lot from those that no model is trained on.

    Example: safehold learn next --attribute spam --count 100 -o to-label.csv
    """
    use_django()
    from safehold.desk.learning.next import picks
    from safehold.signals.community.attributes import ATTRIBUTES

    if attribute not in ATTRIBUTES:
        raise typer.BadParameter(f"there are {', '.join(ATTRIBUTES)}", param_hint="--attribute")
    found = picks(service_named(service), attribute, count)
    with out.open("w", encoding="utf-8", newline="") if out is not None else nullcontext(sys.stdout) as opened:
        writer = csv.writer(opened)
        writer.writerow(("text", "attribute", "value", "reference"))
        writer.writerows((pick.words, attribute, "", pick.event.id) for pick in found)
    typer.echo(f"{len(found):,} texts, {sum(pick.why == 'audit' for pick in found):,} of them for measuring.", err=True)


def ask(
    attribute: Annotated[str, typer.Option(help="What to ask of them: toxicity, spam, ...")] = "toxicity",
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many texts.")] = 50,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take back what waits there instead.")] = False,
    service: Service = "",
) -> None:
    """Have moderators label texts as tasks of the review queue: those that `safehold learn next` names. One in five is labelled
    by two people, which says how far they agree.

    Example: safehold learn ask --attribute spam --count 100
    """
    use_django()
    from safehold.desk.learning import asking
    from safehold.signals.community.attributes import ATTRIBUTES

    if attribute not in ATTRIBUTES:
        raise typer.BadParameter(f"there are {', '.join(ATTRIBUTES)}", param_hint="--attribute")
    place = service_named(service)
    if withdraw:
        typer.echo(f"{do(asking.withdraw, None, place, attribute):,} tasks taken back.")
        return
    typer.echo(f"{do(asking.ask, None, place, attribute, count):,} texts wait in the queue {asking.queue().title}.")


def _model(number: int) -> "LearnedModel":
    from safehold.desk.learning.models import LearnedModel

    found = LearnedModel.objects.filter(number=number).first()
    if found is None:
        raise failure(f"There is no model {number}; `safehold learn list` has them.")
    return found


def _print(model: "LearnedModel") -> None:
    from safehold.desk.learning.training import lessons_of

    lessons = lessons_of(model)
    console.print(
        f"Model {model.number} ({model.name}), {model.state}: {lessons.texts:,} texts, {lessons.audit_texts:,} of them only "
        f"for measuring, {lessons.copies:,} copies joined; {model.size / 1000:,.0f} KB, {model.seconds:,.1f} s"
    )
    table = Table("Attribute", "Labels", "Yes", "AUC", "F1", "Precision", "Recall", "Calibration error", "AUC, to live",
                  box=None, pad_edge=False)  # fmt: skip
    for name, lesson in lessons.attributes.items():
        if lesson.why or lesson.audit is None:
            table.add_row(name, f"{lesson.labels:,}", f"{lesson.positives:,}", lesson.why or "no audit labels yet")
            continue
        found = lesson.audit
        columns = (found.auc, found.f1, found.precision, found.recall, found.calibration_error)
        better = _words(lesson.better, signed=True) if lesson.better else ""
        table.add_row(name, f"{lesson.labels:,}", f"{lesson.positives:,}", *map(_words, columns), better)
    console.print(table)
    for name, lesson in lessons.attributes.items():
        for language, each in lesson.languages.items():
            learned = "learned" if each.taught else "too few to answer in it"
            console.print(
                f"{name} in {language}: {each.labels:,} labels, {each.positives:,} yes, AUC {_words(each.auc)}; {learned}"
            )


def _words(figure: "Figure", signed: bool = False) -> str:
    if figure.value is None:
        return "unknown"
    sign = "+" if signed else ""
    interval = f" ({figure.low:{sign}.2f} to {figure.high:{sign}.2f})" if figure.low is not None else ""
    return f"{figure.value:{sign}.2f}{interval}"


for name, command in (
    ("train", train), ("cancel", cancel), ("list", list_models), ("show", show), ("shadow", shadow), ("promote", promote),
    ("rollback", rollback), ("reject", reject), ("next", next_texts), ("ask", ask),
):  # fmt: skip
    app.command(name)(command)
