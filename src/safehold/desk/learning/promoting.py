"""Models on their way: into shadow, live, back. Each is one transaction with its transitions and its audit entry; gateways
follow within a second. Called by `safehold learn` and by the console.
"""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL, Refused
from safehold.accounts.roles import Permission
from safehold.desk.learning.models import LearnedModel
from safehold.desk.learning.states import MODEL
from safehold.desk.learning.training import lessons_of, loaded, lock
from safehold.desk.moves import move
from safehold.engine.signal import SignalFailed
from safehold.record.recording import Record, recording
from safehold.signals.community.model import NotAModel
from safehold.signals.community.training import Lessons


def watch(by: User | None, model_id: str) -> LearnedModel:
    """Put a model in shadow: it scores what the live one scores, and nobody feels it. Another one leaves its place."""
    _permit(by, Permission.WRITE_POLICIES)
    with recording() as record:
        model = _locked(model_id)
        _usable(model)
        other = LearnedModel.objects.filter(state="shadow").exclude(pk=model.pk).first()
        if other is not None:
            move(record, other, MODEL, "unwatched", by=_actor(by))
        move(record, model, MODEL, "watched", by=_actor(by))
        _say(record, by, "model.watched", model, {})
    return model


def unwatch(by: User | None, model_id: str) -> LearnedModel:
    """Take a model out of shadow."""
    _permit(by, Permission.WRITE_POLICIES)
    with recording() as record:
        model = _locked(model_id)
        move(record, model, MODEL, "unwatched", by=_actor(by))
        _say(record, by, "model.unwatched", model, {})
    return model


def promote(by: User | None, model_id: str, *, note: str = "", worse: bool = False) -> LearnedModel:
    """Make a model in shadow the live one; the one that was is retired. `worse`: also where it is clearly worse at something.

    Raises Refused: to whoever trained it, for one that is worse, for one that can't be used; and what `Machine.next` raises.
    """
    _permit(by, Permission.APPROVE_POLICIES)
    with recording() as record:
        model = _locked(model_id)
        if by is not None and model.trained_by_id == by.pk:
            raise Refused("You trained this model: somebody else has to promote it.")
        if model.state == "trained":
            raise Refused("It has not been in shadow: put it there first, and look at what it would do.")
        MODEL.next(model.state, "promoted")
        _usable(model)
        if not worse and (names := worse_at(lessons_of(model))):
            raise Refused(f"It is worse than the live model at {', '.join(names)}. Say that you want it all the same.")
        live = LearnedModel.objects.filter(state="live").first()
        if live is not None:
            move(record, live, MODEL, "replaced", by=_actor(by))
        model.promoted_by, model.promoted_at, model.previous = by, timezone.now(), live
        model.save(update_fields=["promoted_by", "promoted_at", "previous"])
        move(record, model, MODEL, "promoted", by=_actor(by))
        _say(record, by, "model.promoted", model, {"replaces": live.name if live else "", "note": note, "worse": worse})
    return model


def roll_back(by: User | None, *, note: str = "") -> tuple[LearnedModel, LearnedModel | None]:
    """(what was live, what is live now): the model before the live one takes its place again, past any that was rejected since or
    that this version of Safehold can't use; none, if there is no such one.

    Raises Refused if no model is live.
    """
    _permit(by, Permission.APPROVE_POLICIES)
    with recording() as record:
        lock()
        model = (
            LearnedModel.objects.select_for_update(of=("self",)).select_related("previous").filter(state="live").first()
        )
        if model is None:
            raise Refused("No model is live: there is nothing to go back from.")
        before = model.previous
        while before is not None and (before.state == "rejected" or unusable(before)):
            before = before.previous
        move(record, model, MODEL, "withdrawn", by=_actor(by))
        if before is not None:
            move(record, before, MODEL, "restored", by=_actor(by))
        _say(record, by, "model.rolled_back", model, {"to": before.name if before else "", "note": note})
    return model, before


def reject(by: User | None, model_id: str, *, note: str = "") -> LearnedModel:
    """Say that a model won't be used. It stays, with its report."""
    _permit(by, Permission.WRITE_POLICIES)
    with recording() as record:
        model = _locked(model_id)
        move(record, model, MODEL, "rejected", by=_actor(by))
        _say(record, by, "model.rejected", model, {"note": note})
    return model


def worse_at(lessons: Lessons) -> list[str]:
    """The attributes at which it is worse than what was live when it was trained: the whole interval of the difference says so,
    or it has not learned what that one knows."""
    return [
        name
        for name, lesson in lessons.attributes.items()
        if lesson.live is not None
        and (lesson.better is None or (lesson.better.high is not None and lesson.better.high < 0))
    ]


def _permit(by: User | None, permission: Permission) -> None:
    """Models are to people what policies are: the same permissions move them."""
    if by is not None and not by.may(permission):
        raise Refused(f"Your roles don't let you {permission.label}; it takes somebody whose do.")


def _locked(model_id: str) -> LearnedModel:
    lock()
    return LearnedModel.objects.select_for_update(of=("self",)).get(pk=model_id)


def unusable(model: LearnedModel) -> str:
    """Why this version of Safehold can't use a model; empty if it can."""
    try:
        loaded(model)
    except (NotAModel, SignalFailed) as error:
        return str(error)
    return ""


def _usable(model: LearnedModel) -> None:
    if why := unusable(model):
        raise Refused(f"It can't be used: {why}")


def _actor(by: User | None) -> str:
    return by.pk if by is not None else ""


def _say(record: Record, by: User | None, verb: str, model: LearnedModel, detail: Mapping[str, Any]) -> None:
    told = {"model": model.name, "digest": model.digest, **{name: what for name, what in detail.items() if what}}
    record.audit(verb, "learned_model", model.pk, actor=_actor(by), detail=told if by else told | AT_THE_SHELL)
