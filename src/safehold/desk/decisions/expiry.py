"""Ends actions whose time is over, and tells the platform. A daemon."""

import threading

import structlog
from django.db import close_old_connections, connection
from django.utils import timezone

from safehold.desk.decisions.deliveries import tell_expired
from safehold.desk.decisions.models import Action
from safehold.desk.decisions.states import UNDER_WAY
from safehold.record.recording import recording

log = structlog.get_logger("safehold.expiry")

IDLE_SECONDS = 1.0
BATCH = 50


def expire_once(limit: int = BATCH) -> int:
    """End up to `limit` actions whose end has come, oldest first; return how many."""
    due = Action.objects.filter(state__in=UNDER_WAY, ends_at__lte=timezone.now()).order_by("ends_at")
    if not due.exists():
        return 0
    with recording() as record:
        rows = due.select_related("decision__event", "decision__policy")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        ended = list(rows[:limit])
        for action in ended:
            tell_expired(record, action)
    return len(ended)


def run(stop: threading.Event) -> None:
    """Look every second until `stop` is set."""
    while not stop.is_set():
        try:
            ended = expire_once()
        except Exception as error:
            log.error("expiry_stalled", exc_info=error)
            close_old_connections()
            ended = 0
        if not ended:
            stop.wait(IDLE_SECONDS)
    connection.close()
