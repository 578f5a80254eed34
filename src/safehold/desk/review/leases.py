"""The clock of the review room: leases that ran out go back to their queue. One loop a process is enough; several do
no harm. `safehold.site` starts `run` in a thread.
"""

import threading

import structlog
from django.db import DatabaseError, close_old_connections, connections

from safehold.desk.review.claims import expire

log = structlog.get_logger("safehold.review")

INTERVAL_SECONDS = 5.0


def run(stop: threading.Event) -> None:
    """Expire leases until `stop` is set. A database that is away for a while is waited for."""
    failing = False
    while not stop.wait(INTERVAL_SECONDS):
        close_old_connections()
        try:
            if count := expire():
                log.info("leases_expired", count=count)
            failing = False
        except DatabaseError as error:
            if not failing:
                log.error("leases_not_expired", error=str(error))
            failing = True
    connections.close_all()
