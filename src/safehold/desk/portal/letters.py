"""E-mail to people who reported something on the public form and left an address: that it came in, and what came of it
(DSA Art. 16(4) and (5)). Like the letters of appeals: outside of any transaction, marked when the server has taken them.
`safehold.site` starts `run` in a thread.
"""

import smtplib
import threading

import structlog
from django.core.mail import EmailMessage
from django.db import DatabaseError, close_old_connections, connections
from django.db.models import Q, QuerySet

from safehold.desk.portal.words import WORDS
from safehold.desk.reports.links import notice_url
from safehold.desk.reports.models import Notice
from safehold.desk.reports.notices import OPEN, answer_delivered, receipt_delivered
from safehold.record.recording import recording

log = structlog.get_logger("safehold.portal")

INTERVAL_SECONDS = 10.0
_RESOLVED = ("actioned", "no_action", "duplicate", "inadmissible")


def waiting() -> QuerySet[Notice]:
    """Notices of the form with a letter to write, the oldest first. An answer that overtakes the receipt makes it needless."""
    owed = Q(state__in=OPEN, receipt_sent_at=None) | Q(state__in=_RESOLVED)
    of_form = Notice.objects.filter(notifier_account_id="").exclude(notifier_contact="")
    return of_form.filter(owed).select_related("service").order_by("received_at")


def write_letters() -> int:
    """Send what is owed, and return how many letters the server took. One that it refuses is tried again next time."""
    sent = 0
    for notice in waiting():
        try:
            _letter(notice).send()
        except (smtplib.SMTPException, OSError) as error:
            log.error("letter_not_sent", notice=notice.pk, error=f"{type(error).__name__}: {error}")
            continue
        with recording() as record:
            now = Notice.objects.select_for_update().get(pk=notice.pk)
            (answer_delivered if notice.state in _RESOLVED else receipt_delivered)(record, now)
        sent += 1
    return sent


def _letter(notice: Notice) -> EmailMessage:
    words = WORDS.get(notice.language, WORDS["en"])
    about = "answer" if notice.state in _RESOLVED else "receipt"
    outcome = "report_inadmissible" if notice.outcome == "inadmissible" else notice.outcome
    text = words[f"letter_{about}"].format(
        page=f"{notice_url(notice)}?lang={notice.language or 'en'}",
        service=notice.service.name,
        outcome=words[outcome] if about == "answer" else "",
    )
    # RFC 3834: written by a machine, so that no other machine answers it.
    headers = {"Auto-Submitted": "auto-generated"}
    return EmailMessage(words[f"letter_{about}_subject"], text, to=[notice.notifier_contact], headers=headers)


def run(stop: threading.Event) -> None:
    """Write letters until `stop` is set."""
    failing = False
    while not stop.wait(INTERVAL_SECONDS):
        close_old_connections()
        try:
            write_letters()
            failing = False
        except DatabaseError as error:
            if not failing:
                log.error("letters_stalled", error=str(error))
            failing = True
    connections.close_all()
