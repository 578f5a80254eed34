"""An appeal as the person who may file it sees it: may they, until when, and how far it is. For the statement's page (the
affected person) and the report's (the notifier).
"""

from dataclasses import dataclass
from datetime import datetime

from safehold.desk.appeals.filing import Window, window_of
from safehold.desk.appeals.models import Appeal
from safehold.desk.appeals.states import APPEAL
from safehold.desk.decisions.models import Decision
from safehold.desk.reports.models import Notice


@dataclass(frozen=True)
class Step:
    """One line of the way. state: `done`, `now` or `next`. The words are keys of `portal.words`."""

    title: str
    text: str
    state: str
    at: datetime | None = None


@dataclass(frozen=True)
class Complaint:
    """`closed` is the key of the words that say why no appeal can be filed, '' if one can. `outcome` is `upheld`,
    `overturned`, `modified`, `inadmissible`, `withdrawn`, or '' while there is none."""

    until: datetime
    closed: str
    appeal: Appeal | None
    outcome: str
    may_withdraw: bool
    steps: tuple[Step, ...]


def complaint_about(decision: Decision, *, holds: bool, notice: Notice | None = None) -> Complaint:
    """The complaint of the affected person, or of the notifier of `notice`. One query."""
    filed = Appeal.objects.filter(decision__root=decision.root).select_related("outcome")
    filed = filed.filter(notice=notice) if notice else filed.filter(role="affected", decision=decision)
    appeal = filed.order_by("-filed_at").first()
    if appeal is not None and notice is not None and appeal.decision_id != decision.pk and _over(appeal):
        appeal = _told_again(appeal, decision)
    window = window_of(decision, notice)
    if appeal is None:
        return Complaint(window.ends_at, _closed(decision, holds, window, notice), None, "", False, ())
    may_withdraw = "withdrawn" in APPEAL.possible(appeal.state)
    outcome = outcome_of(appeal)
    return Complaint(window.ends_at, "already", appeal, outcome, may_withdraw, _steps(appeal, outcome))


def _closed(decision: Decision, holds: bool, window: Window, notice: Notice | None) -> str:
    if not holds:
        return "superseded"
    if decision.action == "allow" and notice is None:
        return "nothing_restricted"
    return "" if window.is_open else "too_late"


def _over(appeal: Appeal) -> bool:
    return appeal.decided_at is not None or appeal.state == "withdrawn"


def _told_again(appeal: Appeal, decision: Decision) -> Appeal | None:
    """A notifier's earlier appeal stays on the page as long as what came of it is what holds: after that, what holds is
    something else, against which they may appeal anew."""
    return appeal if appeal.outcome_id == decision.pk else None


def outcome_of(appeal: Appeal) -> str:
    """What came of it, in the words of the appeal's own machine, whatever has been done about it since."""
    if appeal.state in {"withdrawn", "inadmissible"}:
        return appeal.state
    if appeal.decided_at is None:
        return ""
    if appeal.outcome is None:
        return "upheld"
    return "overturned" if appeal.outcome.action == "allow" and appeal.notice_id is None else "modified"


def _steps(appeal: Appeal, outcome: str) -> tuple[Step, ...]:
    filed = Step("filed", "filed_text", "done", appeal.filed_at)
    if outcome == "withdrawn":
        return (filed, Step("hearing", "hearing_not", "next"), Step("withdrawn", "withdrawn_text", "done"))
    if outcome:
        answered = Step(outcome, "answered_on" if appeal.decided_at else "", "done", appeal.decided_at)
        return (filed, Step("hearing", "hearing_done", "done"), answered)
    reads = "hearing_reads" if appeal.state == "in_review" else "hearing_waits"
    return (filed, Step("hearing", reads, "now"), Step("answer", "answer_waits", "next"))
