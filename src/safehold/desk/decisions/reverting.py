"""Decisions of rules put aside or made afresh by the batch: all that a version did is taken back, or a version is applied to
what happened before it. Each is a decision over the one that holds, with all that follows from it, as when an appeal is
overturned. Called by `desk.rules.batches`, one transaction for a handful of them.
"""

from datetime import timedelta
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.utils import timezone

from safehold.accounts.models import User
from safehold.desk.decisions.actions import InvalidParams
from safehold.desk.decisions.effects import affected, effects_of
from safehold.desk.decisions.enforce import enforce_person
from safehold.desk.decisions.hot_rows import storable
from safehold.desk.decisions.labels import labels_of_rules
from safehold.desk.decisions.models import Automation, Decision, PolicyVersion
from safehold.desk.decisions.outbox import carry_on_first
from safehold.desk.decisions.policies import terms_of
from safehold.engine.verdict import Verdict
from safehold.record.recording import Record


class LeftAlone(Exception):
    """The decision is not touched; the message says why."""


def take_back(record: Record, person: User, decision_id: str, *, batch: str, reason: str) -> Decision:
    """Put `allow` in the place of a rule's decision that holds: its actions are reversed, its labels and strike void.

    Raises LeftAlone where a person has decided since, or another decision holds.
    """
    over = _standing(record, decision_id)
    now = timezone.now()
    made = _over(over, now)
    made.person, made.automation = person, Automation.NOT_AUTOMATED
    made.action, made.reason, made.note = "allow", reason, "All that was decided so was taken back at once."
    made.params = {"batch": batch}
    _insert(record, made)
    enforce_person(record, made, [])
    return made


def decide_again(
    record: Record,
    decision_id: str,
    *,
    verdict: dict[str, Any],
    policies: dict[str, PolicyVersion],
    batch: str,
    note: str,
) -> Decision:
    """Put what rules say of the same event now in the place of what they said then.

    `verdict` is the engine's answer, as data; `policies` are the versions it was made with, by key. Raises LeftAlone as
    `take_back` does, and where the action can't be done to what the event is about.
    """
    over = _standing(record, decision_id)
    answer, text = storable(msgspec.convert(verdict, Verdict))
    hits = [hit for hit in answer.hits if hit.mode in ("live", "canary")]
    winner = next((hit for hit in hits if f"{hit.policy}/{hit.rule}" == answer.winner), None)
    if winner is None:
        raise LeftAlone("no rule that acts matches it")
    now = timezone.now()
    made = _over(over, now)
    version = policies[winner.policy]
    lasts = terms_of(version).strikes_last
    made.bundle, made.automation, made.action = answer.bundle, Automation.FULLY, answer.action
    made.policy, made.rule = version, answer.winner or ""
    made.policies = list(dict.fromkeys([winner.policy, *(hit.policy for hit in hits if hit.action != "allow")]))
    made.reason, made.note, made.queue = winner.reason, note, answer.queue or ""
    made.verdict = msgspec.json.decode(text)
    made.strike_weight = winner.strike if made.account_id else 0
    made.strike_expires_at = now + lasts if made.strike_weight and lasts else None
    if winner.seconds is not None:
        made.params["seconds"] = winner.seconds
    if set_ := [msgspec.to_builtins(hit.label) for hit in hits if hit.label is not None]:
        made.params["labels"] = set_
    try:
        labels = labels_of_rules(made.params.get("labels", ()), made.event, made.decided_at)
        wanted = effects_of(made, affected(made), labels)
    except InvalidParams as error:
        raise LeftAlone(str(error)) from error
    made.params["batch"] = batch
    _insert(record, made)
    enforce_person(record, made, wanted)
    return made


def _standing(record: Record, decision_id: str) -> Decision:
    """The decision, locked, if it is a rule's and holds."""
    over = (
        Decision.objects.select_for_update(of=("self",))
        .select_related("event", "policy")
        .filter(pk=decision_id)
        .first()
    )
    if over is None or Decision.objects.filter(override_of=decision_id).exists():
        raise LeftAlone("another decision has taken its place")
    if over.person_id is not None:
        raise LeftAlone("a person has decided it")
    carry_on_first(record, over.root)
    return over


def _over(over: Decision, now: Any) -> Decision:
    """A decision in the place of another, about the same, with nothing decided yet."""
    about = affected(over)
    return Decision(
        service_id=over.service_id, event=over.event, subject_kind=about.kind, subject_id=about.id,
        account_id=about.owner, detection_automated=over.detection_automated, root=over.root, override_of=over,
        decided_at=max(now, over.decided_at + timedelta(microseconds=1)),
    )  # fmt: skip


def _insert(record: Record, made: Decision) -> None:
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        if Decision.objects.filter(override_of=made.override_of_id).exists():
            raise LeftAlone("another decision has taken its place") from None
        raise
    record.add(made)
