"""What the platform is told, and what follows when it has heard: messages are written with their cause, in one
transaction; `sending` sends them; here their outcome moves the action they are about.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from safehold.desk.decisions.actions import ACTION_TYPES
from safehold.desk.decisions.effects import affected, target_of
from safehold.desk.decisions.models import Action, Decision, Delivery, Endpoint
from safehold.desk.decisions.standing import standing_of
from safehold.desk.decisions.states import ACTION, DELIVERY
from safehold.desk.moves import move
from safehold.desk.topics import tell
from safehold.record.recording import Record

TYPES = (
    "action.apply", "action.reverse", "action.expired", "report.received", "report.decided", "statement.issued",
    "appeal.filed", "appeal.decided", "rule.throttled",
)  # fmt: skip
WAITING = ("pending", "retrying")


def tell_platform(
    service_id: str, type: str, about: str, data: Mapping[str, Any], *, action: Action | None = None
) -> list[Delivery]:
    """Write one message to each active endpoint of the service, in the caller's transaction. `about` is the id of what
    it tells of. Without an endpoint nothing is written, and the platform has nothing but the gateway's answers.
    """
    if type not in TYPES:
        raise ValueError(f"{type!r} is no webhook type; it is one of {', '.join(TYPES)}")
    payload = json.dumps(
        {"type": type, "timestamp": stamp(timezone.now()), "data": data}, ensure_ascii=False, separators=(",", ":")
    )
    endpoints = Endpoint.objects.filter(service_id=service_id, active=True).order_by("id")
    return Delivery.objects.bulk_create(
        Delivery(endpoint=endpoint, type=type, about=about, action=action, payload=payload) for endpoint in endpoints
    )


def stamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, or None."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def tell_apply(action: Action, decision: Decision, statement_url: str | None) -> None:
    """Ask the platform to do the action."""
    effect = ACTION_TYPES[action.type].apply(target_of(action))
    _tell_of("action.apply", action, decision, effect, statement_url)


def tell_reverse(action: Action, decision: Decision, statement_url: str | None) -> None:
    """Ask the platform to take the action back. It is asked even where `apply` never got through: it may have acted on
    the gateway's answer, or heard `apply` without our hearing that it did.
    """
    effect = ACTION_TYPES[action.type].reverse(target_of(action))
    _tell_of("action.reverse", action, decision, effect, statement_url)


def take_back(record: Record, action: Action, *, by: str) -> None:
    """The action no longer holds; the platform has to be told. An `apply` that has not got through is not sent any more."""
    move(record, action, ACTION, "reversal_requested", by=by)
    cancel_apply(record, action)


def tell_expired(record: Record, action: Action) -> None:
    """The action's time is over: say so, and don't ask for it any more."""
    move(record, action, ACTION, "expired")
    cancel_apply(record, action)
    effect = ACTION_TYPES[action.type].reverse(target_of(action))
    _tell_of("action.expired", action, action.decision, effect, None)


def cancel_apply(record: Record, action: Action) -> None:
    """Don't send the action's `apply` where it waits. One that is on its way right now is let finish."""
    for delivery in action.deliveries.filter(type="action.apply", state__in=WAITING):
        move(record, delivery, DELIVERY, "cancelled")


def _tell_of(
    type: str, action: Action, decision: Decision, effect: Mapping[str, Any], statement_url: str | None
) -> None:
    held = standing_of(decision.service_id, action.target_kind, action.target_id).actions
    data = {
        "action_id": action.pk,
        "decision_id": decision.pk,
        "type": action.type,
        "target": {"kind": action.target_kind, "id": action.target_id},
        "account_id": affected(decision).owner,
        "params": action.params,
        "effect": effect,
        "starts_at": stamp(action.starts_at),
        "ends_at": stamp(action.ends_at),
        "policy": decision.policy.key if decision.policy else None,
        "reason": decision.reason,
        "automation": decision.automation,
        "statement_url": statement_url,
        # What else holds on the same target, so that lifting one action never lifts another.
        "in_force": [
            {"action_id": other.pk, "type": other.type, "params": other.params, "ends_at": stamp(other.ends_at)}
            for other in held
            if other.pk != action.pk
        ],
    }
    tell_platform(decision.service_id, type, action.pk, data, action=action)


def sent(record: Record, delivery: Delivery) -> None:
    """A message goes out: the platform may know of the action from now on."""
    if delivery.type == "action.apply" and delivery.action and "dispatched" in ACTION.possible(delivery.action.state):
        move(record, delivery.action, ACTION, "dispatched")


def acknowledged(record: Record, delivery: Delivery) -> None:
    """The endpoint has answered 2xx. The action is done once every active endpoint has."""
    if delivery.state == "cancelled":
        return  # it was on its way when it was cancelled; what follows it goes out now
    delivery.delivered_at = timezone.now()
    move(record, delivery, DELIVERY, "delivered")
    delivery.save(update_fields=["delivered_at"])
    if delivery.action and not _others_owed(delivery):
        _done(record, delivery)
    tell("delivery.delivered", delivery, record)


def _others_owed(delivery: Delivery) -> bool:
    others = Delivery.objects.filter(about=delivery.about, type=delivery.type, endpoint__active=True)
    return others.exclude(pk=delivery.pk).exclude(state__in=("delivered", "cancelled")).exists()


def _done(record: Record, delivery: Delivery) -> None:
    action = Action.objects.select_for_update().get(pk=delivery.action_id)
    if delivery.type == "action.reverse" and action.state == "reversal_pending":
        move(record, action, ACTION, "reversed")
    if delivery.type == "action.apply":
        if "dispatched" in ACTION.possible(action.state):
            move(record, action, ACTION, "dispatched")
        if action.state == "dispatched":
            move(record, action, ACTION, "acknowledged")
            move(record, action, ACTION, "activated")


def failed(record: Record, delivery: Delivery, next_at: datetime | None) -> None:
    """The try failed: again at `next_at`, or, if there is no next try, to the dead letters."""
    if delivery.state == "cancelled":
        return
    move(record, delivery, DELIVERY, "failed" if next_at else "given_up")
    if next_at:
        delivery.next_at = next_at
        delivery.save(update_fields=["next_at"])
    if delivery.type == "action.apply" and delivery.action:
        activity = "failed" if next_at else "dead_lettered"
        if activity in ACTION.possible(delivery.action.state):
            move(record, delivery.action, ACTION, activity)


class NothingToRetry(Exception):
    """The message is out of date: what it asks for no longer holds."""


def retry(record: Record, delivery: Delivery, *, by: str = "") -> None:
    """Send a dead letter again, from the first try on. Raises `NothingToRetry` or `InvalidTransition`."""
    action = delivery.action
    if delivery.type == "action.apply" and action and action.state in {"reversal_pending", "reversed", "expired"}:
        raise NothingToRetry(f"The action is {action.state.replace('_', ' ')} by now; there is nothing to apply.")
    if delivery.type == "action.apply" and action and action.state == "dead_letter":
        move(record, action, ACTION, "retried", by=by)  # elsewhere, another endpoint has it, and this one catches up
    move(record, delivery, DELIVERY, "retried", by=by)
    delivery.attempts, delivery.next_at = 0, timezone.now()
    delivery.save(update_fields=["attempts", "next_at"])
