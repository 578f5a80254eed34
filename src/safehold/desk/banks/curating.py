"""What programs change and read of banks and exchanges by key (`safehold.gateway.curating.Curator`). Each change is in the audit
trail under the key's id. What takes a second person at the console takes one here too: items wait to be activated.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Count

from safehold.accounts.people import Refused
from safehold.desk.banks.changing import Busy, NoSuchBank, change_bank, create_bank, move_item
from safehold.desk.banks.exchanges.kinds import KINDS
from safehold.desk.banks.exchanges.managing import NoSuchExchange, switch
from safehold.desk.banks.models import Bank, BankItem, Exchange, ExchangeRecord
from safehold.gateway.curating import BankShare, Cannot, Content, ExchangeView, Taken
from safehold.gateway.store import Unavailable
from safehold.signals.hashes.kinds import written
from safehold.states import InvalidTransition


class Curation:
    """The gateway's curator, on this database."""

    def banks(self) -> list[BankShare]:
        with _reported():
            return [_share(bank) for bank in Bank.objects.order_by("name")]

    def create(self, name: str, ratio: float, key: str) -> BankShare:
        with _reported():
            try:
                return _share(create_bank(None, name, key=key, enabled_ratio=ratio))
            except Refused as reason:
                raise Taken(str(reason)) from None
            except ValidationError as error:
                raise Cannot(_words(error)) from None

    def set_ratio(self, name: str, ratio: float, key: str) -> BankShare | None:
        with _reported():
            try:
                return _share(change_bank(None, name, key=key, enabled_ratio=ratio))
            except NoSuchBank:
                return None
            except ValidationError as error:
                raise Cannot(_words(error)) from None

    def content(self, bank: str, item: int) -> Content | None:
        with _reported():
            found = BankItem.objects.select_related("bank").filter(bank=bank, pk=item).first()
            if found is None:
                return None
            known_as: dict[str, list[str]] = defaultdict(list)
            for exchange, name in ExchangeRecord.objects.filter(item=found).values_list("exchange", "key")[:100]:
                known_as[exchange].append(name)
            return Content(
                found.pk, _share(found.bank), found.kind, written(found.kind, found.value), found.state == "active", known_as
            )  # fmt: skip

    def retire(self, bank: str, item: int, key: str) -> int | None:
        with _reported():
            if not Bank.objects.filter(pk=bank).exists():
                return None
            if not BankItem.objects.filter(bank=bank, pk=item).exists():
                return 0
            try:
                move_item(None, item, "retired", key=key)
            except InvalidTransition:
                return 0
            return 1

    def dispute(self, bank: str, item: int, key: str) -> bool | None:
        with _reported():
            found = BankItem.objects.filter(bank=bank, pk=item).first()
            if found is None:
                return None
            if found.state != "active":
                return False
            try:
                move_item(None, item, "disputed", "Disabled by an API key", key)
            except InvalidTransition:
                return False
            return True

    def switch_exchange(self, name: str, enabled: bool, key: str) -> bool:
        with _reported():
            try:
                switch(None, name, enabled=enabled, key=key)
            except NoSuchExchange:
                return False
            return True

    def exchanges(self) -> list[ExchangeView]:
        with _reported():
            return [
                ExchangeView(
                    exchange.name, exchange.kind, exchange.bank_id, exchange.enabled, exchange.standing == "fetching",
                    bool(exchange.error), exchange.fetched_at, exchange.count,
                )
                for exchange in Exchange.objects.annotate(count=Count("items")).order_by("name")
            ]  # fmt: skip

    def kinds(self) -> dict[str, bool]:
        return {name: bool(kind.secrets) for name, kind in KINDS.items()}


def _share(bank: Bank) -> BankShare:
    return BankShare(bank.name, bank.enabled_ratio)


def _words(error: ValidationError) -> str:
    said = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    return " ".join(f"{name}: {' '.join(messages)}".removeprefix(": ") for name, messages in said.items())


@contextmanager
def _reported() -> Iterator[None]:
    """Tell what will pass; the connection is the thread's own and is closed after each."""
    try:
        yield
    except Busy as reason:
        raise Unavailable(str(reason)) from reason
    except (DatabaseError, InterfaceError) as error:
        raise Unavailable("the banks can't be read now") from error
    finally:
        connection.close()
