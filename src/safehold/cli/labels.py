"""`safehold labels`: what moderators, and programs, said of texts: how many, out, and in."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from safehold.cli.lists_shell import Bar, console, failure, use_django, write_out

app = typer.Typer(no_args_is_help=True, help="Labels: count, export, import what was said of texts.")

Service = Annotated[str, typer.Option(help="The service they are of; this installation's own if left out.")]


def count(service: Service = "") -> None:
    """How many labels there are, by attribute and by source.

    Example: safehold labels count
    """
    use_django()
    from django.db.models import Count, Q

    from safehold.desk.learning.models import Label
    from safehold.desk.learning.sources import SOURCES

    table = Table("Attribute", *(source.label for source in SOURCES.values()), "Positive", box=None, pad_edge=False)
    by_source = {name: Count("position", filter=Q(source=name)) for name in SOURCES}
    found = Label.objects.filter(service=service_named(service)).values("attribute").order_by("attribute")
    positive = Count("position", filter=Q(value__gte=0.5))
    for attribute, *counts in found.annotate(**by_source, positive=positive).values_list(
        "attribute", *SOURCES, "positive"
    ):
        table.add_row(attribute, *(f"{number:,}" for number in counts))
    console.print(table)


def export(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file; standard output if left out.")] = None,
    format: Annotated[str, typer.Option("--format", help="ndjson or csv; by the file's name if left out.")] = "",
    attribute: Annotated[str, typer.Option(help="Only labels of this attribute.")] = "",
    source: Annotated[str, typer.Option(help="Only of this source: review, appeal, akismet, ...")] = "",
    service: Service = "",
) -> None:
    """Write the labels whose words are still kept. The file holds what people wrote: keep it as you keep that.

    Example: safehold labels export --attribute spam -o spam.ndjson
    """
    use_django()
    from safehold.desk.learning import files

    chosen = _format(format, out)
    pieces = files.export(service_named(service), chosen, attribute=attribute, source=source)
    write_out(pieces, out)


def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="NDJSON or CSV.")],
    format: Annotated[str, typer.Option("--format", help="ndjson or csv; by the file's name if left out.")] = "",
    source: Annotated[str, typer.Option(help="Whose labels they are, where a row doesn't say.")] = "manual",
    service: Service = "",
) -> None:
    """Bring labels in. The columns are text, attribute, value, and if you like source, reference, at. With one wrong row
    nothing is brought in; rows of a CSV file that have no value yet are left out; what is there already is not kept
    twice, so that the same file may be brought again.

    Example: safehold labels import labelled.csv
    """
    use_django()
    from safehold.desk.learning import files

    chosen = _format(format, file)
    place = service_named(service)
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened, Bar() as bar:
            bar("Reading", 0, 0)
            labels, blank = files.read(opened, chosen, source=source)
            new = files.bring_in(place, labels, lambda done: bar("Bringing in", done, len(labels)))
    except files.BadFile as error:
        for problem in error.problems:
            typer.secho(problem, err=True, fg="red")
        raise failure(f"{error}.") from error
    except UnicodeDecodeError as error:
        raise failure(f"{file} is not UTF-8: {error}. Save it as UTF-8 and bring it again.") from error
    left_out = f" {blank:,} without a value were left out." if blank else ""
    typer.echo(f"{len(labels):,} labels read, {new:,} of them new.{left_out}")


def service_named(name: str) -> str:
    """The slug of a service there is, this installation's own where none is named."""
    from django.conf import settings

    from safehold.desk.entities.models import Service as Known

    wanted = name or settings.SAFEHOLD_SERVICE
    if not Known.objects.filter(slug=wanted).exists():
        there = ", ".join(Known.objects.values_list("slug", flat=True)) or "none yet: `safehold up` makes one"
        raise failure(f"There is no service `{wanted}`; there are: {there}.")
    return wanted


def _format(given: str, file: Path | None) -> str:
    from safehold.desk.learning.files import FORMATS

    chosen = given or ("csv" if file is not None and file.suffix.lower() == ".csv" else "ndjson")
    if chosen not in FORMATS:
        raise typer.BadParameter(f"there are {', '.join(FORMATS)}", param_hint="--format")
    return chosen


for name, command in (("count", count), ("export", export), ("import", import_file)):
    app.command(name)(command)
