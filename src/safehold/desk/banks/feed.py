"""What the gateway matches with: the items of banks that are in effect, as a whole and as what changed since.

An item counts as it is once its number is not above its bank's; only active and negative ones are told of.
"""

from collections.abc import Iterator, Mapping

from django.db import connection
from django.db.models import Q

from safehold.desk.banks.changing import Busy, NoSuchBank, add_hashes
from safehold.desk.banks.models import Bank, BankItem, SignalOpinion
from safehold.gateway.banks import SharedItem, SharedPage
from safehold.gateway.store import Unavailable
from safehold.signals.hashes.kinds import written
from safehold.signals.hashes.matching import BankView, Item
from safehold.signals.media import vpdq
from safehold.signals.media.vpdq import Shares

#: Rows read at a time.
_PAGE = 5_000
COUNTING = ("active", "negative")
_COLUMNS = ("id", "kind", "value", "state", "frames", "variants")
#: Characters of a page that another Safehold reads: videos are long.
MOST_TOLD = 4_000_000


class Feed:
    """The source of the gateway's banks (`safehold.gateway.banks.BankSource`)."""

    def banks(self) -> dict[str, BankView]:
        return {bank.name: _view(bank) for bank in Bank.objects.all()}

    def items(self, bank: str, number: int) -> Iterator[Item]:
        """Those in effect at a number."""
        found = BankItem.objects.filter(bank=bank, state__in=COUNTING, change__lte=number).order_by("id")
        for row in found.values_list(*_COLUMNS).iterator(_PAGE):
            yield _item(bank, *row)

    def changed(self, bank: str, after: int, number: int) -> Iterator[tuple[Item, bool]]:
        """(item, whether it counts) for what changed after a number and up to another."""
        found = BankItem.objects.filter(bank=bank, change__gt=after, change__lte=number).order_by("id")
        for row in found.values_list(*_COLUMNS).iterator(_PAGE):
            yield _item(bank, *row), row[3] in COUNTING

    def add(self, bank: str, hashes: Mapping[str, str], key: str) -> int | None:
        try:
            return add_hashes(bank, hashes, key)
        except NoSuchBank:
            return None
        except Busy as reason:
            raise Unavailable(str(reason)) from reason

    def page(self, bank: str, after: int, last: int, most: int) -> SharedPage | None:
        held = Bank.objects.filter(pk=bank).first()
        if held is None:
            return None
        found = BankItem.objects.filter(bank=held, change__lte=held.number)
        found = found.filter(Q(change__gt=after) | Q(change=after, pk__gt=last)).order_by("change", "pk")
        rows = found.values_list(*_COLUMNS[:5], "change")[: most + 1]
        items: list[SharedItem] = []
        left, more = MOST_TOLD, False
        for pk, kind, value, state, frames, change in rows.iterator(_PAGE // 50):
            left -= len(frames or value)
            if len(items) == most or (items and left < 0):
                more = True
                break
            items.append(SharedItem(pk, kind, written(kind, frames or value), state))
            after, last = change, pk
        return SharedPage(items, f"{after}.{last}", more)

    def opine(self, bank: str, item: int, belief: str, key: str) -> bool:
        if not BankItem.objects.filter(bank=bank, pk=item).exists():
            return False
        SignalOpinion.objects.create(item_id=item, belief=belief, party=f"API key {key}")
        return True

    def close(self) -> None:
        connection.close()


def _item(
    bank: str, number: int, kind: str, value: str, state: str, frames: str, variants: Mapping[str, str]
) -> Item:  # fmt: skip
    telling = vpdq.telling(vpdq.read(frames)) if frames else ()
    return Item(number, bank, kind, value, state == "negative", telling, tuple(variants.items()))


def _view(bank: Bank) -> BankView:
    return BankView(
        name=bank.name, negative=bank.sign == "negative", ratio=bank.enabled_ratio, categories=tuple(bank.categories),
        pdq_distance=bank.pdq_distance, tlsh_distance=bank.tlsh_distance, number=bank.number, version=bank.version,
        video_shares=Shares(bank.video_query_share, bank.video_item_share),
    )  # fmt: skip
