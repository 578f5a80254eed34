"""Fetches of exchanges: page by page into the bank, each page with its checkpoint in one transaction, so that a process that dies
goes on where it was, and a page that comes twice changes nothing. A worker does what is due; `safehold exchanges fetch` one.
"""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import Max, Q
from django.utils import timezone

from safehold.desk.banks.changing import Busy, locked, record_change
from safehold.desk.banks.exchanges.kinds import BadConfig, source_of
from safehold.desk.banks.exchanges.managing import secret_of
from safehold.desk.banks.exchanges.pages import Away, NotTaken, Page, Shared
from safehold.desk.banks.models import Act, Bank, BankItem, Exchange, ExchangeRecord, SignalOpinion, item_of
from safehold.desk.banks.states import ITEM
from safehold.desk.decisions.sealing import CannotOpen
from safehold.gateway.faults import described
from safehold.record.recording import Record, recording

log = structlog.get_logger("safehold.exchanges")

#: How long one process may say nothing before another goes on with its fetch.
LEASE = timedelta(minutes=5)
#: Minutes until the next try after the first, second, ... failure.
BACK_OFF = (1, 5, 15, 60, 240)
IDLE_SECONDS = 2.0
#: Records of one transaction: some tens of milliseconds in which nobody else writes (SQLite).
CHUNK = 500


def fetch(exchange: Exchange, stop: threading.Event | None = None) -> bool:
    """Bring in what is new; whether it came to its end. What went wrong stands in the exchange's row, with when it is tried
    again. False, too, if another process is at it."""
    if not _claimed(exchange):
        return False
    try:
        _bring_in(exchange, stop or threading.Event())
    except Away as reason:
        _failed(exchange, str(reason), reason.after)
    except (BadConfig, CannotOpen, NotTaken, Busy, ValueError) as error:
        _failed(exchange, str(error), None)
    except Exception as error:
        # A client came upon an answer that it can't read. Its words may repeat what is in it, so only their kind is shown.
        log.error("exchange_unreadable", exchange=exchange.pk, **described(error))
        _failed(exchange, f"its answer can't be read ({type(error).__name__}); nothing of that page was taken", None)
    except BaseException:
        Exchange.objects.filter(pk=exchange.pk).update(leased_until=None)
        raise
    else:
        return True
    return False


def _claimed(exchange: Exchange) -> bool:
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    taken = Exchange.objects.filter(free, pk=exchange.pk).update(leased_until=now + LEASE)
    exchange.refresh_from_db()
    return bool(taken)


def _bring_in(exchange: Exchange, stop: threading.Event) -> None:
    source = source_of(exchange.kind, exchange.config, secret_of(exchange), settings.SAFEHOLD_EXCHANGE_PRIVATE_HOSTS)
    checkpoint = exchange.checkpoint
    anew = checkpoint is None or source.stale(checkpoint)
    # A fetch is numbered, and its number kept until it is through: one that was interrupted goes on as the same one.
    under_way = exchange.progress if exchange.progress.get("round") else {}
    state = {
        "round": under_way.get("round") or _last_round(exchange) + 1,
        "whole": anew or under_way.get("whole", False),
    }
    counts = Counter[str]()
    for page in source.pages(None if anew else checkpoint):
        state["whole"] = state["whole"] or page.whole
        _keep_in_pieces(exchange, page, state, counts)
        if stop.is_set():
            Exchange.objects.filter(pk=exchange.pk).update(leased_until=None)
            return
    if state["whole"] and counts["records"]:
        _retire_what_was_left_out(exchange, state["round"], counts)
    now = timezone.now()
    Exchange.objects.filter(pk=exchange.pk).update(
        fetched_at=now, error="", failures=0, leased_until=None, next_at=now + timedelta(minutes=exchange.every_minutes),
        progress={"step": "Done", **counts},
    )  # fmt: skip
    log.info("exchange_fetched", exchange=exchange.pk, **counts)


def _last_round(exchange: Exchange) -> int:
    return ExchangeRecord.objects.filter(exchange=exchange).aggregate(last=Max("round"))["last"] or 0


def _keep_in_pieces(exchange: Exchange, page: Page, state: dict[str, Any], counts: Counter[str]) -> None:
    """The page's checkpoint goes in with its last piece only."""
    records = list(page.records.items())
    pieces = [dict(records[at : at + CHUNK]) for at in range(0, len(records), CHUNK)] or [{}]
    for piece in pieces:
        last = piece is pieces[-1]
        checkpoint = page.checkpoint if last else exchange.checkpoint
        _keep(exchange, Page(piece, checkpoint, notes=page.notes), state, counts)


def _keep(exchange: Exchange, page: Page, state: dict[str, Any], counts: Counter[str]) -> None:
    with recording() as record:
        bank = locked(exchange.bank_id)
        done = _brought(exchange, bank, page, state["round"])
        counts.update(done)
        counts["records"] += len(page.records)
        if sum(done.values()):
            _in_effect(record, exchange, bank, done, page.checkpoint)
        exchange.checkpoint = page.checkpoint
        progress = {"step": "Fetching", **counts, **page.notes, **state}
        Exchange.objects.filter(pk=exchange.pk).update(
            checkpoint=page.checkpoint, progress=progress, leased_until=timezone.now() + LEASE
        )


def _in_effect(record: Record, exchange: Exchange, bank: Bank, done: Counter[str], content: Any) -> None:
    """The changes that `_brought` wrote under the next number."""
    change = record_change(record, bank, Act.EXCHANGE, None, done, {"exchange": exchange.pk, "at": content, **done})
    type(change).objects.filter(pk=change.pk).update(source=exchange.pk)
    record.audit("bank.fetched", "bank", bank.pk, detail={"exchange": exchange.pk, "number": change.number, **done})


def next_number(bank: Bank) -> int:
    """The number that the next change of a locked bank gets."""
    last = bank.changes.order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1


def _brought(exchange: Exchange, bank: Bank, page: Page, number: int) -> Counter[str]:
    """Write the items of a page; how many were added, returned, retired, doubted."""
    done = Counter[str]()
    change = next_number(bank)
    wanted = {each.key: each for shared in page.records.values() for each in shared}
    known = _known(bank, list(wanted))
    new = [
        item_of(
            each.kind, each.value, bank=bank, state=_arrives(exchange, each), source=exchange.pk, exchange=exchange,
            reference=", ".join(each.tags)[:500], added_at=timezone.now(), change=change,
        )
        for key, each in wanted.items()
        if key not in known
    ]  # fmt: skip
    BankItem.objects.bulk_create(new)
    done["added"] += len(new)
    for item in known.values():
        if item.state == "retired" and item.exchange_id == exchange.pk:
            item.state = ITEM.next("retired", "returned")
            if _arrives(exchange, wanted[item.kind, item.value]) == "active":
                item.state = ITEM.next(item.state, "activated")
            item.change = change
            item.save(update_fields=["state", "change"])
            done["returned"] += 1
    known |= {(item.kind, item.value): item for item in new}
    done["retired"] += _link(exchange, page, known, number, change)
    _say_what_they_think(exchange, wanted, known)
    return +done


def _known(bank: Bank, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], BankItem]:
    found = BankItem.objects.filter(bank=bank, value__in={value for _, value in pairs})
    return {(item.kind, item.value): item for item in found}


def _arrives(exchange: Exchange, each: Shared) -> str:
    """What its members doubt always waits for a person."""
    doubted = each.belief in ("negative", "disputed")
    return "active" if exchange.arrive_active and not doubted else ITEM.initial


def _link(
    exchange: Exchange, page: Page, known: dict[tuple[str, str], BankItem], number: int, change: int
) -> int:  # fmt: skip
    """Note which items each record stands for now; retire those that no record stands for any more. Returns how many."""
    links = [
        ExchangeRecord(exchange=exchange, key=key[:500], item=known[each.key], round=number)
        for key, shared in page.records.items()
        for each in shared
    ]
    before = ExchangeRecord.objects.filter(exchange=exchange, key__in=[key[:500] for key in page.records])
    stand = {(link.key, link.item_id) for link in links}
    gone = [link for link in before if (link.key, link.item_id) not in stand]
    ExchangeRecord.objects.filter(pk__in=[link.pk for link in gone]).delete()
    ExchangeRecord.objects.bulk_create(
        links, update_conflicts=True, unique_fields=["exchange", "key", "item"], update_fields=["round"]
    )
    return _retire(exchange, {link.item_id for link in gone}, change)


def _retire(exchange: Exchange, numbers: set[int], change: int) -> int:
    """Retire items of this exchange that it has no record of."""
    still = set(ExchangeRecord.objects.filter(item__in=numbers).values_list("item_id", flat=True))
    retired = 0
    for state, after in ITEM.table["retired"].items():
        found = BankItem.objects.filter(pk__in=numbers - still, exchange=exchange, state=state)
        retired += found.update(state=after, change=change)
    return retired


def _retire_what_was_left_out(exchange: Exchange, number: int, counts: Counter[str]) -> None:
    """After a whole fetch: what it did not name is not shared any more."""
    found = ExchangeRecord.objects.filter(exchange=exchange, round__lt=number).order_by("id")
    while links := list(found[:CHUNK]):
        with recording() as record:
            bank = locked(exchange.bank_id)
            ExchangeRecord.objects.filter(pk__in=[link.pk for link in links]).delete()
            retired = _retire(exchange, {link.item_id for link in links}, next_number(bank))
            if retired:
                _in_effect(record, exchange, bank, Counter(retired=retired), exchange.checkpoint)
                counts["retired"] += retired


def _say_what_they_think(
    exchange: Exchange, wanted: dict[tuple[str, str], Shared], known: dict[tuple[str, str], BankItem]
) -> None:
    """Keep what the members think of an item together, where it says something and is new."""
    telling = {known[pair].pk: each for pair, each in wanted.items() if each.belief != "seed" or each.tags}
    latest: dict[int, tuple[str, list[str]]] = {}
    said = SignalOpinion.objects.filter(item__in=list(telling), party=exchange.pk).order_by("id")
    for item, belief, tags in said.values_list("item_id", "belief", "tags"):
        latest[item] = (belief, tags)
    SignalOpinion.objects.bulk_create(
        SignalOpinion(item_id=item, belief=each.belief, party=exchange.pk, tags=list(each.tags))
        for item, each in telling.items()
        if latest.get(item) != (each.belief, list(each.tags))
    )


def _failed(exchange: Exchange, why: str, after: float | None) -> None:
    wait = timedelta(minutes=BACK_OFF[min(exchange.failures, len(BACK_OFF) - 1)])
    if after is not None:
        wait = max(wait, timedelta(seconds=min(after, 86_400)))
    log.warning("exchange_failed", exchange=exchange.pk, failures=exchange.failures + 1, seconds=wait.total_seconds())
    exchange.refresh_from_db(fields=["progress"])
    Exchange.objects.filter(pk=exchange.pk).update(
        error=why[:1000], failures=exchange.failures + 1, leased_until=None, next_at=timezone.now() + wait,
        progress={**exchange.progress, "step": "Failed"},
    )  # fmt: skip


def keep(now: Any = None) -> int:
    """Retire items that were kept long enough; how many."""
    retired = 0
    for name, days in Bank.objects.exclude(retention_days=None).values_list("name", "retention_days"):
        old = BankItem.objects.filter(bank=name, added_at__lt=(now or timezone.now()) - timedelta(days=days or 0))
        while numbers := list(old.exclude(state="retired").order_by("id").values_list("pk", flat=True)[:CHUNK]):
            with recording() as record:
                bank = locked(name)
                change = next_number(bank)
                done = sum(
                    BankItem.objects.filter(pk__in=numbers, state=state).update(state=after, change=change)
                    for state, after in ITEM.table["retired"].items()
                )
                record_change(record, bank, Act.RETENTION, None, {"retired": done}, {"retention_days": days})
                record.audit("bank.retention", "bank", name, detail={"retired": done, "days": days})
            retired += done
    return retired


def run(stop: threading.Event) -> None:
    """Fetch what is due, send opinions, retire what was kept long enough, until `stop` is set."""
    from safehold.desk.banks.exchanges.writing_back import send_due

    kept = 0.0
    while not stop.is_set():
        busy = False
        try:
            due = Exchange.objects.filter(enabled=True, next_at__lte=timezone.now()).order_by("next_at").first()
            if due is not None:
                fetch(due, stop)
                busy = True
            busy = bool(send_due()) or busy
            if time.monotonic() - kept > 3600:
                keep()
                kept = time.monotonic()
        except Exception as error:
            log.error("exchanges_stalled", **described(error))
            close_old_connections()
        if not busy:
            stop.wait(IDLE_SECONDS)
    connection.close()
