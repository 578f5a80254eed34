"""An appeal's life (a complaint in the sense of DSA Art. 20)."""

from safehold.states import Machine

_OUTCOMES = ("upheld", "overturned", "modified")

APPEAL = Machine(
    "appeal",
    "filed",
    {
        "found_inadmissible": {"filed": "inadmissible"},
        "assigned": {"filed": "assigned"},
        "opened": {"assigned": "in_review"},
        "returned": {"in_review": "assigned"},  # the reviewer let go of it
        **{outcome: {"in_review": outcome} for outcome in _OUTCOMES},
        "implemented": dict.fromkeys(_OUTCOMES, "implemented"),
        "notified": {"implemented": "notified", "inadmissible": "notified"},
        "withdrawn": {"filed": "withdrawn", "assigned": "withdrawn", "in_review": "withdrawn"},
    },
)
