"""Notices: what people tell us about something on the platform, by an event (`report.filed`) or by the portal's form.
Whoever wants to hear of a new one listens to `notice.filed`; the decisions room sends the receipt.
"""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from safehold.desk.entities.models import Entity, Event
from safehold.desk.entities.projection import project
from safehold.desk.entities.subjects import lifted, reported_by
from safehold.desk.moves import move
from safehold.desk.reports.models import Notice, NoticeKind
from safehold.desk.reports.states import NOTICE
from safehold.desk.topics import tell
from safehold.record.recording import Record

#: The states in which a notice waits for an answer.
OPEN = ("received", "acknowledged", "linked")


class NoticeRefused(ValueError):
    """The notice lacks what the law or we need; `field` names what."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def notice_from(record: Record, event: Event) -> Notice | None:
    """The notice that a report event is; None if it is none. Made once, however often it is asked for."""
    if reported_by(event) is None:
        return None
    if known := Notice.objects.filter(event=event).first():
        return known
    data, target = lifted(event)["data"], lifted(event)["target"]
    return file_notice(
        record,
        entity=project(event),
        kind=data.get("kind", NoticeKind.USER_REPORT),
        reason=data["reason"],
        explanation=data.get("explanation", ""),
        locators=[url for url in (data.get("url"), target.get("url")) if url],
        notifier_account_id=event.account_id,
        good_faith=data.get("good_faith", False),
        language=data.get("language", ""),
        event=event,
        received_at=event.received_at,
    )


def file_notice(
    record: Record,
    *,
    entity: Entity,
    kind: str,
    reason: str,
    explanation: str = "",
    locators: Sequence[str] = (),
    notifier_account_id: str = "",
    notifier_contact: str = "",
    good_faith: bool = False,
    language: str = "",
    event: Event | None = None,
    received_at: datetime | None = None,
) -> Notice:
    """Store a notice, and tell those who listen. Inside `recording()`.

    Raises `NoticeRefused` where a notice of illegal content (DSA Art. 16(2)) has no substantiated reasons, no good-faith
    statement, or no exact location; a user's report needs none of them.
    """
    if kind not in NoticeKind.values:
        raise NoticeRefused("kind", f"{kind!r} is no kind of notice; it is one of {', '.join(NoticeKind.values)}")
    if kind == NoticeKind.ARTICLE_16 and event is None:  # what a platform took in, it has checked by its own form
        if not explanation.strip():
            raise NoticeRefused("explanation", "Say why you think that this is illegal.")
        if not locators:
            raise NoticeRefused("locators", "Give the exact address of what you report.")
        if not good_faith:
            raise NoticeRefused("good_faith", "Confirm that what you say is accurate and complete.")
    notice = Notice.objects.create(
        service_id=entity.service_id,
        kind=kind,
        event=event,
        entity=entity,
        reason=reason[:60],
        explanation=explanation,
        locators=list(locators),
        notifier_account_id=notifier_account_id,
        notifier_contact=notifier_contact,
        good_faith=good_faith,
        language=language,
        received_at=received_at or timezone.now(),
    )
    record.add(notice)
    tell("notice.filed", notice, record)
    return notice


def receipt_delivered(record: Record, notice: Notice) -> None:
    """The platform has the receipt for the notifier. A notice that was resolved sooner stays so."""
    notice.receipt_sent_at = timezone.now()
    notice.save(update_fields=["receipt_sent_at"])
    if notice.state == "received":
        move(record, notice, NOTICE, "acknowledged")


def answer_delivered(record: Record, notice: Notice) -> None:
    """The platform has our answer for the notifier. One that was reopened meanwhile is answered again later."""
    notice.decision_notified_at = timezone.now()
    notice.save(update_fields=["decision_notified_at"])
    if "notified" in NOTICE.possible(notice.state):
        move(record, notice, NOTICE, "notified")


def link(record: Record, notice: Notice, *, by: str = "") -> None:
    """The notice is being looked at: a task stands for it."""
    if "linked" in NOTICE.possible(notice.state):
        move(record, notice, NOTICE, "linked", by=by)


def resolve(record: Record, notice: Notice, outcome: str, *, by: str = "") -> bool:
    """Resolve a notice as `actioned`, `no_action`, `duplicate` or `inadmissible`, reopening it if it was resolved
    otherwise. True if that is news to the notifier."""
    if notice.state not in OPEN:
        if outcome == notice.outcome:
            return False
        move(record, notice, NOTICE, "reopened", by=by)
    move(record, notice, NOTICE, outcome, by=by)
    notice.outcome = outcome
    notice.save(update_fields=["outcome"])
    return True
