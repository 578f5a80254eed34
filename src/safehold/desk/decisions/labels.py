"""Labels set and taken away by people's decisions: rows in the feed that the engine follows. Rules' labels are written
by the gateway, with the verdict.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from safehold.desk.decisions.actions import InvalidParams
from safehold.desk.decisions.effects import Effect, Label
from safehold.desk.decisions.models import Action, Decision, LabelChange
from safehold.desk.decisions.standing import holding, labels_after, later
from safehold.desk.entities.models import Event
from safehold.desk.entities.subjects import Thing, named_by


def labels_set_by(decision: Decision) -> list[Label]:
    """The labels that a rule's decision set, as the gateway wrote them."""
    changes = LabelChange.objects.filter(decision=decision, voided=False).order_by("position")
    return [Label(change.kind, change.external_id, change.name, change.expires_at) for change in changes]


def labels_wanted(wanted: Iterable[Any], about: Thing, at: datetime) -> list[Label]:
    """The labels a person asks for: `[{"name": .., "on": "content" | "account", "seconds": ..}]`. Raises `InvalidParams`."""
    labels = []
    for each in wanted:
        if not isinstance(each, dict) or set(each) - {"name", "on", "seconds"} or each.get("on") not in _ON:
            raise InvalidParams(
                f"labels: each has a name, on (content or account) and seconds if it ends; got {each!r}"
            )
        on = Thing("account", about.owner) if each["on"] != "content" else about
        if not on.id:
            raise InvalidParams(
                f"labels: {each['name']!r} needs an account, and nobody is known to own this {about.kind}"
            )
        seconds = each.get("seconds")
        labels.append(Label(on.kind, on.id, str(each["name"]), at + timedelta(seconds=seconds) if seconds else None))
    return labels


_ON = ("content", "account", "actor")


def labels_of_rules(wanted: Iterable[Mapping[str, Any]], event: Event, at: datetime) -> list[Label]:
    """The labels that rules set by an event, on the same as the gateway would put them: `on` is `actor`, `target` or `content`.
    Something that the event does not name gets none. They last from `at`."""
    labels = []
    for each in wanted:
        on = named_by(event, each["on"])
        if on is not None:
            seconds = each.get("seconds")
            ends = at + timedelta(seconds=seconds) if seconds is not None else None
            labels.append(Label(on.kind, on.id, str(each["name"]), ends))
    return labels


def labels_in(actions: Iterable[Action]) -> list[Label]:
    """The labels among these actions."""
    return [
        Label(action.target_kind, action.target_id, action.params["label"], action.ends_at)
        for action in actions
        if action.type == "label"
    ]


def set_labels(decision: Decision, started: Iterable[Effect]) -> None:
    """Tell the feed of the labels that the decision starts."""
    for effect in started:
        if effect.type == "label":
            _tell(decision, effect.target_kind, effect.target_id, effect.params["label"], effect.ends_at)


def heal_labels(decision: Decision, started: Iterable[Effect]) -> None:
    """Tell the feed again of a rule's label that a void of another decision took away before this one was carried on:
    until then nobody could see that both set it."""
    now = timezone.now()
    for effect in started:
        if effect.type == "label" and (effect.ends_at is None or effect.ends_at > now):
            place = {"service_id": decision.service_id, "kind": effect.target_kind, "external_id": effect.target_id}
            held = labels_after(LabelChange.objects.filter(**place).order_by("position"), now)
            name = effect.params["label"]
            if name not in held or later(held[name], effect.ends_at) != held[name]:
                _tell(decision, effect.target_kind, effect.target_id, name, effect.ends_at)


def void_labels(decision: Decision, reversed_actions: Iterable[Action], at: datetime) -> None:
    """Tell the feed that labels are gone, and of each that another decision still holds, until when.

    Called after the actions have been moved, so that those taken back no longer hold.
    """
    for action in reversed_actions:
        if action.type != "label":
            continue
        kind, external_id, name = action.target_kind, action.target_id, action.params["label"]
        _tell(decision, kind, external_id, name, None, voided=True)
        same = Action.objects.filter(
            decision__service_id=decision.service_id, type="label", target_kind=kind, target_id=external_id
        )
        for other in holding(same, at).order_by("starts_at", "id"):
            if other.params["label"] == name:
                _tell(decision, kind, external_id, name, other.ends_at)


def _tell(
    decision: Decision, kind: str, external_id: str, name: str, ends: datetime | None, voided: bool = False
) -> None:
    LabelChange.objects.create(
        service_id=decision.service_id,
        kind=kind,
        external_id=external_id,
        name=name,
        expires_at=ends,
        voided=voided,
        decision=decision,
    )
