"""E-mail to people who appealed and left an address: that it came in, and what came of it. A loop, outside of any
transaction, so that a slow mail server holds nothing up; a letter is marked when the server has taken it. `safehold.site`
starts `run` in a thread.
"""

import smtplib
import threading

import structlog
from django.core.mail import EmailMessage
from django.db import DatabaseError, close_old_connections, connections
from django.db.models import Q, QuerySet
from django.utils import timezone

from safehold.desk.appeals.links import page_of
from safehold.desk.appeals.models import Appeal

log = structlog.get_logger("safehold.appeals")

INTERVAL_SECONDS = 10.0

RECEIPT = """We have your appeal. Somebody who had no part in the decision will look at it.

You can follow it here: {page}

You don't need to answer this letter.
"""
OUTCOME = """We have decided on your appeal.

{explanation}

All about it, and what else you can do: {page}
"""


def waiting() -> QuerySet[Appeal]:
    """Appeals with a letter to write, the oldest first."""
    owed = Q(receipt_mailed_at=None) | Q(outcome_mailed_at=None, decided_at__isnull=False)
    appeals = Appeal.objects.exclude(contact="").filter(owed).exclude(state="withdrawn")
    return appeals.select_related("decision__statement", "notice").order_by("filed_at")


def write_letters() -> int:
    """Send what is owed, and return how many letters the server took. One that it refuses is tried again next time."""
    sent = 0
    for appeal in waiting():
        column = "outcome_mailed_at" if appeal.decided_at else "receipt_mailed_at"
        text = OUTCOME if appeal.decided_at else RECEIPT
        letter = EmailMessage(
            "Your appeal",
            text.format(page=page_of(appeal), explanation=appeal.explanation),
            to=[appeal.contact],
            # RFC 3834: an answer by a machine, so that no other machine answers it.
            headers={"Auto-Submitted": "auto-generated"},
        )
        try:
            letter.send()
        except (smtplib.SMTPException, OSError) as error:
            log.error("letter_not_sent", appeal=appeal.pk, error=f"{type(error).__name__}: {error}")
            continue
        now = timezone.now()
        # An outcome that overtakes the receipt makes it needless.
        Appeal.objects.filter(pk=appeal.pk).update(
            **{"receipt_mailed_at": appeal.receipt_mailed_at or now, column: now}
        )
        sent += 1
    return sent


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
