"""A task's life. `closed` is final: to look again is a new task with this one as its parent."""

from safehold.states import Machine

TASK = Machine(
    "task",
    "queued",
    {
        "claimed": {"queued": "claimed"},
        "released": {"claimed": "queued"},
        "lease_expired": {"claimed": "queued"},
        "skipped": {"claimed": "queued"},  # and the skipper is excluded
        "moved": {"claimed": "queued", "queued": "queued"},
        "escalated": {"claimed": "queued"},
        "decided": {"claimed": "decided"},
        "held": {"decided": "held"},
        "confirmed": {"held": "closed"},
        "returned": {"held": "queued"},
        "closed": {"decided": "closed", "queued": "closed"},  # queued: what it was about was settled elsewhere
    },
)
