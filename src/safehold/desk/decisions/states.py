"""An action's life at the platform, and a webhook delivery's. "Decided" and "done" are different states.

A `Decision` has no state column: it is immutable, so whether it is in force follows from whether another one
overrides it.
"""

from safehold.states import Machine

#: The states of an action that holds: from its start, whether or not the platform has answered, to its end.
UNDER_WAY = ("pending", "dispatched", "acknowledged", "failed", "dead_letter", "active")

ACTION = Machine(
    "action",
    "pending",
    {
        "dispatched": {"pending": "dispatched", "failed": "dispatched"},
        "acknowledged": {"dispatched": "acknowledged"},
        "failed": {"dispatched": "failed"},
        "dead_lettered": {"dispatched": "dead_letter", "failed": "dead_letter"},
        "retried": {"dead_letter": "pending"},
        "activated": {"acknowledged": "active"},
        # Both at every moment, also while the platform has not answered yet: an end is an end.
        "expired": dict.fromkeys(UNDER_WAY, "expired"),
        "reversal_requested": dict.fromkeys(UNDER_WAY, "reversal_pending"),
        "reversed": {"reversal_pending": "reversed"},
    },
)

DELIVERY = Machine(
    "delivery",
    "pending",
    {
        "delivered": {"pending": "delivered", "retrying": "delivered"},
        "failed": {"pending": "retrying", "retrying": "retrying"},
        "given_up": {"pending": "dead_letter", "retrying": "dead_letter"},
        "retried": {"dead_letter": "pending"},
        "cancelled": {"pending": "cancelled", "retrying": "cancelled"},
    },
)
