"""A notice's life: received, acknowledged to the notifier, linked to a task, resolved, and the notifier told."""

from safehold.states import Machine

_RESOLVED = ("actioned", "no_action", "duplicate", "inadmissible")

NOTICE = Machine(
    "notice",
    "received",
    {
        "acknowledged": {"received": "acknowledged"},
        # A slow receipt holds nothing up: the notice can be worked on, and resolved, before the notifier has it.
        "linked": {"received": "linked", "acknowledged": "linked"},
        **{outcome: dict.fromkeys(("received", "acknowledged", "linked"), outcome) for outcome in _RESOLVED},
        "notified": dict.fromkeys(_RESOLVED, "notified"),
        "reopened": dict.fromkeys((*_RESOLVED, "notified"), "linked"),
    },
)
