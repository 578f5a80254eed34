"""A change of policies, from its draft to the moment it is in force; and a rule's life."""

from safehold.states import Machine

CHANGE = Machine(
    "policy_change",
    "draft",
    {
        "proposed": {"draft": "proposed"},
        "reopened": {"proposed": "draft", "stale": "draft"},
        "approved": {"proposed": "approved"},
        "rejected": {"proposed": "rejected"},
        "applied": {"approved": "applied", "draft": "applied"},  # a draft: where nobody has to approve it
        # An emergency: in force now, and confirmed afterwards.
        "applied_first": {"draft": "unconfirmed", "proposed": "unconfirmed"},
        "confirmed": {"unconfirmed": "applied"},
        "contested": {"unconfirmed": "contested"},
        "overtaken": {"draft": "stale", "proposed": "stale", "approved": "stale"},
        "withdrawn": {"draft": "withdrawn", "proposed": "withdrawn", "stale": "withdrawn"},
    },
)
#: A change that is not settled yet.
OPEN_CHANGES = ("draft", "proposed", "approved", "stale", "unconfirmed")

#: What a policy's file may say of a rule, and one more: `throttled` is the breaker's.
RULE = Machine(
    "rule",
    "draft",
    {
        "shadowed": {"draft": "shadow", "canary": "shadow", "live": "shadow", "throttled": "shadow", "retired": "shadow"},
        "canaried": {"draft": "canary", "shadow": "canary", "live": "canary", "throttled": "canary", "retired": "canary"},
        "armed": {"draft": "live", "shadow": "live", "canary": "live", "throttled": "live", "retired": "live"},
        "throttled": {"live": "throttled", "canary": "throttled"},
        "retired": {"draft": "retired", "shadow": "retired", "canary": "retired", "live": "retired",
                    "throttled": "retired"},
        "drafted": {"shadow": "draft", "retired": "draft", "canary": "draft", "live": "draft", "throttled": "draft"},
    },
)  # fmt: skip
#: mode in a file -> the activity that leads to it.
LEADS_TO = {"draft": "drafted", "shadow": "shadowed", "canary": "canaried", "live": "armed", "retired": "retired"}
#: A rule in one of these acts on people.
ACTING = ("canary", "live")
#: The next step up, and the step down that disarms.
NEXT_UP = {"draft": "shadow", "shadow": "canary", "canary": "live", "throttled": "live", "retired": "shadow"}
NEXT_DOWN = {"live": "shadow", "canary": "shadow", "throttled": "shadow", "shadow": "retired", "draft": "retired"}

#: All that a version did taken back, or a version applied to the past: looked for, counted, confirmed, done.
BATCH = Machine(
    "batch",
    "looking",
    {
        "counted": {"looking": "counted"},
        "came_to_nothing": {"looking": "failed"},
        "confirmed": {"counted": "running"},
        "finished": {"running": "done"},
        "stopped": {"running": "stopped", "looking": "stopped", "counted": "stopped"},
        "resumed": {"stopped": "running"},
    },
)
