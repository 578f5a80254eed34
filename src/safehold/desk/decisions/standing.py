"""What holds now: for an account or a piece of content, the actions in force, the strikes that count, the labels.
Nothing here is stored: it follows from decisions, and this is the one place that says how. The console, appeals and the
webhooks' `in_force` read it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from safehold.desk.decisions.models import Action, Decision, LabelChange, Strike
from safehold.desk.decisions.states import UNDER_WAY


@dataclass(frozen=True)
class Standing:
    """What holds for one entity at one moment. `weight` is the sum of the strikes that count."""

    actions: tuple[Action, ...]
    strikes: tuple[Strike, ...]
    labels: dict[str, datetime | None]

    @property
    def weight(self) -> int:
        return sum(strike.weight for strike in self.strikes)


def standing_of(service_id: str, kind: str, external_id: str, *, at: datetime | None = None) -> Standing:
    """What holds for the entity: three queries, two for what is no account."""
    at = at or timezone.now()
    target = Action.objects.filter(decision__service_id=service_id, target_kind=kind, target_id=external_id)
    actions = tuple(holding(target, at).select_related("decision__policy").order_by("starts_at", "id"))
    strikes = tuple(strikes_of(service_id, external_id, at)) if kind == "account" else ()
    changes = LabelChange.objects.filter(service_id=service_id, kind=kind, external_id=external_id)
    return Standing(actions, strikes, labels_after(changes.order_by("position"), at))


def holding(actions: QuerySet[Action], at: datetime) -> QuerySet[Action]:
    """Those of the actions that hold at the moment: neither taken back nor ended, whether or not the platform has
    answered yet."""
    return actions.filter(Q(ends_at=None) | Q(ends_at__gt=at), state__in=UNDER_WAY)


def in_force_of_chain(root: str, at: datetime) -> QuerySet[Action]:
    """What the decisions of one chain of overrides, together, make hold."""
    return holding(Action.objects.filter(decision__root=root), at).order_by("starts_at", "id")


def strikes_of(service_id: str, account_id: str, at: datetime) -> QuerySet[Strike]:
    """The strikes that count: not voided, not expired."""
    counting = Strike.objects.filter(service_id=service_id, account_id=account_id, voided_by=None)
    return counting.filter(Q(expires_at=None) | Q(expires_at__gt=at)).order_by("decided_at")


def in_force(decision: Decision) -> bool:
    """True if no other decision overrides this one."""
    return not Decision.objects.filter(override_of=decision).exists()


def last_of_chain(root: str) -> Decision:
    """The decision of the chain that is in force."""
    return Decision.objects.select_related("policy", "person", "event").get(root=root, overridden_by=None)


def labels_after(changes: Iterable[LabelChange], at: datetime) -> dict[str, datetime | None]:
    """The labels that one entity has after these changes of its, in their order: name -> end (None: none).

    A label set again holds until the later of its ends; a void takes it away whoever set it, and what then still holds
    of other decisions is set again by the changes that follow it. Everybody who follows the feed folds it so.
    """
    labels: dict[str, datetime | None] = {}
    for change in changes:
        if change.voided:
            labels.pop(change.name, None)
        elif change.name in labels:
            labels[change.name] = later(labels[change.name], change.expires_at)
        else:
            labels[change.name] = change.expires_at
    return {name: end for name, end in labels.items() if end is None or end > at}


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two ends, where None is no end at all."""
    return None if one is None or other is None else max(one, other)
