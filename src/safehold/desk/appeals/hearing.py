"""Hearing an appeal: upheld, overturned or modified, by somebody who had no part in the decision. What follows from it
(actions taken back, strikes and labels void, the statement ended, everybody told) is one transaction with it.
"""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from safehold.accounts.models import User
from safehold.desk.appeals.models import Appeal
from safehold.desk.appeals.outcome import advance, tell_outcome
from safehold.desk.appeals.states import APPEAL
from safehold.desk.decisions.decide import decide
from safehold.desk.decisions.models import Decision, PolicyVersion
from safehold.desk.moves import move
from safehold.desk.review.claims import hold
from safehold.desk.review.deciding import close_decided
from safehold.record.recording import recording

OUTCOMES = ("upheld", "overturned", "modified")


class HearingRefused(Exception):
    """The outcome can't be recorded as it was given; the message says what is lacking."""


def hear(
    person: User,
    appeal_id: str,
    *,
    version: int,
    over: Decision,
    outcome: str,
    explanation: str,
    action: str = "",
    policy: PolicyVersion | None = None,
    note: str = "",
    params: Mapping[str, Any] | None = None,
) -> Appeal:
    """Decide the appeal whose task `person` holds. `version` and `over` (the decision that held) are what their page showed.

    `explanation` is for the complainant. Overturning an affected person's appeal lifts everything; `modified`, and an
    overturned appeal of a notifier, need the `action` (and `policy`) that takes the decision's place.

    Raises `HearingRefused`, `NotHeld`, `StaleTask`, and what `decide` raises. Then nothing is written.
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"{outcome!r} is no outcome; it is one of {', '.join(OUTCOMES)}")
    explanation = explanation.strip()
    if not explanation:
        raise HearingRefused("Explain the outcome to the person who appealed: they read nothing else of it.")
    with recording() as record:
        appeal = Appeal.objects.select_for_update(of=("self",)).select_related("notice").get(pk=appeal_id)
        task, claim = hold(person, appeal.task_id, version)
        if over.root != task.decision.root:
            raise ValueError(f"decision {over.pk} is not of the chain that appeal {appeal.pk} is about")
        decision = None
        if outcome != "upheld":
            action = _action(appeal, over, outcome, action)
            decision = decide(
                person, over=over, action=action, policy=policy, reason=explanation, note=note, params=params,
                on_appeal=True,
            )  # fmt: skip
        appeal.outcome, appeal.explanation, appeal.decided_at = decision, explanation, timezone.now()
        appeal.save(update_fields=["outcome", "explanation", "decided_at"])
        move(record, appeal, APPEAL, outcome, by=person.pk)
        close_decided(record, task, claim, person, decision)
        tell_outcome(appeal, outcome)
        advance(record, appeal)
    return appeal


def _action(appeal: Appeal, over: Decision, outcome: str, action: str) -> str:
    """The action of the decision that the outcome makes."""
    if outcome == "overturned" and appeal.notice_id is None:
        return "allow"
    if not action:
        raise HearingRefused("Choose what is to hold instead.")
    if action == "allow" and outcome == "modified":
        raise HearingRefused("To lift everything, overturn the decision.")
    if action == over.action == "allow":
        raise HearingRefused("That is what holds now. To leave it so, uphold the decision.")
    return action
