"""What goes on by itself in this room, one thread a process: words whose time is over go."""

import threading

import structlog

from safehold.desk.learning.taking import forget

log = structlog.get_logger("safehold.learning")

#: How often words whose time is over are looked for.
FORGET_SECONDS = 3600.0


def run(stop: threading.Event) -> None:
    """The worker."""
    while not stop.wait(FORGET_SECONDS):
        if gone := forget():
            log.info("label_texts_forgotten", texts=gone)
