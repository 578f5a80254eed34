"""Exchanges made, changed, switched and asked by people. Credentials are sealed, and never shown again."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL, Refused
from safehold.desk.banks.changing import found_bank
from safehold.desk.banks.exchanges.kinds import KINDS, check
from safehold.desk.banks.models import Exchange
from safehold.desk.decisions.sealing import seal
from safehold.record.recording import Record, recording

#: The least minutes between two fetches.
LEAST_MINUTES = 5


class NoSuchExchange(LookupError):
    """The message names the exchange, and those there are."""


def found_exchange(name: str) -> Exchange:
    """An exchange by name. Raises NoSuchExchange."""
    exchange = Exchange.objects.filter(pk=name).first()
    if exchange is None:
        there = ", ".join(Exchange.objects.order_by("name").values_list("name", flat=True)) or "none"
        raise NoSuchExchange(f"there is no exchange `{name}`; there are {there}")
    return exchange


def add_exchange(
    by: User | None, name: str, kind: str, bank: str, config: Mapping[str, Any], secret: Mapping[str, str],
    *, arrive_active: bool = False, write_back: bool = False, every_minutes: int = 60,
) -> Exchange:  # fmt: skip
    """A new exchange, fetched from now on. Raises BadConfig, NoSuchBank, Refused, and ValidationError for its name."""
    check(kind, config, secret)
    if write_back and not KINDS[kind].opinions:
        raise Refused(f"{KINDS[kind].title} takes no opinions.")
    if every_minutes < LEAST_MINUTES:
        raise Refused(f"An exchange is asked every {LEAST_MINUTES} minutes at most.")
    with recording() as record:
        if Exchange.objects.filter(pk=name).exists():
            raise Refused(f"there is an exchange `{name}` already")
        exchange = Exchange(
            name=name, kind=kind, bank=found_bank(bank), config=dict(config), secret=_sealed(secret),
            arrive_active=arrive_active, write_back=write_back, every_minutes=every_minutes,
        )  # fmt: skip
        exchange.clean_fields(exclude={field.name for field in Exchange._meta.fields if field.name != "name"})
        exchange.save(force_insert=True)
        told = {"kind": kind, "bank": bank, "config": dict(config), "active": arrive_active, "write_back": write_back}
        _audit(record, "exchange.added", exchange, by, told)
    return exchange


def renew_secret(by: User | None, name: str, secret: Mapping[str, str]) -> Exchange:
    """Other credentials. Raises NoSuchExchange and BadConfig."""
    exchange = found_exchange(name)
    check(exchange.kind, exchange.config, secret)
    with recording() as record:
        Exchange.objects.filter(pk=name).update(secret=_sealed(secret), next_at=timezone.now())
        _audit(record, "exchange.secret_renewed", exchange, by, {})
    return exchange


def switch(by: User | None, name: str, *, enabled: bool) -> Exchange:
    """Off: it is asked nothing. On: it is asked at once. Raises NoSuchExchange."""
    exchange = found_exchange(name)
    with recording() as record:
        Exchange.objects.filter(pk=name).update(enabled=enabled, next_at=timezone.now())
        _audit(record, "exchange.switched_on" if enabled else "exchange.switched_off", exchange, by, {})
    return exchange


def fetch_soon(by: User | None, name: str) -> Exchange:
    """Have the workers fetch it now. Raises NoSuchExchange, and Refused for one that is off."""
    exchange = found_exchange(name)
    if not exchange.enabled:
        raise Refused("It is switched off.")
    with recording() as record:
        Exchange.objects.filter(pk=name).update(next_at=timezone.now())
        _audit(record, "exchange.fetch_asked", exchange, by, {})
    return exchange


def _sealed(secret: Mapping[str, str]) -> str:
    return seal(msgspec.json.encode(dict(secret)).decode()) if secret else ""


def _audit(record: Record, verb: str, exchange: Exchange, by: User | None, detail: Mapping[str, Any]) -> None:
    actor = by.pk if by is not None else ""
    record.audit(verb, "exchange", exchange.pk, actor=actor, detail=dict(detail) if by else {**detail, **AT_THE_SHELL})
