"""`safehold policy schema`: JSON Schemas for editors."""

import json
from typing import Annotated, Literal

import typer


def schema(
    of: Annotated[Literal["policy", "event-type", "list"], typer.Argument(metavar="policy|event-type|list")] = "policy",
) -> None:
    """Print the JSON Schema of a policy's, an event type's or a list's file, for an editor's YAML server.

    Example: safehold policy schema policy > policy.schema.json
    """
    from safehold.engine.authoring.schema import KINDS
    from safehold.engine.authoring.schema import schema as schema_of

    kind = next(kind for kind in KINDS if kind.replace(" ", "-") == of)
    typer.echo(json.dumps(schema_of(kind), indent=2, ensure_ascii=False))
