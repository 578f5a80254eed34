"""Sends webhooks (Standard Webhooks 1.0): claims what is due, posts it signed, records what came of it. A daemon; several
processes may run it at once.

All of the database's work is this thread's, in batches; the pool's threads only speak HTTP. A claim is a lease: if this
process dies, the message is sent again, and its id tells the receiver that it is a repeat.
"""

import base64
import hashlib
import hmac
import random
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from safehold import __version__
from safehold.desk.decisions.deliveries import WAITING, acknowledged, failed, sent
from safehold.desk.decisions.endpoints import signing_secrets, switch
from safehold.desk.decisions.models import Action, Delivery, DeliveryAttempt
from safehold.desk.decisions.outgoing import SECONDS, Answer, Unreachable, post
from safehold.desk.decisions.sealing import CannotOpen
from safehold.record.recording import Record, recording

log = structlog.get_logger("safehold.webhooks")

#: Seconds to wait after the first, second, ... failed try: the schedule that Standard Webhooks recommends. After the
#: last one a message is a dead letter.
SCHEDULE = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
JITTER = 0.2
THREADS = 8
#: Of one endpoint at a time, so that a slow one leaves threads to the others.
PER_ENDPOINT = 4
LEASE = timedelta(seconds=4 * SECONDS)
IDLE_SECONDS = 0.2
GONE = 410


@dataclass(frozen=True)
class Outbound:
    """A claimed message, with all that is needed to send it."""

    delivery_id: str
    endpoint_id: str
    url: str
    payload: bytes
    secrets: Sequence[str]
    problem: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of one try: an answer, or why there was none."""

    delivery_id: str
    answer: Answer | None
    error: str
    milliseconds: int


def sign(secret: str, message_id: str, timestamp: int, payload: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.payload`, keyed with what follows `whsec_`."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, b"%s.%d.%s" % (message_id.encode(), timestamp, payload), hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def headers_of(outbound: Outbound, timestamp: int) -> dict[str, str]:
    """The headers of one try. Every secret that is valid now signs."""
    signatures = [sign(secret, outbound.delivery_id, timestamp, outbound.payload) for secret in outbound.secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": f"Safehold/{__version__}",
        "webhook-id": outbound.delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def claim(limit: int, busy: Collection[str] = ()) -> list[Outbound]:
    """Take up to `limit` messages that are due, but none for the endpoints in `busy`. Nobody else gets them meanwhile.

    What takes an action back waits while its `apply` is on its way to the same endpoint: it never overtakes it.
    """
    candidates = list(_due(busy).values_list("pk", "action_id")[: 4 * limit])
    if not candidates:
        return []
    now = timezone.now()
    skip = connection.features.has_select_for_update_skip_locked
    with recording() as record:
        # Actions before deliveries, as everybody else locks them.
        ours = Action.objects.filter(pk__in={action for _, action in candidates if action})
        actions = {action.pk: action for action in ours.select_for_update(skip_locked=skip).order_by("pk")}
        due = _due(busy).filter(Q(action=None) | Q(action__in=actions), pk__in=[pk for pk, _ in candidates])
        rows = due.select_related("endpoint").select_for_update(skip_locked=skip, of=("self",))
        taken: list[Delivery] = []
        room = Counter[str]()
        for delivery in rows:
            if len(taken) == limit:
                break
            if room[delivery.endpoint_id] == PER_ENDPOINT:
                continue
            room[delivery.endpoint_id] += 1
            delivery.action = actions.get(delivery.action_id or "")
            sent(record, delivery)
            taken.append(delivery)
        Delivery.objects.filter(pk__in=[delivery.pk for delivery in taken]).update(
            leased_until=now + LEASE, attempts=F("attempts") + 1
        )
    return [_outbound(delivery) for delivery in taken]


def _due(busy: Collection[str]) -> QuerySet[Delivery]:
    now = timezone.now()
    on_its_way = Delivery.objects.filter(
        action=OuterRef("action"), endpoint=OuterRef("endpoint"), type="action.apply", leased_until__gt=now
    )
    due = Delivery.objects.filter(state__in=WAITING, next_at__lte=now, endpoint__active=True)
    due = due.filter(Q(leased_until=None) | Q(leased_until__lte=now)).exclude(endpoint__in=busy)
    return due.exclude(Q(type__in=("action.reverse", "action.expired")) & Exists(on_its_way)).order_by("next_at", "id")


def _outbound(delivery: Delivery) -> Outbound:
    secrets: Sequence[str] = ()
    problem = ""
    try:
        secrets = signing_secrets(delivery.endpoint)
    except CannotOpen as error:
        problem = str(error)
    return Outbound(
        delivery.pk, delivery.endpoint_id, delivery.endpoint.url, delivery.payload.encode(), secrets, problem
    )


def send(outbound: Outbound) -> Outcome:
    """Post one message, and say what came of it. Touches no database; raises nothing that an endpoint can cause."""
    started = time.perf_counter()
    answer, error = None, outbound.problem
    if not error:
        try:
            answer = post(
                outbound.url,
                headers_of(outbound, int(time.time())),
                outbound.payload,
                private_hosts=settings.SAFEHOLD_WEBHOOK_PRIVATE_HOSTS,
            )
        except Unreachable as unreachable:
            error = str(unreachable)
    return Outcome(outbound.delivery_id, answer, error, round((time.perf_counter() - started) * 1000))


def settle(outcomes: Sequence[Outcome]) -> None:
    """Record what came of each try, and what follows from it."""
    with recording() as record:
        known = Delivery.objects.filter(pk__in=[outcome.delivery_id for outcome in outcomes])
        action_ids = set(known.exclude(action=None).values_list("action_id", flat=True))
        actions = Action.objects.filter(pk__in=action_ids).order_by("pk").select_for_update().in_bulk()
        rows = known.select_related("endpoint").select_for_update(of=("self",)).in_bulk()
        for outcome in outcomes:
            delivery = rows[outcome.delivery_id]
            delivery.action = actions.get(delivery.action_id or "")
            try:
                with recording():
                    _settle(record, delivery, outcome)
            except Exception as error:
                # A fault of ours costs this one message: its lease runs out, and it is sent again under the same id.
                log.error("webhook_not_settled", delivery=delivery.pk, exc_info=error)


def _settle(record: Record, delivery: Delivery, outcome: Outcome) -> None:
    answer = outcome.answer
    DeliveryAttempt.objects.create(
        delivery=delivery,
        status=answer.status if answer else None,
        error=outcome.error[:300],
        response_digest=answer.digest if answer else "",
        milliseconds=outcome.milliseconds,
    )
    Delivery.objects.filter(pk=delivery.pk).update(leased_until=None)
    if answer and 200 <= answer.status < 300:
        acknowledged(record, delivery)
        return
    if answer and answer.status == GONE and delivery.endpoint.active:
        switch(record, delivery.endpoint, active=False, why="the endpoint answered 410 Gone")
    log.warning("webhook_failed", delivery=delivery.pk, status=answer.status if answer else None, error=outcome.error)
    failed(record, delivery, _next_try(delivery.attempts))


def _next_try(attempts: int) -> datetime | None:
    if attempts > len(SCHEDULE):
        return None
    return timezone.now() + timedelta(seconds=SCHEDULE[attempts - 1] * random.uniform(1, 1 + JITTER))  # noqa: S311


def send_due(limit: int = THREADS) -> int:
    """Send what is due, one after the other, and return how many messages that was."""
    outbound = claim(limit)
    if outbound:
        settle([send(each) for each in outbound])
    return len(outbound)


def run(stop: threading.Event) -> None:
    """Send until `stop` is set; then wait for what is on its way, and record it."""
    on_its_way: dict[Future[Outcome], Outbound] = {}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="webhook") as pool:
        while not stop.is_set() or on_its_way:
            try:
                _settle_done(on_its_way)
                if not stop.is_set():
                    _start(pool, on_its_way)
            except Exception as error:
                log.error("webhooks_stalled", exc_info=error)
                close_old_connections()
                stop.wait(1)
            if on_its_way:
                wait(on_its_way, timeout=IDLE_SECONDS, return_when=FIRST_COMPLETED)
            else:
                stop.wait(IDLE_SECONDS)
    connection.close()


def _settle_done(on_its_way: dict["Future[Outcome]", Outbound]) -> None:
    done = [future for future in on_its_way if future.done()]
    if done:
        settle([future.result() for future in done])
        for future in done:
            del on_its_way[future]


def _start(pool: ThreadPoolExecutor, on_its_way: dict["Future[Outcome]", Outbound]) -> None:
    if len(on_its_way) < THREADS:
        load = Counter(each.endpoint_id for each in on_its_way.values())
        busy = [endpoint for endpoint, count in load.items() if count >= PER_ENDPOINT]
        for outbound in claim(THREADS - len(on_its_way), busy):
            on_its_way[pool.submit(send, outbound)] = outbound
