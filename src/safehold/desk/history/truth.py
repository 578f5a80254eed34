"""What people decided about events in the end: the truth that precision and recall are measured against.

The newest decision of a person in a chain counts, heard appeals included; a rule's own verdict is no truth.
"""

from datetime import datetime

from safehold.desk.decisions.models import Decision
from safehold.replay.report import Label, Truth


def truth(since: datetime | None = None) -> Truth:
    """People's last word on each event, by its position; on events received from `since` on."""
    found = Decision.objects.filter(person__isnull=False).order_by("decided_at", "pk")
    if since is not None:
        found = found.filter(event__received_at__gte=since)
    return Truth(
        {
            position: Label(action, tuple(policies or ()))
            for position, action, policies in found.values_list("event__position", "action", "policies")
        }
    )
