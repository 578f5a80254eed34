"""Looks that ended long ago are let go of: what was answered is in the record, and the row says no more than that it was asked.
Who calls: `taking`, each hour.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from safehold.desk.looks.models import Look
from safehold.record.recording import recording

#: Rows of one transaction: milliseconds in which nobody else writes (SQLite).
CHUNK = 1_000


def forget(days: float, now: datetime | None = None) -> int:
    """Delete the rows of looks that ended more than so many days ago; how many that were. One that waits stays, however old."""
    before = (now or timezone.now()) - timedelta(days=days)
    gone, last = 0, 0
    while True:
        rows = Look.objects.filter(position__gt=last).order_by("position")
        page = list(rows.values_list("position", "created_at", "finished_at")[:CHUNK])
        if old := [position for position, _, ended in page if ended is not None and ended < before]:
            with recording():
                gone += Look.objects.filter(pk__in=old).delete()[0]
        if not page or page[-1][1] >= before:  # what comes after was asked later
            return gone
        last = page[-1][0]
