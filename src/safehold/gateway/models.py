"""The community model, kept as the database says while texts are scored. One thread asks each half second which model is live;
another one is loaded beside it and takes its seat by one assignment, between two measurements. Every process that measures has
one: those that decide, and those that answer. Who calls: `safehold.site`.
"""

import threading
from typing import Protocol

import structlog

from safehold.gateway.following import follow
from safehold.signals.community.model import NotAModel, digest_of, read
from safehold.signals.community.seat import SEAT, Live, Seat

log = structlog.get_logger("safehold.gateway")


class ModelSource(Protocol):
    """The database behind the models. Every method may block; none is called from the event loop."""

    def live(self) -> tuple[str, str] | None:
        """(name, digest) of the model that is live; None if none is."""

    def content(self, digest: str) -> bytes:
        """The file of the model with this digest."""

    def close(self) -> None:
        """Close the calling thread's connection."""


class ModelKeeper:
    """Keeps a seat filled."""

    def __init__(self, source: ModelSource, seat: Seat = SEAT) -> None:
        self._source, self._seat = source, seat
        self._seen: tuple[str, str] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-models", daemon=True)

    def start(self) -> None:
        """Take what is live now, before anything is measured, and follow from then on. Raises what the source raises."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def look(self) -> None:
        """Take the model that is live, if it is another one. One that can't be read leaves the seat empty: the scores of the one
        before are not what was promoted, and unknown is the truth."""
        wanted = self._source.live()
        if wanted == self._seen:
            return
        self._seat.live = self._loaded(*wanted) if wanted is not None else None
        self._seen = wanted
        log.info("community_model", model=wanted[0] if wanted else None, usable=self._seat.live is not None)

    def _loaded(self, name: str, digest: str) -> Live | None:
        try:
            content = self._source.content(digest)
            if digest_of(content) != digest:
                raise NotAModel("its bytes are not those that were trained: the digest differs")
            return Live(name, read(content))
        except NotAModel as error:
            log.error("community_model_unusable", model=name, why=str(error))
            return None

    def _run(self) -> None:
        # The model that is known goes on; verdicts name it.
        follow(self.look, self._stop, self._source.close, "community_model_unreadable")
