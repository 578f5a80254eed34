"""Answers to those who told us: the receipt when a notice comes in, and the outcome when it is decided (DSA Art. 16(4)
and (5)). Both go to the platform, which knows how to reach the notifier; who has no account there wrote on the portal's
form, and the portal writes to them.
"""

from collections.abc import Iterable

from django.db.models import QuerySet

from safehold.desk.decisions.deliveries import stamp, tell_platform
from safehold.desk.decisions.models import Decision, DecisionNotice, Delivery
from safehold.desk.entities.subjects import reported_by
from safehold.desk.reports.links import notice_url
from safehold.desk.reports.models import Notice
from safehold.desk.reports.notices import OPEN, answer_delivered, receipt_delivered, resolve
from safehold.desk.topics import on
from safehold.record.recording import Record


@on("notice.filed")
def send_receipt(notice: Notice, record: Record) -> None:
    """Confirm to the notifier that the notice is here."""
    if notice.notifier_account_id:
        tell_platform(notice.service_id, "report.received", notice.pk, _about(notice))


@on("delivery.delivered")
def note_delivery(delivery: Delivery, record: Record) -> None:
    """The platform has a receipt or an answer: the notice moves on."""
    if delivery.type in {"report.received", "report.decided"}:
        notice = Notice.objects.select_for_update().get(pk=delivery.about)
        (receipt_delivered if delivery.type == "report.received" else answer_delivered)(record, notice)


def link_notices(decision: Decision) -> list[Notice]:
    """Link the decision to the notices it answers: a rule's decision to its own report, a person's to every notice of
    its chain and, unless it is an appeal, whatever open one there is about the same thing."""
    if decision.person_id is None and reported_by(decision.event) is None:
        return []
    notices = list(_answered_by(decision))
    DecisionNotice.objects.bulk_create(DecisionNotice(decision=decision, notice=notice) for notice in notices)
    return notices


def answer_notices(record: Record, decision: Decision, notices: Iterable[Notice]) -> None:
    """Tell each notifier what came of it, if it is decided and news. Where rules leave the answer to a person, or no
    rule said anything about the report, it is not decided yet: a person looks at it."""
    if decision.person_id is None and (decision.queue or not decision.rule):
        return
    outcome = "no_action" if decision.action == "allow" else "actioned"
    for notice in notices:
        if resolve(record, notice, outcome, by=decision.person_id or "") and notice.notifier_account_id:
            answer = {"outcome": outcome, "decision_id": decision.pk, "automation": decision.automation}
            tell_platform(notice.service_id, "report.decided", notice.pk, _about(notice) | answer)


def _answered_by(decision: Decision) -> QuerySet[Notice]:
    notices = Notice.objects.select_for_update(of=("self",)).select_related("entity").order_by("received_at", "id")
    of_event = notices.filter(event_id=decision.event_id)
    if decision.person_id is None:
        return of_event
    of_chain = Notice.objects.filter(decision_links__decision__root=decision.root).values("pk")
    about_the_same = Notice.objects.filter(
        service_id=decision.service_id,
        entity__kind=decision.subject_kind,
        entity__external_id=decision.subject_id,
        state__in=OPEN,
    ).values("pk")
    if decision.on_appeal:  # it is about what was decided, not about what came in since
        return notices.filter(pk__in=of_chain)
    return notices.filter(pk__in=of_chain.union(about_the_same))


def _about(notice: Notice) -> dict[str, object]:
    return {
        "notice_id": notice.pk,
        "kind": notice.kind,
        "reason": notice.reason,
        "target": {"kind": notice.entity.kind, "id": notice.entity.external_id},
        "notifier_account_id": notice.notifier_account_id,
        "received_at": stamp(notice.received_at),
        "report_url": notice_url(notice),
    }
