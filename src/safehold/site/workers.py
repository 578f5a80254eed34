"""What runs beside the gateway in every process, one daemon thread each: the list, and the threads.

A worker is a function that takes a `threading.Event` and returns when it is set. To add one, add a line.
"""

import threading
from collections.abc import Callable
from importlib import import_module

import structlog
from django.db import close_old_connections

log = structlog.get_logger("safehold.workers")

#: name -> module:function.
WORKERS = {
    "outbox": "safehold.desk.decisions.outbox:run",
    "deliveries": "safehold.desk.decisions.sending:run",
    "expiry": "safehold.desk.decisions.expiry:run",
    "batches": "safehold.desk.rules.batches:run",
    "git": "safehold.desk.rules.rounds:run",
    "looks": "safehold.desk.looks.taking:run",
    "leases": "safehold.desk.review.leases:run",
    "letters": "safehold.desk.appeals.letters:run",
    "answers": "safehold.desk.portal.letters:run",
    "labels": "safehold.desk.learning.worker:run",
    "comparisons": "safehold.desk.sidebyside.worker:run",
    "exchanges": "safehold.desk.banks.exchanges.fetching:run",
    "history": "safehold.desk.history.export:run",
    "checkpoints": "safehold.record.checkpointer:keep_signing",
}
#: A worker that died is started again after so many seconds.
REVIVE_SECONDS = 5.0


class Workers:
    """The threads of one process."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(name, _function(target)), name=f"worker-{name}", daemon=True)
            for name, target in WORKERS.items()
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 20.0) -> None:
        """Ask all to end, and wait for what they have in hand."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout)
            if thread.is_alive():
                log.warning("worker_still_busy", worker=thread.name)

    def _run(self, name: str, function: Callable[[threading.Event], None]) -> None:
        while not self._stop.is_set():
            try:
                function(self._stop)
            except Exception as error:
                log.critical("worker_died", worker=name, exc_info=error)
                close_old_connections()  # or a worker that died of the database's restart would die for ever
                self._stop.wait(REVIVE_SECONDS)


def _function(target: str) -> Callable[[threading.Event], None]:
    module, _, name = target.partition(":")
    function: Callable[[threading.Event], None] = getattr(import_module(module), name)
    return function
