"""Why a person's decision is refused. Each message is for that person, and says what to do."""

from safehold.desk.decisions.actions import InvalidParams
from safehold.desk.decisions.models import Decision


class DecisionRefused(Exception):
    """The decision cannot be made. Nothing was written."""


class NotPermitted(DecisionRefused):
    """None of the person's roles permits it."""


class AlreadyDecided(DecisionRefused):
    """Somebody was quicker: `by` is the decision that is in force now. HTTP's 409."""

    def __init__(self, by: Decision) -> None:
        super().__init__("Somebody else has decided this meanwhile. Look at their decision before you make another.")
        self.by = by


class NotIndependent(DecisionRefused):
    """The person took part in the decision that is appealed."""

    def __init__(self) -> None:
        super().__init__("You took part in this decision, so you cannot hear its appeal. Leave it to somebody else.")


class PolicyNeeded(DecisionRefused):
    """An action without the policy that was broken."""

    def __init__(self, action: str) -> None:
        super().__init__(f"Say which policy was broken: {action} needs one, only allow does not.")


class BadParams(DecisionRefused):
    """The parameters don't fit the action."""

    def __init__(self, error: InvalidParams) -> None:
        super().__init__(str(error))
