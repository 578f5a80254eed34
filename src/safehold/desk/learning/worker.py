"""What goes on by itself in this room, one thread a process: the model in shadow follows the record, texts that have labels are
read for the next training, and words whose time is over go.
"""

import threading
import time

import structlog

from safehold.desk.learning.readings import read_ahead
from safehold.desk.learning.shadow import follow
from safehold.desk.learning.taking import forget
from safehold.engine.signal import SignalFailed
from safehold.signals.community.model import NotAModel

log = structlog.get_logger("safehold.learning")

#: How often words whose time is over are looked for, and new events for the model in shadow.
FORGET_SECONDS, FOLLOW_SECONDS = 3600.0, 2.0


def run(stop: threading.Event) -> None:
    """The worker."""
    forgot, said = time.monotonic(), ""
    while not stop.wait(FOLLOW_SECONDS):
        try:
            while follow() and not stop.is_set():
                pass
        except NotAModel as error:  # another version of Safehold trained it; its page says so too
            if str(error) != said:
                said = str(error)
                log.warning("shadow_model_unusable", why=said)
        try:
            read_ahead()
        except SignalFailed as error:  # the shipped model is not there: who measures says so, and a training will
            if str(error) != said:
                said = str(error)
                log.warning("texts_not_read_ahead", why=said)
        if time.monotonic() - forgot >= FORGET_SECONDS:
            forgot = time.monotonic()
            if gone := forget():
                log.info("label_texts_forgotten", texts=gone)
