"""Taking an appeal in: within the window, once a side, against what holds now; and letting it be taken back. Called by the
portal. The task it makes goes to somebody who had no part in the decision.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError
from django.utils import timezone

from safehold.accounts.models import User
from safehold.desk.appeals.models import Appeal, Complainant
from safehold.desk.appeals.states import APPEAL
from safehold.desk.decisions.deliveries import stamp, tell_platform
from safehold.desk.decisions.models import Decision, DecisionNotice
from safehold.desk.decisions.policies import APPEAL_WINDOW, terms_of
from safehold.desk.decisions.standing import last_of_chain
from safehold.desk.entities.projection import entity_for
from safehold.desk.entities.subjects import Thing
from safehold.desk.moves import move
from safehold.desk.reports.models import Notice
from safehold.desk.reports.notices import OPEN
from safehold.desk.review.claims import end
from safehold.desk.review.models import Task, TaskKind
from safehold.desk.review.moves import move as move_task
from safehold.desk.review.queues import APPEALS, queue_for
from safehold.desk.review.tasks import SEVERITY, close_unneeded, open_task
from safehold.record.recording import Record, recording

#: What an appeal may say at most, in characters.
LONGEST = 10_000


class AppealRefused(Exception):
    """The appeal can't be taken. `reason` names why for pages that say it in their own language; the text is English.

    too_late, already, replaced, nothing_restricted, not_answered, no_grounds, too_long
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Window:
    """Until when a decision can be appealed, counted from when the person was told of it."""

    told_at: datetime
    ends_at: datetime

    @property
    def is_open(self) -> bool:
        return timezone.now() <= self.ends_at


def window_of(decision: Decision, notice: Notice | None = None) -> Window:
    """The window for the affected person, or for the notifier of `notice`: as long as the policy says, counted from when
    the person was informed (DSA Art. 20(2)).
    """
    statement = getattr(decision, "statement", None)
    told = (
        notice.decision_notified_at if notice else statement.issued_at if statement else None
    ) or decision.decided_at
    length = terms_of(decision.policy).appeal_window if decision.policy else APPEAL_WINDOW
    return Window(told, told + length)


def file_appeal(
    decision: Decision, *, grounds: str, contact: str = "", language: str = "", notice: Notice | None = None
) -> Appeal:
    """File an appeal against `decision`: by the affected person, or by the notifier of `notice`. Makes its task.

    Raises `AppealRefused`; then nothing is written.
    """
    grounds = grounds.strip()
    with recording() as record:
        Decision.objects.select_for_update(of=("self",)).get(pk=decision.pk)  # nobody replaces it while it is checked
        _check(decision, grounds, notice)
        window = window_of(decision, notice)
        if not window.is_open:
            day = f"{window.ends_at:%-d %B %Y}"
            raise AppealRefused("too_late", f"This decision could be appealed until {day}. That day has passed.")
        appeal = Appeal(
            decision=decision,
            role=Complainant.NOTIFIER if notice else Complainant.AFFECTED,
            notice=notice,
            grounds=grounds,
            contact=contact,
            language=language,
            window_ends_at=window.ends_at,
        )
        try:
            with recording():
                appeal.task = _task_for(record, decision)
                appeal.save(force_insert=True)
        except IntegrityError:
            raise AppealRefused("already", "You have appealed this decision already.") from None
        record.add(appeal)
        move(record, appeal, APPEAL, "assigned")
        tell_platform(decision.service_id, "appeal.filed", appeal.pk, _about(appeal))
    return appeal


def _check(decision: Decision, grounds: str, notice: Notice | None) -> None:
    if not grounds:
        raise AppealRefused("no_grounds", "Say why you think that the decision is wrong. One sentence is enough.")
    if len(grounds) > LONGEST:
        raise AppealRefused("too_long", f"That is {len(grounds):,} characters; {LONGEST:,} is the most we can take.")
    if last_of_chain(decision.root).pk != decision.pk:
        raise AppealRefused("replaced", "This decision holds no longer: a newer one has taken its place.")
    if notice is None and decision.action == "allow":
        raise AppealRefused("nothing_restricted", "Nothing of yours is restricted by this decision.")
    if notice is not None and not _answered(notice, decision):
        raise AppealRefused("not_answered", "Your report has not been decided yet.")


def _answered(notice: Notice, decision: Decision) -> bool:
    """True if this decision, or one before it in its chain, was the answer to the notice."""
    linked = DecisionNotice.objects.filter(notice=notice, decision__root=decision.root)
    return notice.state not in OPEN and linked.exists()


def _task_for(record: Record, decision: Decision) -> Task:
    """A task in the queue of appeals, for anybody but those who took part in the decision."""
    people = User.objects.filter(pk__in=Decision.objects.filter(root=decision.root).values("person"))
    entity = entity_for(decision.service_id, Thing(decision.subject_kind, decision.subject_id, decision.account_id))
    task, _ = open_task(
        record, entity=entity, kind=TaskKind.APPEAL, queue=queue_for(APPEALS), decision=decision, excluded=people,
        priority=SEVERITY[decision.policy.severity] if decision.policy else 0,
    )  # fmt: skip
    return task


def withdraw(appeal: Appeal) -> None:
    """The complainant takes the appeal back, as long as nobody has decided it. Raises `InvalidTransition` after that."""
    with recording() as record:
        appeal = Appeal.objects.select_for_update(of=("self",)).select_related("task").get(pk=appeal.pk)
        task = appeal.task
        move(record, appeal, APPEAL, "withdrawn")
        claim = task.claims.filter(released_at=None).first()
        if claim:
            end(claim, "withdrawn")
            move_task(record, task, "released")
        close_unneeded(record, task)


def _about(appeal: Appeal) -> dict[str, object]:
    decision, notice = appeal.decision, appeal.notice
    return {
        "appeal_id": appeal.pk,
        "decision_id": decision.pk,
        "role": appeal.role,
        "account_id": notice.notifier_account_id if notice else decision.account_id,
        "filed_at": stamp(appeal.filed_at),
    }
