"""Banks made and changed; one item added, activated, disputed, settled, retired. The shell, the console and HMA's endpoints
call this.

At the shell (`by` None) an item is active at once. A person's waits for somebody else, unless its bank wants no second
person; the database refuses one who activates their own.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL, Refused
from safehold.desk.banks.models import Act, Bank, BankChange, BankItem, ItemChange, SignalOpinion, WriteBack, item_of
from safehold.desk.banks.states import CHANGE, ITEM
from safehold.record.recording import Record, recording
from safehold.signals.hashes.kinds import key_of, normal

#: What of a bank can be changed.
SETTINGS = (
    "title", "description", "enabled_ratio", "pdq_distance", "tlsh_distance", "video_query_share", "video_item_share",
    "variants", "one_side", "turned", "categories", "policy", "retention_days", "two_people",
)  # fmt: skip


class Busy(Exception):
    """An import of this bank is being written; it takes seconds."""


class NoSuchBank(LookupError):
    """The message names the bank, and those there are."""


def found_bank(name: str) -> Bank:
    """A bank by name. Raises NoSuchBank."""
    bank = Bank.objects.filter(pk=name).first()
    if bank is None:
        there = ", ".join(Bank.objects.order_by("name").values_list("name", flat=True)) or "none"
        raise NoSuchBank(f"there is no bank `{name}`; there are {there}")
    return bank


def locked(name: str) -> Bank:
    """A bank, locked until the transaction ends. Raises NoSuchBank and Busy."""
    bank = Bank.objects.select_for_update().filter(pk=name).first() or found_bank(name)
    if BankChange.objects.filter(bank=bank, state="applying").exists():
        raise Busy(f"an import of `{name}` is being written; try again in a moment")
    return bank


def create_bank(by: User | None, name: str, sign: str = "positive", *, key: str = "", **known: Any) -> Bank:
    """A new bank without items; `key` is the API key that made it. Raises Refused for a name that is taken, and
    ValidationError for what can't be."""
    with recording() as record:
        if Bank.objects.filter(pk=name).exists():
            raise Refused(f"there is a bank `{name}` already")
        bank = Bank(name=name, sign=sign, **_settings(known))
        _check(bank)
        bank.save(force_insert=True)
        record_change(record, bank, Act.SETTINGS, by, {"created": 1}, {"sign": sign, **known})
        _audit(record, "bank.created", bank, by, {"sign": sign, **known}, key)
    return bank


def change_bank(by: User | None, name: str, *, key: str = "", **wanted: Any) -> Bank:
    """Change settings of a bank, in effect at the gateway within a second; `key` is the API key that does it. Raises
    NoSuchBank, Busy, ValidationError."""
    with recording() as record:
        bank = locked(name)
        before = {name: getattr(bank, name) for name in wanted}
        for setting, value in _settings(wanted).items():
            setattr(bank, setting, value)
        _check(bank)
        record_change(record, bank, Act.SETTINGS, by, {"changed": len(wanted)}, wanted)
        _audit(record, "bank.changed", bank, by, {"from": before, "to": wanted}, key)
    return bank


def _settings(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    if unknown := sorted(set(wanted) - set(SETTINGS)):
        raise ValueError(f"a bank has no {', '.join(unknown)}")
    return wanted


def _check(bank: Bank) -> None:
    for name in ("enabled_ratio", "video_query_share", "video_item_share"):
        if not 0 <= getattr(bank, name) <= 1:
            raise ValidationError({name: "It is a share from 0 to 1."})
    bank.full_clean(validate_unique=False)


def add_item(by: User | None, name: str, kind: str, text: str, **known: str) -> BankItem:
    """Put a hash into a bank: active at once at the shell, else quarantined until somebody else activates it.

    `known` are source, reference and note. Raises NoSuchBank, BadHash, Busy, and Refused where the bank has it already.
    """
    return add_items(by, name, [(kind, text)], known)[0]


def add_items(
    by: User | None, name: str, hashes: Iterable[tuple[str, str]], known: Mapping[str, str],
    variants: Mapping[str, str] | None = None,
) -> list[BankItem]:  # fmt: skip
    """Put hashes (kind, text) into a bank by one change: all of them or, where one can't be, none. See `add_item`. `variants`
    are other forms of the picture whose PDQ is among them; an item that comes back keeps those that it had."""
    pairs = [(kind, normal(kind, text)) for kind, text in hashes]
    with recording() as record:
        bank = locked(name)
        adding = [_arriving(bank, by, kind, value, known) for kind, value in pairs]
        if there := [item for item, _ in adding if item.pk and item.state != "retired"]:
            raise Refused("; ".join(f"the bank has this {item.kind} already: it is {item.state}" for item in there))
        contents = []
        for item, before in adding:
            if before:
                item.state, item.added_by, item.approved_by = ITEM.next(before, "returned"), by, None
            elif item.kind == "pdq":
                item.variants = dict(variants or {})
            if by is None or not bank.two_people:
                item.state = ITEM.next(item.state, "activated")
            contents.append(_content(item))
        said = contents[0] if len(contents) == 1 else contents
        note = known.get("note", "")
        change = record_change(record, bank, Act.ITEM, by, {"added": len(adding)}, said, note)
        for item, before in adding:
            _write(record, bank, item, "added", before, by, note, change=change)
            SignalOpinion.objects.create(item=item, belief=bank.sign, by=by, party="" if by else "the shell")
    return [item for item, _ in adding]


def _arriving(
    bank: Bank, by: User | None, kind: str, value: str, known: Mapping[str, str]
) -> tuple[BankItem, str]:  # fmt: skip
    """The item of a hash, new or as the bank has it, with what is known of it; and what it is there, empty for a new one."""
    held = BankItem.objects.select_for_update().filter(bank=bank, kind=kind, value=key_of(kind, value)).first()
    item = held or item_of(kind, value, bank=bank, added_at=timezone.now(), added_by=by)
    for key in ("source", "reference", "note"):
        setattr(item, key, known.get(key, "") or getattr(item, key))
    return item, held.state if held else ""


def add_hashes(name: str, hashes: Mapping[str, str], key: str) -> int:
    """Put hashes (kind -> value) into a bank for an API key: active where the bank wants no second person, else they wait.
    Those that the bank has already stay as they are, but for retired ones, which come as if they were new. Returns the first
    one's number. Raises what `add_item` raises."""
    with recording() as record:
        bank = locked(name)
        numbers = []
        for kind, text in hashes.items():
            value = normal(kind, text)
            known = BankItem.objects.select_for_update().filter(bank=bank, kind=kind, value=key_of(kind, value))
            item, before = known.first(), ""
            if item is not None and item.state == "retired":
                before, item.state = item.state, ITEM.next(item.state, "returned")
                item.added_by = item.approved_by = None
            if item is None:
                item = item_of(kind, value, bank=bank, added_at=timezone.now(), source=f"API key {key}")
            elif not before:
                numbers.append(item.pk)
                continue
            if not bank.two_people:
                item.state = ITEM.next(item.state, "activated")
            _write(record, bank, item, "added", before, None, actor=key)
            SignalOpinion.objects.create(item=item, belief=bank.sign, party=f"API key {key}")
            numbers.append(item.pk)
    return numbers[0]


def move_item(by: User | None, item_id: int, activity: str, note: str = "", key: str = "") -> BankItem:
    """Do an activity of `states.ITEM` to an item, for a person, or for an API key. Raises Busy, Refused, and what
    `Machine.next` raises."""
    with recording() as record:
        name = BankItem.objects.values_list("bank", flat=True).get(pk=item_id)
        bank = locked(name)
        item = BankItem.objects.select_for_update().get(pk=item_id)
        before = item.state
        if activity == "activated":
            if by is not None and item.added_by_id == by.pk and bank.two_people:
                raise Refused("You added this item: somebody else has to activate it.")
            item.approved_by = None if by is None or item.added_by_id == by.pk else by
        item.state = ITEM.next(before, activity)
        _write(record, bank, item, activity, before, by, note, actor=key)
        belief = {"disputed": "disputed", "upheld": bank.sign, "cleared": _other(bank.sign)}.get(activity)
        if belief is not None:
            opine(record, item, belief, by=by, note=note)
    return item


def _other(sign: str) -> str:
    return "negative" if sign == "positive" else "positive"


def say(by: User | None, item_id: int, belief: str, note: str = "") -> SignalOpinion:
    """Say what one thinks of an item; its state stays. The exchange it is from is told, if it takes opinions."""
    with recording() as record:
        item = BankItem.objects.select_related("exchange").get(pk=item_id)
        opinion = opine(record, item, belief, by=by, note=note)
        _audit(record, "bank.opinion", item.bank, by, {"item": item.pk, "belief": belief, "note": note})
    return opinion


def opine(
    record: Record, item: BankItem, belief: str, *, by: User | None = None, party: str = "", note: str = "",
    decision: str = "",
) -> SignalOpinion:  # fmt: skip
    """Keep an opinion of ours, and queue it for the exchange that the item is from."""
    party = party or ("" if by else "the shell")
    opinion = SignalOpinion.objects.create(item=item, belief=belief, by=by, party=party, note=note, decision=decision)
    if item.exchange is not None and item.exchange.write_back:
        WriteBack.objects.create(exchange=item.exchange, opinion=opinion)
    return opinion


def lifted(record: Record, item_id: int, person_id: str, decision: str, *, on_appeal: bool) -> None:
    """A person has lifted a decision that this item led to. On appeal the item is disputed: at once, or with the import of
    its bank that is being written just now."""
    name = BankItem.objects.values_list("bank", flat=True).get(pk=item_id)
    bank = Bank.objects.select_for_update().get(pk=name)
    item = BankItem.objects.select_for_update(of=("self",)).select_related("exchange").get(pk=item_id)
    person = User.objects.get(pk=person_id)
    negative = _other(bank.sign)
    if not on_appeal or item.state != "active":
        opine(record, item, negative, by=person, note="Decided so in review", decision=decision)
        return
    before, item.state = item.state, ITEM.next(item.state, "disputed")
    note = f"Decision {decision} overturned what it led to"
    under_way = BankChange.objects.filter(bank=bank, state="applying").first()
    _write(record, bank, item, "disputed", before, person, note, under_way)
    opine(record, item, "disputed", by=person, note=note, decision=decision)


def record_change(
    record: Record, bank: Bank, act: str, by: User | None, counts: Mapping[str, int], content: Any, note: str = ""
) -> BankChange:
    """The next change of a bank that the caller has locked, in effect with this transaction. Saves the bank."""
    number = BankChange.objects.filter(bank=bank).order_by("-number").values_list("number", flat=True).first() or 0
    bank.number = number + 1
    bank.digest = chained(bank.digest, bank.number, msgspec.json.encode(content, order="sorted").decode())
    bank.save()
    change = BankChange.objects.create(
        bank=bank, number=bank.number, act=act, state="applied", by=by, note=note, counts=dict(counts),
        digest=bank.digest,
    )  # fmt: skip
    record.transition("bank_change", change.pk, CHANGE.initial, change.state, "made", by=by.pk if by else "")
    return change


def chained(before: str, number: int, content: str) -> str:
    """A change's digest."""
    return hashlib.sha256(f"{before}\n{number}\n{content}".encode()).hexdigest()


def _content(item: BankItem) -> dict[str, Any]:
    """What of an item a change's digest covers."""
    said = {"kind": item.kind, "value": item.value, "state": item.state, "source": item.source}
    return said | ({"variants": item.variants} if item.variants else {})


def _write(
    record: Record, bank: Bank, item: BankItem, activity: str, before: str, by: User | None, note: str = "",
    change: BankChange | None = None, actor: str = "",
) -> None:  # fmt: skip
    """Save the item as the next change of its bank, or as part of one that is being written."""
    change = change or record_change(record, bank, Act.ITEM, by, {activity: 1}, _content(item), note)
    item.change = change.number
    item.save()
    ItemChange.objects.create(change=change, item=item, activity=activity, before=before, after=item.state)
    detail = {"item": item.pk, "kind": item.kind, "value": item.value, "from": before, "to": item.state}
    if activity == "added":
        said = {"source": item.source, "reference": item.reference, "forms": sorted(item.variants)}
        detail |= {name: value for name, value in said.items() if value}
    _audit(record, f"bank.item_{activity}", bank, by, detail | ({"note": note} if note else {}), actor)


def _audit(record: Record, verb: str, bank: Bank, by: User | None, detail: Mapping[str, Any], key: str = "") -> None:
    actor = by.pk if by is not None else key
    record.audit(verb, "bank", bank.pk, actor=actor, detail=dict(detail) if actor else {**detail, **AT_THE_SHELL})
