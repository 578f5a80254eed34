"""How much a person's decision weighs against an account. The strikes themselves are a view over decisions."""

from datetime import datetime

from safehold.desk.decisions.models import Decision, PolicyVersion
from safehold.desk.decisions.policies import terms_of

#: Actions that say nothing against anybody.
MILD = ("allow", "label")


def strike_for(policy: PolicyVersion | None, action: str, over: Decision, at: datetime) -> tuple[int, datetime | None]:
    """(weight, end) of the strike that goes with `action` under `policy`: what the rule that raised it says, if it is
    one of this policy, else the heaviest that the policy's rules give."""
    if policy is None or action in MILD:
        return 0, None
    terms = terms_of(policy)
    first = Decision.objects.select_related("policy").get(pk=over.root)
    same = first.policy is not None and first.policy.key == policy.key
    weight = first.strike_weight if same else terms.heaviest_strike
    return weight, at + terms.strikes_last if weight and terms.strikes_last else None
