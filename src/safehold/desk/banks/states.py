"""The lives of an item of a hash bank, of a change of a bank, and of an opinion that is on its way to an exchange."""

from safehold.states import Machine

#: Active items match; negative ones say that what is near them is no match.
ITEM = Machine(
    "bank_item",
    "quarantined",
    {
        "activated": {"quarantined": "active"},
        "disputed": {"active": "disputed", "negative": "disputed"},  # it does not count meanwhile
        "upheld": {"disputed": "active"},
        "cleared": {"disputed": "negative"},
        "retired": {
            "quarantined": "retired",
            "active": "retired",
            "disputed": "retired",
            "negative": "retired",
        },
        "returned": {"retired": "quarantined"},  # somebody, or an exchange, lists it again
    },
)

CHANGE = Machine(
    "bank_change",
    "begun",
    {
        "started": {"begun": "applying"},
        "applied": {"applying": "applied"},
        "abandoned": {"applying": "abandoned"},
        "made": {"begun": "applied"},  # in effect with the transaction that makes it
    },
)

WRITE_BACK = Machine(
    "write_back",
    "queued",
    {
        "sent": {"queued": "sent"},
        "given_up": {"queued": "dead"},  # the exchange refused it, or was away for days
        "retried": {"dead": "queued"},
    },
)
