"""`safehold train`: make the harm model again, from open data and open weights, on this machine."""

from pathlib import Path
from typing import Annotated

import typer

_EXTRA = ("jax", "onnx", "safetensors", "scipy")


def train(
    base: Annotated[Path, typer.Option(help="The folder of the base model: model.safetensors and tokenizer.json.")],
    data: Annotated[Path, typer.Option(help="The `training` folder of a checkout.")] = Path("training"),
    out: Annotated[Path, typer.Option(help="Where the model is written.")] = Path("var/models/harm"),
    steps: Annotated[int, typer.Option(min=0, help="Steps of 48 texts that the network learns for; 0: the usual.")] = 0,
    share: Annotated[float, typer.Option(min=0.001, max=1.0, help="The share of the texts that is used.")] = 1.0,
    layers: Annotated[
        int, typer.Option(min=0, max=6, help="Layers of the base model that are used; 0: the usual.")
    ] = 0,
    after: Annotated[
        Path | None,
        typer.Option(help="The folder of an earlier model to learn on from, instead of the base model's weights."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the hashed n-grams' training.")] = 40,
) -> None:
    """Train the harm model: about half an hour on two cores. The same data and options give the same bytes.

    Needs the package's extra `train`. A run that was stopped while the network was ready goes on from there.

    Example: safehold train --base var/base-model --out src/safehold/signals/harm/model
    """
    from importlib.util import find_spec

    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        typer.echo(f"training needs {', '.join(missing)}: pip install 'safehold[train]'", err=True)
        raise typer.Exit(2)
    from safehold.signals.harm.training.run import Plan, make

    plan = Plan(share=share, rounds=rounds)
    recipe = plan.recipe
    if steps:
        recipe = recipe._replace(steps=steps)
    if layers:
        recipe = recipe._replace(layers=layers, frozen=min(recipe.frozen, layers - 1))
    try:
        version = make(data, base, out, plan._replace(recipe=recipe), lambda line: typer.echo(line, err=True), after)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    typer.echo(f"{out}: version {version}")
