"""Opening a commitment: what the affected person's page carries so that their browser can check the entry by itself."""

from django.db import models

from safehold.ledger.entry import row_text
from safehold.record.registry import spec_of


def opening(row: models.Model) -> dict[str, str]:
    """`{"salt", "text"}` for verify.js: whoever has it can read every covered field and check them against the entry.

    For the person the row is about and for nobody else.
    """
    spec = spec_of(row)
    text = row_text(spec, {name: getattr(row, name) for name in spec.fields})
    return {"salt": row.salt, "text": text.decode()}  # type: ignore[attr-defined]
