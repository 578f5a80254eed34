"""A training from labels in a database to a model that is kept, and again after some more labels: run as a process of its own by
`benchmarks.learning`, with SAFEHOLD_VAR and perhaps SAFEHOLD_DATABASE_URL set, and the number of labels as its argument.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "safehold.site.settings"
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks.learning import abuse  # noqa: E402
from safehold.desk.entities.models import Service  # noqa: E402
from safehold.desk.learning.models import ModelFile  # noqa: E402
from safehold.desk.learning.taking import submit_many  # noqa: E402
from safehold.desk.learning.training import train_now  # noqa: E402
from safehold.gateway.store import LabelSubmission  # noqa: E402


def labels(first: int, last: int) -> Iterator[LabelSubmission]:
    texts, truth = abuse(last)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for place in range(first, last):
        yield LabelSubmission(
            text=f"{texts[place]} {place}", attribute="toxicity", value=float(truth[place]), source="manual", at=at,
            reference="benchmark",
        )  # fmt: skip


def timed(count: int, more: int) -> dict[str, float]:
    call_command("migrate", verbosity=0)
    Service.objects.get_or_create(slug="plaza", defaults={"name": "Plaza"})
    found: dict[str, float] = {}

    def took(name: str, do: object) -> None:
        begun = time.process_time()
        do()  # type: ignore[operator]
        found[f"{name}, s"] = time.process_time() - begun

    took("labels brought in", lambda: list(submit_many("plaza", labels(0, count))))
    took("first training", lambda: train_now(None, "plaza", progress=shown))
    list(submit_many("plaza", labels(count, count + more)))
    took(f"training after {more:,} more", lambda: train_now(None, "plaza", progress=shown))
    found["peak MB"] = peak()
    found["models"] = float(ModelFile.objects.count())
    return found


def peak() -> float:
    """Most memory that this process has had: `getrusage` counts that of the one that began it too."""
    told = Path("/proc/self/status").read_text()
    return int(told.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def shown(step: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{connection.vendor}: {step} {done:,} of {total:,}   ")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(timed(int(sys.argv[1]), int(sys.argv[2]))) + "\n")
