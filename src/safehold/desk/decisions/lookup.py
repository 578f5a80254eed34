"""One decision as the API answers it: made by rules or by a person, with its actions and what overrides it."""

import msgspec

from safehold.desk.decisions.models import Decision
from safehold.engine.verdict import Verdict
from safehold.gateway.store import ActionView, DecisionView


def decision_view(service: str, decision_id: str) -> DecisionView | None:
    """The decision if it is this service's, else None. Two queries."""
    decision = (
        Decision.objects.select_related("event", "overridden_by")
        .prefetch_related("actions")
        .filter(service_id=service, pk=decision_id)
        .first()
    )
    if decision is None:
        return None
    later = getattr(decision, "overridden_by", None)
    return DecisionView(
        decision=decision.pk,
        event=decision.event_id,
        source=decision.event.source,
        source_id=decision.event.source_id,
        type=decision.event.type,
        subject_kind=decision.subject_kind,
        subject_id=decision.subject_id,
        account_id=decision.account_id,
        action=decision.action,
        rule=decision.rule,
        policies=decision.policies,
        reason=decision.reason,
        queue=decision.queue,
        automation=decision.automation,
        decided_at=decision.decided_at,
        on_appeal=decision.on_appeal,
        override_of=decision.override_of_id,
        overridden_by=later.pk if later else None,
        params=decision.params,
        verdict=msgspec.convert(decision.verdict, Verdict) if decision.verdict else None,
        actions=[
            ActionView(
                action=action.pk,
                type=action.type,
                target_kind=action.target_kind,
                target_id=action.target_id,
                state=action.state,
                starts_at=action.starts_at,
                ends_at=action.ends_at,
            )
            for action in sorted(decision.actions.all(), key=lambda action: action.pk)
        ],
    )
