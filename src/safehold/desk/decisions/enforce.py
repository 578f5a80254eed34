"""Everything that follows from a decision, in one transaction: actions begun and taken back, labels, the statement of
reasons, messages to the platform, answers to those who reported. `decide` calls it for people, the outbox for rules.
"""

from collections.abc import Sequence

from safehold.desk.decisions.deliveries import take_back, tell_apply, tell_reverse
from safehold.desk.decisions.effects import Effect, affected, effects_of, label_effects, plan
from safehold.desk.decisions.labels import heal_labels, labels_set_by, set_labels, void_labels
from safehold.desk.decisions.models import Action, Decision
from safehold.desk.decisions.notices import answer_notices, link_notices
from safehold.desk.decisions.standing import in_force_of_chain
from safehold.desk.topics import tell
from safehold.record.recording import Record


def enforce_rules(record: Record, decision: Decision) -> None:
    """Carry on a decision that the gateway wrote: its labels are set already, and nothing of its chain holds yet.

    Raises `InvalidParams` if the rule asked for what its action can't do.
    """
    _begin(record, decision, effects_of(decision, affected(decision), labels_set_by(decision)))


def enforce_labels(record: Record, decision: Decision) -> None:
    """Carry on only the labels of a rule's decision, where its action can't be done: so that a person can decide."""
    _begin(record, decision, label_effects(decision, labels_set_by(decision)))


def _begin(record: Record, decision: Decision, wanted: Sequence[Effect]) -> None:
    _, _, start = plan([], wanted)  # two rules may want the same
    heal_labels(decision, start)
    _carry_out(record, decision, [], start)


def enforce_person(record: Record, decision: Decision, wanted: Sequence[Effect]) -> None:
    """Make what a person decided hold, in place of what its chain of decisions made hold so far."""
    _, reverse, start = plan(list(in_force_of_chain(decision.root, decision.decided_at)), wanted)
    set_labels(decision, start)
    _carry_out(record, decision, reverse, start)


def _carry_out(record: Record, decision: Decision, reverse: Sequence[Action], start: Sequence[Effect]) -> None:
    begun = Action.objects.bulk_create(_action(decision, effect) for effect in start)
    for action in reverse:
        take_back(record, action, by=decision.person_id or "")
    void_labels(decision, reverse, decision.decided_at)
    notices = link_notices(decision)
    url = next((answer for answer in tell("decision.explain", decision, record) if answer), None)
    # What is new goes first: somebody whose suspension becomes a termination is never let in between.
    for action in begun:
        tell_apply(action, decision, url)
    for action in reverse:
        tell_reverse(action, decision, url)
    answer_notices(record, decision, notices)
    tell("decision.made", decision, record)


def _action(decision: Decision, effect: Effect) -> Action:
    return Action(
        decision=decision,
        type=effect.type,
        target_kind=effect.target_kind,
        target_id=effect.target_id,
        params=effect.params,
        starts_at=effect.starts_at or decision.decided_at,
        ends_at=effect.ends_at,
    )
