"""`safehold policy graph`: what reads what, as a picture or as data."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def graph(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of policies.")] = Path("policies"),
    policy: Annotated[
        list[str] | None, typer.Option("--policy", metavar="KEY", help="Only this policy; may be repeated.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Nodes and edges as JSON instead of an SVG.")] = False,
) -> None:
    """Draw what reads what: event types, fields, signals, windows, lists and labels, rules, and what they do.

    The SVG stands alone, reads in light and dark, and every box and line says what it is.

    Example: safehold policy graph policies --policy scams.romance -o romance.svg
    """
    from safehold.cli.policy import load
    from safehold.engine import installed_signals
    from safehold.engine.authoring.drawing import svg
    from safehold.engine.authoring.graph import graph as graph_of

    bundle = load(folder)
    keys = policy or []
    try:
        found = graph_of(bundle, installed_signals(), keys)
    except KeyError as unknown:
        known = ", ".join(one.key for one in bundle.policies)
        raise typer.BadParameter(f"there is no policy {unknown}; there are: {known}") from None
    title = f"What reads what in {', '.join(keys) or folder.name}"
    text = json.dumps(asdict(found), indent=2, ensure_ascii=False) + "\n" if as_json else svg(found, title)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        typer.echo(f"{output}: {len(found.nodes)} nodes, {len(found.edges)} edges")
