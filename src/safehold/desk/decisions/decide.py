"""The one function by which people decide: reviewing what rules left to them, correcting colleagues, hearing appeals.
Called by the console's review and by appeals; the gateway writes what rules decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.roles import Permission
from safehold.desk.decisions.actions import InvalidParams
from safehold.desk.decisions.effects import Effect, affected, effects_of
from safehold.desk.decisions.enforce import enforce_person
from safehold.desk.decisions.errors import AlreadyDecided, BadParams, NotIndependent, NotPermitted, PolicyNeeded
from safehold.desk.decisions.labels import labels_in, labels_wanted
from safehold.desk.decisions.models import Automation, Decision, PolicyVersion
from safehold.desk.decisions.outbox import carry_on_first
from safehold.desk.decisions.standing import in_force_of_chain
from safehold.desk.decisions.strikes import strike_for
from safehold.desk.reports.models import Notice
from safehold.engine.verdict import ACTIONS
from safehold.record.recording import Record, recording

_NEEDS = {"suspend": Permission.SUSPEND, "terminate": Permission.TERMINATE}


@dataclass(frozen=True)
class _Choice:
    """What the person chose, as `decide` was told."""

    person: User
    action: str
    policy: PolicyVersion | None
    reason: str
    note: str
    params: Mapping[str, Any]
    on_appeal: bool


def decide(
    person: User,
    *,
    over: Decision,
    action: str,
    policy: PolicyVersion | None = None,
    reason: str = "",
    note: str = "",
    params: Mapping[str, Any] | None = None,
    on_appeal: bool = False,
) -> Decision:
    """Put a person's decision in the place of `over`, with all that follows from it, in one transaction.

    `reason` is for the affected person, `note` for colleagues. `params` are the action's (`{"seconds": 86400}`), and
    `labels`: `[{"name", "on": "content" | "account", "seconds"}]`; without `labels`, those that `over` set stay, except
    where nothing is to hold (`allow`). Other open questions of rules to the same queue about the same thing are settled
    by it too.

    Raises `NotPermitted`, `AlreadyDecided` (somebody was quicker), `NotIndependent`, `PolicyNeeded`, `BadParams`, all
    `DecisionRefused`; ValueError for no such action. Then nothing is written.
    """
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is no action; it is one of {', '.join(ACTIONS)}")
    choice = _Choice(person, action, policy, reason.strip(), note.strip(), dict(params or {}), on_appeal)
    _check_permitted(choice)
    if policy is None and action != "allow":
        raise PolicyNeeded(action)
    with recording() as record:
        over = Decision.objects.select_for_update(of=("self",)).select_related("event", "policy").get(pk=over.pk)
        _check_open(choice, over)
        carry_on_first(record, over.root)
        decision = _decision(choice, over, timezone.now())
        try:
            wanted = _wanted(choice, decision, over)
        except InvalidParams as error:
            raise BadParams(error) from error
        _insert(record, decision)
        enforce_person(record, decision, wanted)
        if not on_appeal:
            _settle_the_same(record, choice, decision, over)
        return decision


def _check_permitted(choice: _Choice) -> None:
    needed = {Permission.HEAR_APPEALS if choice.on_appeal else Permission.REVIEW}
    if choice.action in _NEEDS:
        needed.add(_NEEDS[choice.action])
    for permission in sorted(needed):
        if not choice.person.may(permission):
            raise NotPermitted(f"Your roles don't include {permission.value}; ask somebody whose do to decide this.")


def _check_open(choice: _Choice, over: Decision) -> None:
    if quicker := Decision.objects.filter(override_of=over).first():
        raise AlreadyDecided(quicker)
    if choice.on_appeal and Decision.objects.filter(root=over.root, person=choice.person).exists():
        raise NotIndependent


def _decision(choice: _Choice, over: Decision, now: datetime) -> Decision:
    about = affected(over)
    weight, expires_at = strike_for(choice.policy, choice.action, over, now)
    return Decision(
        service_id=over.service_id,
        event=over.event,
        subject_kind=about.kind,
        subject_id=about.id,
        account_id=about.owner,
        action=choice.action,
        policy=choice.policy,
        policies=[choice.policy.key] if choice.policy else [],
        reason=choice.reason,
        note=choice.note,
        person=choice.person,
        detection_automated=over.detection_automated,
        automation=_automation(choice.action, over),
        root=over.root,
        override_of=over,
        on_appeal=choice.on_appeal,
        strike_weight=weight if about.owner else 0,
        strike_expires_at=expires_at,
        params=dict(choice.params),
        decided_at=max(now, over.decided_at + timedelta(microseconds=1)),
    )


def _automation(action: str, over: Decision) -> str:
    """Derived, never typed: partially automated where the person confirms what rules proposed for this chain."""
    proposed = Decision.objects.filter(root=over.root, person=None).exclude(action="allow")
    return Automation.PARTIALLY if proposed.filter(action=action).exists() else Automation.NOT_AUTOMATED


def _wanted(choice: _Choice, decision: Decision, over: Decision) -> list[Effect]:
    about = affected(decision)
    if "labels" in choice.params or choice.action == "allow":
        labels = labels_wanted(choice.params.get("labels", ()), about, decision.decided_at)
        return effects_of(decision, about, labels)
    held = [action for action in in_force_of_chain(decision.root, decision.decided_at) if action.type == "label"]
    kept = [Effect("label", each.target_kind, each.target_id, each.params) for each in held]
    decision.params["labels"] = [_as_param(label.name, label.kind, about.kind) for label in labels_in(held)]
    return [*effects_of(decision, about, ()), *kept]


def _as_param(name: str, kind: str, subject_kind: str) -> dict[str, str]:
    return {"name": name, "on": "account" if kind == "account" != subject_kind else "content"}


def _insert(record: Record, decision: Decision) -> None:
    try:
        with transaction.atomic():
            decision.save(force_insert=True)
    except IntegrityError:
        # Where rows can't be locked, the constraint is what makes one of two win.
        if quicker := Decision.objects.filter(override_of=decision.override_of_id).first():
            raise AlreadyDecided(quicker) from None
        raise
    record.add(decision)


def _settle_the_same(record: Record, choice: _Choice, decision: Decision, over: Decision) -> None:
    """Rules that asked the same queue about the same thing, or whose reports this answers, have their answer; what they
    made hold meanwhile ends."""
    first, about = Decision.objects.get(pk=over.root), affected(decision)
    asked = Decision.objects.filter(service_id=over.service_id, person=None, overridden_by=None).exclude(root=over.root)
    # One look at an index each: joined by OR they would be one look at every decision there is.
    answered = (
        Notice.objects.filter(decision_links__decision=decision).exclude(event=None).values_list("event", flat=True)
    )
    found = set(asked.filter(event__in=list(answered)).values_list("pk", flat=True))
    if first.queue:
        asked = asked.filter(queue=first.queue)
        entity = {"entity__service": over.service_id, "entity__kind": about.kind, "entity__external_id": about.id}
        reports = Notice.objects.filter(**entity).exclude(event=None).values_list("event", flat=True)
        found |= set(asked.filter(event__in=list(reports)).values_list("pk", flat=True))
        found |= set(asked.filter(subject_kind=about.kind, subject_id=about.id).values_list("pk", flat=True))
    same = Decision.objects.filter(pk__in=found).order_by("decided_at", "id")
    for other in same.select_for_update(of=("self",)).select_related("event", "policy"):
        settled = _decision(replace(choice, params={"settled_by": decision.pk}), other, decision.decided_at)
        settled.strike_weight, settled.strike_expires_at = 0, None
        _insert(record, settled)
        enforce_person(record, settled, [])
