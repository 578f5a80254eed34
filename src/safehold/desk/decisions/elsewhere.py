"""What all gateways of an installation counted together: the breaker's limits are the installation's, not one process's.

`intake` asks within its transaction, if another process has written since its own last one. Whoever holds the pen sees
everything that was decided before, so the match that is too much is the same one however many processes there are.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime

from django.db import connection

from safehold.desk.decisions.bulk import BulkCursor

_HITS = "SELECT name, SUM(hits) FROM decisions_rulehits WHERE hour = %s GROUP BY name"
_DONE_TODAY = """SELECT action, COUNT(*) FROM decisions_decision
WHERE decided_at >= %s AND person_id IS NULL AND action IN ({actions}) GROUP BY action"""
_DONE_SINCE = """SELECT d.action, COUNT(*) FROM entities_event e JOIN decisions_decision d ON d.event_id = e.id
WHERE e.position > %s AND e.position <= %s AND d.person_id IS NULL AND d.action IN ({actions}) GROUP BY d.action"""


class Elsewhere:
    """`quotas` are the actions that are counted by the day."""

    def __init__(self, quotas: Collection[str]) -> None:
        self._actions = sorted(quotas)
        self._in = ", ".join(["%s"] * len(self._actions))
        self._day: date | None = None
        self._until = 0  # the position up to which actions are counted
        self._done: Counter[str] = Counter()

    def hits(self, cursor: BulkCursor, now: datetime) -> dict[str, int]:
        """How often each rule (`policy/rule`) matched in the hour of `now`."""
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        cursor.execute(_HITS, (connection.ops.adapt_datetimefield_value(hour),))
        return {name: int(hits) for name, hits in cursor.fetchall()}

    def done(self, cursor: BulkCursor, last: int, now: datetime) -> Mapping[str, int]:
        """How often rules did each action on the day (UTC) of `now`, in a record that ends at the position `last`. All of the
        day is counted once, and then what is new."""
        if not self._actions:
            return {}
        day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self._day != day.date():
            self._day, self._done = day.date(), Counter()
            since = connection.ops.adapt_datetimefield_value(day)
            cursor.execute(_DONE_TODAY.format(actions=self._in), (since, *self._actions))
        else:
            cursor.execute(_DONE_SINCE.format(actions=self._in), (self._until, last, *self._actions))
        self._done.update(dict(cursor.fetchall()))
        self._until = last
        return self._done
