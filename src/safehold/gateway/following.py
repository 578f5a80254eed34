"""How what is kept in memory follows the database: a look every half second, until told to stop. What is known goes on being
used while the database can't be read; that is logged once, not twice a second, and each next look has a connection of its own.

Who calls: the threads of `lists`, `banks`, `models` and `editions`.
"""

import threading
from collections.abc import Callable

import structlog

from safehold.gateway.faults import described

log = structlog.get_logger("safehold.gateway")

LOOK_SECONDS = 0.5


def follow(
    look: Callable[[], None],
    stop: threading.Event,
    close: Callable[[], None],
    unreadable: str,
    failed: Callable[[], None] = lambda: None,
) -> None:
    """Call `look` each half second until `stop` is set, then `close` the thread's connection.

    Whatever `look` raises is logged as `unreadable`, the first of several in a row; `failed` is called each time.
    """
    failing = False
    while not stop.wait(LOOK_SECONDS):
        try:
            look()
            failing = False
        except Exception as error:
            if not failing:
                log.error(unreadable, **described(error))
            failed()
            failing = True
            close()
    close()
