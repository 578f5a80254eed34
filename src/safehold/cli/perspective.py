"""`safehold perspective`: two services side by side while the old one lives, and the calibration that is fitted from them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import track
from rich.table import Table

from safehold.cli.lists_shell import console, failure, use_django, write_out

if TYPE_CHECKING:
    from safehold.gateway.perspective.calibration import Agreement

app = typer.Typer(no_args_is_help=True, help="Perspective's API: compare with the old service, calibrate.")

Service = Annotated[str, typer.Option(help="The service they are of; this installation's own if left out.")]
_ASKED = ("TOXICITY", "SEVERE_TOXICITY", "IDENTITY_ATTACK", "INSULT", "PROFANITY", "THREAT", "SEXUALLY_EXPLICIT")


@app.command()
def status(service: Service = "") -> None:
    """How many comparisons there are, by attribute; what failed; which calibration is in force.

    Example: safehold perspective status
    """
    use_django()
    from django.conf import settings
    from django.db.models import Count, Q

    from safehold.desk.sidebyside.models import Comparison
    from safehold.desk.sidebyside.versions import in_force

    rows = Comparison.objects.filter(service=service or settings.SAFEHOLD_SERVICE)
    table = Table("Attribute", "Model", "Compared", "Failed", box=None, pad_edge=False)
    counts = rows.values("attribute", "model").order_by("attribute", "model")
    for row in counts.annotate(good=Count("pk", filter=Q(failed="")), bad=Count("pk", filter=~Q(failed=""))):
        table.add_row(row["attribute"] or "(none)", row["model"], f"{row['good']:,}", f"{row['bad']:,}")
    console.print(table)
    reasons = rows.exclude(failed="").values("failed").order_by("failed").annotate(count=Count("pk"))
    for failed, count in reasons.values_list("failed", "count"):
        console.print(f"{count:,} × {failed}", highlight=False)
    upstream = settings.SAFEHOLD_PERSPECTIVE_UPSTREAM or "nobody (SAFEHOLD_PERSPECTIVE_UPSTREAM is not set)"
    console.print(f"Asked beside our own model: {upstream}", highlight=False)
    console.print(f"Calibration in force: {in_force(settings.SAFEHOLD_CALIBRATIONS) or 'none'}", highlight=False)


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A text a line, or NDJSON with `text`.")],
    attributes: Annotated[str, typer.Option(help="Comma-separated names.")] = ",".join(_ASKED),
    language: Annotated[str, typer.Option(help="What the texts are written in.")] = "en",
    service: Service = "",
) -> None:
    """Have texts of your own scored by both services, and keep both scores. The texts are sent to the old service, and kept only
    if SAFEHOLD_COMPARISON_TEXT_DAYS says so.

    Example: safehold perspective compare comments.ndjson
    """
    use_django()
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    from safehold.desk.sidebyside.asking import asker
    from safehold.desk.sidebyside.keeping import keep_comparisons
    from safehold.gateway.learned import Answers
    from safehold.gateway.perspective.analysis import analyse
    from safehold.gateway.perspective.attributes import model_name
    from safehold.gateway.perspective.upstream import FAILURES, Failed, ask_scores, pairs_of, scores_of
    from safehold.gateway.problems import Refusal

    try:
        ask = asker()
    except ImproperlyConfigured as error:
        raise failure(str(error)) from None
    whose = service or settings.SAFEHOLD_SERVICE
    names = [name.strip() for name in attributes.split(",") if name.strip()]
    compared = failed = in_a_row = 0
    for number, text in track(list(_texts(file)), console=console, transient=True, description="Comparing"):
        message: dict[str, Any] = {
            "comment": {"text": text},
            "requestedAttributes": {name: {} for name in names},
            "languages": [language],
            "doNotStore": True,
        }
        try:
            found = analyse(message, lambda _, score: score, Answers())
        except Refusal as refusal:
            console.print(f"line {number} is left out: {refusal.detail}", highlight=False)
            continue
        said: dict[str, float] | None = None
        why = ""
        try:
            said = scores_of(ask_scores(ask, message))
            in_a_row = 0
        except Failed as failing:
            why, in_a_row = str(failing), in_a_row + 1
        size = len(text.encode())
        keep_comparisons(whose, pairs_of(found.raw, said, failed=why, language=language, size=size), text, model_name())
        compared, failed = compared + (not why), failed + bool(why)
        if in_a_row >= FAILURES:
            raise failure(
                f"line {number}: the other service failed {FAILURES} times in a row ({why}); {compared:,} compared"
            )
    console.print(f"{compared:,} compared, {failed:,} failed. Next: safehold perspective calibrate", highlight=False)


@app.command()
def calibrate(
    use: Annotated[bool, typer.Option("--use", help="Put it in force at once.")] = False,
    service: Service = "",
) -> None:
    """Fit a rising map from our scores to the old service's for each attribute with 200 comparisons, show how both agree
    without and with it (on comments that it was not fitted to), and write it as a new version.

    Example: safehold perspective calibrate --use
    """
    use_django()
    from django.conf import settings

    from safehold.desk.sidebyside import versions
    from safehold.desk.sidebyside.fitting import fit
    from safehold.desk.sidebyside.keeping import pairs_by_attribute
    from safehold.gateway.perspective.attributes import model_name

    maps = {}
    table = Table(
        "Attribute",
        "n",
        "Difference before",
        "after",
        "Same side of .7 before",
        "after",
        "Ranks",
        box=None,
        pad_edge=False,
    )
    for name, pairs in pairs_by_attribute(service or settings.SAFEHOLD_SERVICE, model_name()).items():
        try:
            found = maps[name] = fit(pairs)
        except ValueError as error:
            console.print(f"{name} is left out: {error}", highlight=False)
            continue
        if found.before is not None and found.after is not None:
            table.add_row(
                name, f"{found.after.n:,}", _difference(found.before), _difference(found.after), _side(found.before),
                _side(found.after), f"{found.after.ranks:.2f}",
            )  # fmt: skip
    if not maps:
        raise failure("there are too few comparisons to fit anything; see `safehold perspective status`")
    console.print(table)
    made = versions.write(settings.SAFEHOLD_CALIBRATIONS, maps, model_name())
    console.print(
        f"Written as version {made.version} in {settings.SAFEHOLD_CALIBRATIONS}.", highlight=False, soft_wrap=True
    )
    if use:
        versions.use(settings.SAFEHOLD_CALIBRATIONS, made.version)
        console.print(f"Version {made.version} is in force.", highlight=False)
    else:
        console.print(f"Put it in force with: safehold perspective use {made.version}", highlight=False)


@app.command(name="use")
def use_version(version: Annotated[str, typer.Argument(help="A version's number, or `none`.")]) -> None:
    """Put a version in force, or go back to an earlier one, or to none. Running gateways follow within a second.

    Example: safehold perspective use none
    """
    use_django()
    from django.conf import settings

    from safehold.desk.sidebyside import versions

    if version != "none" and not version.isdecimal():
        raise failure(f"{version} is no version: give its number, or none")
    try:
        versions.use(settings.SAFEHOLD_CALIBRATIONS, 0 if version == "none" else int(version))
    except ValueError as error:
        raise failure(str(error)) from None
    console.print(
        "No calibration is in force." if version == "none" else f"Version {version} is in force.", highlight=False
    )


@app.command(name="versions")
def list_versions() -> None:
    """Every version of the calibration, and which is in force.

    Example: safehold perspective versions
    """
    use_django()
    from django.conf import settings

    from safehold.desk.sidebyside import versions

    folder = settings.SAFEHOLD_CALIBRATIONS
    now = versions.in_force(folder)
    table = Table("Version", "Made", "Model", "Attributes", "", box=None, pad_edge=False)
    for one in versions.versions(folder):
        state = "in force" if one.version == now else ""
        table.add_row(
            str(one.version), one.made_at[:16].replace("T", " "), one.model, ", ".join(sorted(one.maps)), state
        )
    console.print(table)


@app.command()
def forget(
    days: Annotated[int, typer.Option(min=0, help="Keep those of the last so many days; 0 keeps none.")] = 0,
    service: Service = "",
) -> None:
    """Delete comparisons. Calibrations that were fitted from them stay.

    Example: safehold perspective forget --days 90
    """
    use_django()
    from django.conf import settings

    from safehold.desk.sidebyside.keeping import forget_comparisons

    gone = forget_comparisons(service or settings.SAFEHOLD_SERVICE, days)
    console.print(f"{gone:,} comparisons are forgotten.", highlight=False)


@app.command(name="texts")
def write_texts(
    out: Annotated[Path | None, typer.Option("--out", help="Where to; standard output if left out.")] = None,
    service: Service = "",
) -> None:
    """Write the comments that were kept (SAFEHOLD_COMPARISON_TEXT_DAYS) with what both services said of them, as NDJSON, to be
    labelled. That they were read is in the audit trail.

    Example: safehold perspective texts --out compared.ndjson
    """
    use_django()
    from django.conf import settings

    from safehold.desk.sidebyside.keeping import texts_to_label

    found = texts_to_label(service or settings.SAFEHOLD_SERVICE)
    write_out((json.dumps(one, ensure_ascii=False) + "\n" for one in found), out)


def _texts(file: Path) -> Iterator[tuple[int, str]]:
    """The number of each line with its text; empty lines are skipped."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if text.startswith("{"):
                try:
                    text = json.loads(text)["text"]
                except (ValueError, KeyError, TypeError):
                    raise failure(f'{file.name}, line {number}: must be JSON with a "text"') from None
            if isinstance(text, str) and text.strip():
                yield number, text


def _difference(found: "Agreement") -> str:
    return f"{found.difference:.3f} ({found.difference_low:.3f} to {found.difference_high:.3f})"


def _side(found: "Agreement") -> str:
    return f"{found.same_side:.1%} ({found.same_side_low:.1%} to {found.same_side_high:.1%})"
