"""Lets comparisons and kept comments go when their time is over, one thread a process."""

import threading

import structlog
from django.db import close_old_connections

from safehold.desk.sidebyside.keeping import forget_old, say_that_texts_are_kept

log = structlog.get_logger("safehold.sidebyside")

#: How often they are looked for.
EVERY_SECONDS = 3600.0


def run(stop: threading.Event) -> None:
    """The worker."""
    say_that_texts_are_kept()
    while True:
        comparisons, texts = forget_old()
        if comparisons or texts:
            log.info("comparisons_forgotten", comparisons=comparisons, texts=texts)
        close_old_connections()
        if stop.wait(EVERY_SECONDS):
            return
