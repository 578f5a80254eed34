"""What a decision does, as pure functions: which actions it wants, and what has to change so that they are what holds.
Called by `decide` for people's decisions and by `enforce` for those of rules.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from safehold.desk.decisions.actions import ACTION_TYPES, InvalidParams, Target
from safehold.desk.decisions.models import Action, Decision
from safehold.desk.entities.subjects import Thing, reported_by


@dataclass(frozen=True)
class Label:
    """A label on something, until `expires_at` (None: for ever)."""

    kind: str
    id: str
    name: str
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Effect:
    """One thing to do to one target. `key` says when two are the same thing: what, to whom, with which parameters."""

    type: str
    target_kind: str
    target_id: str
    params: Mapping[str, Any] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def affected(decision: Decision) -> Thing:
    """Whom a decision is about: its subject, but for a rule's decision on a report, what was reported."""
    if decision.subject_kind == "report" and (reported := reported_by(decision.event)):
        return reported
    return Thing(decision.subject_kind, decision.subject_id, decision.account_id)


def effects_of(decision: Decision, about: Thing, labels: Iterable[Label]) -> list[Effect]:
    """What the decision wants to hold: its action, and each label, from the moment it was made.

    Raises `InvalidParams` if the action's parameters don't fit, or if there is no account for it to be about.
    """
    wanted = []
    kind = ACTION_TYPES[decision.action]
    if decision.action not in {"allow", "label"}:
        target = Thing("account", about.owner) if kind.on == "account" else about
        if not target.id:
            raise InvalidParams(f"{decision.action} needs an account, and nobody is known to own this {about.kind}")
        params = kind.validated({name: value for name, value in decision.params.items() if name != "labels"})
        wanted.append(_effect(decision, decision.action, target, params))
    return [*wanted, *label_effects(decision, labels)]


def label_effects(decision: Decision, labels: Iterable[Label]) -> list[Effect]:
    """Each label as an effect, from the moment of the decision."""
    wanted = []
    for label in labels:
        params: dict[str, Any] = {"label": label.name}
        if label.expires_at is not None:
            params["seconds"] = round((label.expires_at - decision.decided_at).total_seconds())
        wanted.append(_effect(decision, "label", Thing(label.kind, label.id), ACTION_TYPES["label"].validated(params)))
    return wanted


def _effect(decision: Decision, kind: str, target: Thing, params: dict[str, Any]) -> Effect:
    starts = decision.decided_at
    ends = starts + timedelta(seconds=params["seconds"]) if params.get("seconds") else None
    return Effect(kind, target.kind, target.id, params, starts, ends)


def key(action: Action | Effect) -> tuple[str, str, str, str]:
    """Two actions with this key do the same. Their times are no part of it: confirming a suspension doesn't prolong it."""
    return (action.type, action.target_kind, action.target_id, json.dumps(action.params, sort_keys=True))


A = TypeVar("A", Action, Effect)


def plan(in_force: Sequence[A], wanted: Sequence[Effect]) -> tuple[list[A], list[A], list[Effect]]:
    """(keep, reverse, start): what of `in_force` stays, what of it is taken back, and what of `wanted` has to begin."""
    wanted_keys = {key(effect) for effect in wanted}
    keep, reverse, kept = [], [], set()
    for action in in_force:
        if key(action) in wanted_keys and key(action) not in kept:
            keep.append(action)
            kept.add(key(action))
        else:
            reverse.append(action)
    start = {key(effect): effect for effect in wanted if key(effect) not in kept}
    return keep, reverse, list(start.values())


def target_of(action: Action | Effect) -> Target:
    """An action, as its type's words and mappings see it."""
    return Target(action.target_kind, action.params, action.ends_at)
