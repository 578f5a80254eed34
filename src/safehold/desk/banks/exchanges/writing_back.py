"""Opinions on their way back to exchanges: a queue in the database, so that nothing is lost. What an exchange can't take now is
tried again, ever more rarely, for days; what it refuses is given up and shown, and can be sent again.
"""

from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F, Q
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL
from safehold.desk.banks.exchanges.kinds import BadConfig, source_of
from safehold.desk.banks.exchanges.managing import secret_of
from safehold.desk.banks.exchanges.pages import Away, NotTaken
from safehold.desk.banks.models import ExchangeRecord, WriteBack
from safehold.desk.banks.states import WRITE_BACK
from safehold.desk.decisions.sealing import CannotOpen
from safehold.desk.moves import move
from safehold.record.recording import recording

#: Seconds to wait after the first, second, ... failed try; after the last it is given up.
SCHEDULE = (10, 60, 600, 3_600, 14_400, 43_200, 86_400, 86_400, 86_400)
LEASE = timedelta(minutes=5)


def send_due(limit: int = 20) -> int:
    """Send what is due; how many were tried."""
    tried = 0
    while tried < limit and (waiting := _claimed()) is not None:
        tried += 1
        error, final = _sent(waiting)
        _note(waiting, error, final)
    return tried


def _claimed() -> WriteBack | None:
    now = timezone.now()
    due = WriteBack.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), state="queued", next_at__lte=now)
    if not due.exists():
        return None
    with recording():
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        waiting = due.order_by("next_at").first()
        if waiting is not None:
            WriteBack.objects.filter(pk=waiting.pk).update(leased_until=now + LEASE, attempts=F("attempts") + 1)
            waiting.attempts += 1
    return waiting


def _sent(waiting: WriteBack) -> tuple[str, bool]:
    """(what went wrong, whether for good); empty if nothing did."""
    exchange, item = waiting.exchange, waiting.opinion.item
    keys = list(ExchangeRecord.objects.filter(exchange=exchange, item=item).values_list("key", flat=True))
    try:
        source = source_of(
            exchange.kind, exchange.config, secret_of(exchange), settings.SAFEHOLD_EXCHANGE_PRIVATE_HOSTS
        )
        source.report(item.kind, item.frames or item.value, keys, waiting.opinion.belief)
    except NotTaken as reason:
        return str(reason), True
    except (Away, BadConfig, CannotOpen, ValueError) as reason:
        return str(reason), False
    except Exception as error:
        # Of a client: it must not lose the opinion. Its words may hold an address with our credentials: only their kind is kept.
        return f"it could not be sent ({type(error).__name__})", False
    return "", False


def _note(waiting: WriteBack, error: str, final: bool) -> None:
    with recording() as record:
        if not error:
            WriteBack.objects.filter(pk=waiting.pk).update(sent_at=timezone.now(), error="", leased_until=None)
            move(record, waiting, WRITE_BACK, "sent")
            return
        over = final or waiting.attempts > len(SCHEDULE)
        wait = timedelta(seconds=SCHEDULE[min(waiting.attempts, len(SCHEDULE)) - 1])
        WriteBack.objects.filter(pk=waiting.pk).update(
            error=error[:300], leased_until=None, next_at=timezone.now() + wait
        )
        if over:
            move(record, waiting, WRITE_BACK, "given_up")


def retry(by: User | None, exchange: str) -> int:
    """Queue again what was given up; how many."""
    with recording() as record:
        dead = list(WriteBack.objects.filter(exchange=exchange, state="dead"))
        for waiting in dead:
            WriteBack.objects.filter(pk=waiting.pk).update(attempts=0, next_at=timezone.now())
            move(record, waiting, WRITE_BACK, "retried", by=by.pk if by else "")
        detail = {"count": len(dead), **({} if by else AT_THE_SHELL)}
        record.audit("exchange.retried", "exchange", exchange, actor=by.pk if by else "", detail=detail)
    return len(dead)
