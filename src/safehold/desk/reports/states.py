"""A notice's life: received, acknowledged to the notifier, linked to a task, resolved, and the notifier told."""

from safehold.states import Machine

_RESOLVED = ("actioned", "no_action", "duplicate", "inadmissible")

NOTICE = Machine(
    "notice",
    "received",
    {
        "acknowledged": {"received": "acknowledged"},
        "linked": {"acknowledged": "linked"},
        **{outcome: {"acknowledged": outcome, "linked": outcome} for outcome in _RESOLVED},
        "notified": dict.fromkeys(_RESOLVED, "notified"),
        "reopened": dict.fromkeys((*_RESOLVED, "notified"), "linked"),
    },
)
