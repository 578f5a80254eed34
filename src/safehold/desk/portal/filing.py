"""Taking in what somebody reports on the public form: a notice in the sense of DSA Art. 16, about something that the
platform has told us of, or about an address that nobody told us of yet.

A report of a platform's own user comes as an event; so does this one, from the form, so that a report is the same thing
wherever it came from. No rule decides on it: every one of them waits for a person.
"""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from safehold.desk.decisions.models import Automation, Decision
from safehold.desk.decisions.outbox import decision_made
from safehold.desk.entities.models import Entity, EntityVersion, Event
from safehold.desk.entities.projection import project
from safehold.desk.entities.subjects import Thing
from safehold.desk.reports.models import Notice, NoticeKind
from safehold.desk.reports.notices import file_notice
from safehold.desk.review.queues import REPORTS
from safehold.engine.verdict import Verdict
from safehold.ids import new_id
from safehold.ledger.canonical import canonical
from safehold.record.recording import Record, recording

CHILD_ABUSE = "child_abuse"
#: What a report can be about: the reason code of its notice. The words are `reason_*`.
REASONS = (
    "scam", "violence", "harassment", "hate", CHILD_ABUSE, "intimate_images", "self_harm", "privacy",
    "intellectual_property", "goods", "terrorism", "other",
)  # fmt: skip
LONGEST_WHERE = 2_000
LONGEST_EXPLANATION = 10_000
LONGEST_NAME = 200
#: Kinds of things that people can point at by the platform's number for them.
_KINDS = ("content", "message", "listing", "account", "thread", "payment")
_LONGEST_ID = 256
#: What stands in the place of a bundle of rules: what the form does with every report.
FORM = "portal"
_WHY = "Sent by the public report form: a person looks at each of these."


class Unlocatable(ValueError):
    """What was given is no web address, and the platform never told us of anything with this number."""


@dataclass(frozen=True)
class Report:
    """What somebody filled in, checked. `where` is a web address or the platform's number of the thing."""

    where: str
    reason: str
    explanation: str
    name: str = ""
    email: str = ""
    language: str = ""


def find(service_id: str, where: str) -> Thing:
    """What `where` points at: what the platform calls so, else the address itself, as `content`. Raises `Unlocatable`."""
    if len(where) <= _LONGEST_ID:
        known = Entity.objects.filter(service_id=service_id, kind__in=_KINDS, external_id=where).select_related("owner")
        if entity := min(known, key=lambda each: _KINDS.index(each.kind), default=None):
            return Thing(entity.kind, entity.external_id, entity.owner.external_id if entity.owner else "")
    try:
        address = urlsplit(where)
    except ValueError:
        raise Unlocatable from None
    if address.scheme not in {"http", "https"} or not address.hostname or any(each.isspace() for each in where):
        raise Unlocatable
    return Thing("content", where if len(where) <= _LONGEST_ID else f"{where[:180]}#{_digest(where)}")


def _digest(where: str) -> str:
    return hashlib.sha256(where.encode()).hexdigest()


def file_report(service_id: str, report: Report) -> Notice:
    """Take the report in: its event, the notice, and a task for a person, in one transaction. Raises `Unlocatable`."""
    thing = find(service_id, report.where)
    with recording() as record:
        decision = _taken(record, service_id, report, thing)
        notice = file_notice(
            record,
            entity=project(decision.event),
            kind=NoticeKind.ARTICLE_16,
            reason=report.reason,
            explanation=report.explanation,
            locators=[report.where],
            notifier_contact=report.email,
            good_faith=True,
            language=report.language,
            event=decision.event,
            received_at=decision.event.received_at,
        )
        decision_made(record, decision.pk)
    return notice


def _taken(record: Record, service_id: str, report: Report, thing: Thing) -> Decision:
    """The report's event, and what is done about it at first: nothing, until a person has looked."""
    event = _event(service_id, report, thing)
    event.save(force_insert=True)
    verdict = Verdict(
        action="allow", winner=None, why=_WHY, queue=REPORTS, hits=[], undecided=[], signals=[], bundle=FORM
    )
    decision = Decision(
        service_id=service_id,
        event=event,
        subject_kind=thing.kind,
        subject_id=thing.id,
        account_id=thing.owner,
        action="allow",
        queue=REPORTS,
        note=_WHY,
        bundle=FORM,
        verdict={name: getattr(verdict, name) for name in verdict.__struct_fields__},
        detection_automated=False,
        automation=Automation.FULLY,
        decided_at=event.received_at,
    )
    decision.root = decision.pk
    decision.save(force_insert=True)
    record.add(event, decision)
    return decision


def _event(service_id: str, report: Report, thing: Thing) -> Event:
    """The CloudEvent `report.filed`, as the platform would have sent it (policies/events/report.filed.yaml)."""
    now, report_id, source = timezone.now(), new_id("rep"), f"{settings.PUBLIC_URL}/portal/report"
    target = {"kind": thing.kind, "id": thing.id, "text": _text_of(service_id, thing)}
    if thing.owner:
        target["owner_id"] = thing.owner
    if report.where.startswith(("http://", "https://")):
        target["url"] = report.where
    data = {
        "report_id": report_id,
        "reason": report.reason,
        "explanation": report.explanation,
        "kind": NoticeKind.ARTICLE_16.value,
        "good_faith": True,
        "language": report.language,
        "notifier": {"name": report.name},
        "target": target,
    }
    cloud = {
        "specversion": "1.0", "id": report_id, "source": source, "type": "report.filed", "time": now.isoformat(),
        "data": data,
    }  # fmt: skip
    return Event(
        service_id=service_id, source=source, source_id=report_id, type="report.filed", occurred_at=now, received_at=now,
        subject_kind="report", subject_id=report_id, body=canonical(cloud).decode(),
    )  # fmt: skip


def _text_of(service_id: str, thing: Thing) -> str:
    """What we last knew of the thing's text, so that whoever looks at the report sees what it is about."""
    versions = EntityVersion.objects.filter(
        entity__service_id=service_id, entity__kind=thing.kind, entity__external_id=thing.id
    )
    newest = versions.order_by("-captured_at", "-id").first()
    return str(newest.snapshot.get("text") or "") if newest else ""
