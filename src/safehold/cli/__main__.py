"""`python -m safehold.cli`: the command without its script."""

from safehold.cli import app

app()
