"""What a statement is derived from: a decision, what it makes hold, the policy's terms, and how it came to attention.
One reading of the database; the texts and the EU's fields are pure functions of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from safehold.desk.decisions.actions import ACTION_TYPES
from safehold.desk.decisions.effects import affected, target_of
from safehold.desk.decisions.models import Action, Decision
from safehold.desk.decisions.policies import Terms, terms_of
from safehold.desk.decisions.standing import in_force_of_chain
from safehold.desk.entities.models import Event
from safehold.desk.entities.subjects import Thing, at, lifted
from safehold.desk.reports.models import Notice, NoticeKind


@dataclass(frozen=True)
class Basis:
    """All that a statement of reasons follows from. `notices` are the kinds of the notices the decision answers."""

    decision: Decision
    about: Thing
    event: Event
    created: datetime
    language: str
    terms: Terms
    actions: Sequence[Action]
    notices: Sequence[NoticeKind]

    @property
    def cares(self) -> bool:
        """Help was only shown beside what somebody in danger from themselves wrote: no rule is broken, nothing restricted."""
        return self.terms.category == "SELF_HARM" and all(action.type == "label" for action in self.actions)


def basis_of(decision: Decision) -> Basis | None:
    """The basis of the decision's statement; None where nothing holds that the person could notice, so none is made."""
    actions = [
        action
        for action in in_force_of_chain(decision.root, decision.decided_at)
        if ACTION_TYPES[action.type].told_to_user(target_of(action))
    ]
    if not actions or decision.policy is None:
        return None
    about = affected(decision)
    first = Event.objects.filter(
        service_id=decision.service_id, subject_kind=about.kind, subject_id=about.id
    ).order_by("position").first()  # fmt: skip
    kinds = Notice.objects.filter(event_id=decision.event_id) | Notice.objects.filter(
        decision_links__decision__root=decision.root
    )
    event = decision.event
    return Basis(
        decision=decision,
        about=about,
        event=event,
        created=(first or event).occurred_at,
        language=str(at("data.language", lifted(event)) or ""),
        terms=terms_of(decision.policy),
        actions=actions,
        notices=[NoticeKind(kind) for kind in kinds.distinct().order_by("kind").values_list("kind", flat=True)],
    )


def strongest(notices: Sequence[NoticeKind]) -> NoticeKind | None:
    """The notice that says most of where a decision came from: an order before a flagger before anybody else."""
    order = (
        NoticeKind.ORDER_ACT, NoticeKind.ORDER_INFORM, NoticeKind.TRUSTED_FLAGGER, NoticeKind.ARTICLE_16,
        NoticeKind.OSA_COMPLAINT, NoticeKind.USER_REPORT, NoticeKind.PROACTIVE,
    )  # fmt: skip
    return min(notices, key=order.index, default=None)
