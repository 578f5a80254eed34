"""Exchanges made, changed, switched and asked by people. Credentials are sealed, and never shown again."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL, Refused
from safehold.desk.banks.changing import found_bank
from safehold.desk.banks.exchanges.kinds import KINDS, BadConfig, check
from safehold.desk.banks.exchanges.trying import NoAnswer, try_out
from safehold.desk.banks.models import Exchange
from safehold.desk.decisions.sealing import CannotOpen, seal, unseal
from safehold.record.recording import Record, recording

#: The least minutes between two fetches.
LEAST_MINUTES = 5
#: What of a config says where credentials go.
ADDRESSES = ("url", "base_url", "environment")


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
    check_new(by, kind, config, secret, write_back=write_back, every_minutes=every_minutes)
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


def check_new(
    by: User | None, kind: str, config: Mapping[str, Any], secret: Mapping[str, str], *, write_back: bool, every_minutes: int
) -> None:  # fmt: skip
    """Raise BadConfig or Refused for what can't be an exchange."""
    check(kind, config, secret)
    if write_back and not KINDS[kind].opinions:
        raise Refused(f"{KINDS[kind].title} takes no opinions.")
    if every_minutes < LEAST_MINUTES:
        raise Refused(f"An exchange is asked every {LEAST_MINUTES} minutes at most.")
    if by is not None and kind == "file" and not str(config["url"]).startswith(("https://", "http://")):
        raise BadConfig("config url: a path on this machine is put in at the shell; here it is an https:// address")


def check_change(
    by: User | None, exchange: Exchange, config: Mapping[str, Any], secret: Mapping[str, str] | None,
    *, write_back: bool, every_minutes: int,
) -> Mapping[str, str]:  # fmt: skip
    """The credentials that an exchange has after a change; None keeps those there are, unless they would go to another address.
    Raises BadConfig, Refused and CannotOpen."""
    before, config = exchange.config, dict(config)
    if secret is None and exchange.secret and any(before.get(key) != config.get(key) for key in ADDRESSES):
        raise BadConfig("secret: put the credentials in again; those that are kept are not sent to another address")
    used = secret if secret is not None else secret_of(exchange)
    author = by if config != before else None  # what the shell put in may stay
    check_new(author, exchange.kind, config, used, write_back=write_back, every_minutes=every_minutes)
    return used


def change_exchange(
    by: User | None, name: str, config: Mapping[str, Any], secret: Mapping[str, str] | None = None,
    *, arrive_active: bool, write_back: bool, every_minutes: int,
) -> Exchange:  # fmt: skip
    """Other settings; `secret` None keeps the credentials. With another `config` all is fetched anew.

    Raises NoSuchExchange, what `check_change` raises, and Refused also while it is being fetched.
    """
    with recording() as record:
        exchange = Exchange.objects.select_for_update().filter(pk=name).first() or found_exchange(name)
        if exchange.leased_until is not None and exchange.leased_until > timezone.now():
            raise Refused("It is being fetched just now; try again when it is through.")
        check_change(by, exchange, config, secret, write_back=write_back, every_minutes=every_minutes)
        other = dict(config) != exchange.config
        exchange.config, exchange.arrive_active, exchange.write_back = dict(config), arrive_active, write_back
        exchange.every_minutes, exchange.next_at = every_minutes, timezone.now()
        if secret is not None:
            exchange.secret = _sealed(secret)
        if other:
            exchange.checkpoint, exchange.progress = None, {}
        exchange.save()
        told = {
            "config": dict(config), "active": arrive_active, "write_back": write_back, "every_minutes": every_minutes,
            "secret_renewed": secret is not None,
        }  # fmt: skip
        _audit(record, "exchange.changed", exchange, by, told)
    return exchange


def renew_secret(by: User | None, name: str, secret: Mapping[str, str]) -> Exchange:
    """Other credentials. Raises NoSuchExchange and BadConfig."""
    exchange = found_exchange(name)
    check(exchange.kind, exchange.config, secret)
    with recording() as record:
        Exchange.objects.filter(pk=name).update(secret=_sealed(secret), next_at=timezone.now())
        _audit(record, "exchange.secret_renewed", exchange, by, {})
    return exchange


def switch(by: User | None, name: str, *, enabled: bool, key: str = "") -> Exchange:
    """Off: it is asked nothing. On: it is asked at once. `key` is the API key that does it. Raises NoSuchExchange."""
    exchange = found_exchange(name)
    with recording() as record:
        Exchange.objects.filter(pk=name).update(enabled=enabled, next_at=timezone.now())
        _audit(record, "exchange.switched_on" if enabled else "exchange.switched_off", exchange, by, {}, key)
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


def secret_of(exchange: Exchange) -> dict[str, str]:
    """Its credentials. Raises CannotOpen."""
    return msgspec.json.decode(unseal(exchange.secret), type=dict[str, str]) if exchange.secret else {}


def try_connection(by: User | None, name: str) -> int:
    """Ask an exchange for its first page with the credentials that are kept; how many records it has. Nothing is taken.
    Raises NoSuchExchange and NoAnswer."""
    exchange = found_exchange(name)
    with recording() as record:
        _audit(record, "exchange.tested", exchange, by, {})
    try:
        secret = secret_of(exchange)
    except CannotOpen:
        raise NoAnswer("its credentials were sealed with another secret key; put them in again") from None
    return try_out(exchange.kind, exchange.config, secret)


def _sealed(secret: Mapping[str, str]) -> str:
    return seal(msgspec.json.encode(dict(secret)).decode()) if secret else ""


def _audit(
    record: Record, verb: str, exchange: Exchange, by: User | None, detail: Mapping[str, Any], key: str = ""
) -> None:
    actor = by.pk if by is not None else key
    record.audit(
        verb, "exchange", exchange.pk, actor=actor, detail=dict(detail) if actor else {**detail, **AT_THE_SHELL}
    )
