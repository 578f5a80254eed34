"""How much a person's decision weighs against an account. The strikes themselves are a view over decisions."""

from datetime import datetime, timedelta
from typing import Any

from safehold.desk.decisions.models import Decision, PolicyVersion

#: Actions that say nothing against anybody.
MILD = ("allow", "label")


def strike_for(policy: PolicyVersion | None, action: str, over: Decision, at: datetime) -> tuple[int, datetime | None]:
    """(weight, end) of the strike that goes with `action` under `policy`: the policy's own figure, else, where the rule
    that raised it is of the same policy, that rule's."""
    if policy is None or action in MILD:
        return 0, None
    strikes: dict[str, Any] = policy.spec.get("strikes") or {}
    weight = strikes.get("weight")
    if weight is None:
        first = Decision.objects.select_related("policy").get(pk=over.root)
        weight = first.strike_weight if first.policy and first.policy.key == policy.key else 0
    if not weight:
        return 0, None
    seconds = strikes.get("seconds")
    return int(weight), at + timedelta(seconds=seconds) if seconds else None
