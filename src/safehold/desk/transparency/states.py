"""A statement of reasons' life, up to its entry in the EU's database (the submission itself comes later)."""

from safehold.states import Machine

STATEMENT = Machine(
    "statement",
    "drafted",
    {
        "validated": {"drafted": "validated"},
        "user_notified": {"validated": "user_notified"},
        "due": {"user_notified": "due", "fixed": "due"},
        "accepted": {"due": "accepted"},
        "rejected": {"due": "rejected"},
        "fixed": {"rejected": "fixed"},
        "withheld": {"drafted": "withheld", "validated": "withheld"},  # with the reason why none is owed
        # Overridden: what it says no longer holds, wherever it had got to.
        "corrected": dict.fromkeys(
            ("drafted", "validated", "user_notified", "due", "rejected", "fixed", "accepted"), "corrected_locally"
        ),
    },
)
