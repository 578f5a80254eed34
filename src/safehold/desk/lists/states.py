"""The lives of an entry of a managed list and of a revision, which is one change of a list: of one entry or of a million."""

from safehold.states import Machine

#: Only active entries are asked by rules.
ENTRY = Machine(
    "list_entry",
    "proposed",
    {
        "approved": {"proposed": "active"},
        "disputed": {"active": "disputed"},  # somebody says it should not be there: it does not count meanwhile
        "reinstated": {"disputed": "active"},
        "retired": {"proposed": "retired", "active": "retired", "disputed": "retired"},
        "proposed_again": {"retired": "proposed"},
        "imported": {"proposed": "active", "retired": "active", "active": "active"},
        "reverted": {"active": "retired", "retired": "active", "proposed": "retired", "disputed": "active"},
    },
)

REVISION = Machine(
    "list_revision",
    "staged",
    {
        "started": {"staged": "applying"},
        "applied": {"applying": "applied"},
        "reverted": {"applied": "reverted"},
        "discarded": {"staged": "discarded"},
        "made": {"staged": "applied"},  # a change of one entry is in effect with the transaction that makes it
    },
)
