"""The life of a model that was learned here, and of a training run."""

from safehold.states import Machine

MODEL = Machine(
    "learned_model",
    "trained",
    {
        "watched": {"trained": "shadow"},  # scores beside the live one; nobody feels it
        "unwatched": {"shadow": "trained"},
        "promoted": {"shadow": "live"},
        "replaced": {"live": "retired"},  # another one was promoted
        "withdrawn": {"live": "retired"},  # rolled back
        "restored": {"retired": "live"},  # what was live before one that was rolled back
        "rejected": {"trained": "rejected", "shadow": "rejected", "retired": "rejected"},  # it won't be used (again)
    },
)

TRAINING = Machine(
    "training_run",
    "running",
    {
        "finished": {"running": "done"},
        "failed": {"running": "failed"},
        "cancelled": {"running": "cancelled"},  # somebody asked for it
        "lost": {"running": "lost"},  # its process ended under it
    },
)
