"""How many random cases the property tests try."""

import os

from hypothesis import settings

#: 1 in `make test`, seeded; `make nightly` sets 250.
CASES = int(os.environ.get("SAFEHOLD_CASES", "1"))


def cases(count: int, **more: object) -> settings:
    """`count` cases in `make test`, in proportion more at night: a decorator for a property test."""
    return settings(max_examples=count * CASES, **more)  # type: ignore[arg-type]
