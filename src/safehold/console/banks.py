"""Hash banks: what there is, each bank's items with where they come from and what they hit, and the exchanges that fill them.
Reading only; `bank_changes` changes. Hashes are shown and nothing of what they were made from, which nobody here has.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.roles import Permission
from safehold.console import search
from safehold.console.counting import remembered
from safehold.console.decisions import chips, menus
from safehold.desk.banks.exchanges.kinds import KINDS as EXCHANGE_KINDS
from safehold.desk.banks.models import Bank, BankHit, BankItem, Exchange, ItemChange, WriteBack
from safehold.desk.banks.states import ITEM
from safehold.signals.hashes.kinds import KINDS, BadHash, normal
from safehold.signals.media import vpdq
from safehold.web.keyset import keyset_page
from safehold.web.words import word_for

FILTERS = ("state", "type", "source", "after", "before")
#: Hits, opinions and moves that an item's page shows.
SHOWN = 50

MOVES = {
    "activated": ("Activate", "check", "primary"), "upheld": ("It violates", "check", "primary"),
    "cleared": ("It does not", "shield-check", ""), "disputed": ("Dispute", "circle-question-mark", ""),
    "returned": ("List it again", "undo-2", ""), "retired": ("Retire", "archive", ""),
}  # fmt: skip


@dataclass
class BankLine:
    """A bank as the overview shows it."""

    bank: Bank
    active: int
    waiting: int
    disputed: int
    hits: int
    changed_at: datetime | None


@dataclass
class ExchangeLine:
    """An exchange as its page shows it: `unsent` and `dead` are opinions."""

    exchange: Exchange
    title: str
    unsent: int
    dead: int


@require(Permission.READ_POLICIES)
@require_GET
def overview(request: SignedInRequest) -> HttpResponse:
    states = remembered("bank-states", 10, _states)
    week = timezone.now() - timedelta(days=7)
    hits = dict(
        BankHit.objects.filter(at__gte=week).order_by().values_list("item__bank").annotate(Count("pk")).iterator()
    )
    lines = [
        BankLine(
            bank, states.get((bank.name, "active"), 0), states.get((bank.name, "quarantined"), 0),
            states.get((bank.name, "disputed"), 0), hits.get(bank.name, 0), bank.changed_at,
        )
        for bank in Bank.objects.annotate(changed_at=Max("changes__at")).order_by("name")
    ]  # fmt: skip
    return render(
        request, "console/banks.html", {"lines": lines, "may_make": request.user.may(Permission.APPROVE_LISTS)}
    )


def _states() -> dict[tuple[str, str], int]:
    found = BankItem.objects.order_by().values_list("bank", "state").annotate(Count("pk"))
    return {(name, state): count for name, state, count in found}


def frame(request: SignedInRequest, bank: Bank) -> dict[str, Any]:
    """What every page of a bank shows around its own."""
    return {
        "bank": bank,
        "may_propose": request.user.may(Permission.PROPOSE_LISTS),
        "may_approve": request.user.may(Permission.APPROVE_LISTS),
    }


def narrow(found: QuerySet[BankItem], query: search.Query) -> QuerySet[BankItem]:
    """The items that fit: a word is a hash of any kind, or an item's number. Raises `BadQuery`."""
    for name, value in query.filters.items():
        found = found.filter(_NARROW[name](value))
    for word in query.words:
        spellings = {word}
        for kind in KINDS:
            try:
                spellings.add(normal(kind, word))
            except BadHash:
                continue
        number = Q(pk=int(word)) if word.isdigit() and len(word) < 16 else Q()
        found = found.filter(Q(value__in=spellings) | number)
    return found


_NARROW = {
    "state": lambda value: Q(state=search.one_of("state", value, ITEM.states)),
    "type": lambda value: Q(kind=search.one_of("type", value, list(KINDS))),
    "source": lambda value: Q(source=value),
    "after": lambda value: Q(added_at__gte=search.day("after", value)),
    "before": lambda value: Q(added_at__lt=search.day_after("before", value)),
}


@require(Permission.READ_POLICIES)
@require_GET
def items(request: SignedInRequest, name: str) -> HttpResponse:
    """A bank: its items, its settings, and its last changes."""
    bank = get_object_or_404(Bank, pk=name)
    text = request.GET.get("q", "").strip()
    address = reverse("bank", args=[name])
    options = {
        "state": [(state, word_for("bank_item", state).text) for state in ITEM.states],
        "type": [(kind.name, kind.title) for kind in KINDS.values()],
    }
    quarantined = BankItem.objects.filter(bank=bank, state="quarantined").order_by()
    waiting = dict(quarantined.values_list("change").annotate(Count("pk")).iterator())
    changes = [
        (change, waiting.get(change.number, 0) if change.act in ("import", "exchange") else 0)
        for change in bank.changes.select_related("by").order_by("-number")[:8]
    ]
    context = {**frame(request, bank), "text": text, "changes": changes, "exchanges": bank.exchanges.all()}
    try:
        query = search.parse(text, FILTERS)
        page = keyset_page(
            narrow(BankItem.objects.filter(bank=bank), query).select_related("added_by").defer("frames", "variants"),
            request,
        )
    except search.BadQuery as error:
        bad = {"page": [], "problem": str(error), "menus": menus(search.Query(), options, address)}
        return render(request, "console/bank.html", context | bad, status=400)
    for each in page:
        each.bank = bank
    context |= {"page": page, "chips": chips(query, address), "menus": menus(query, options, address)}
    return render(request, "console/bank.html", context)


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def item(request: SignedInRequest, name: str, item_id: int) -> HttpResponse:
    """One item: where it comes from, what is thought of it, what it hit, what was done, and what may be done."""
    found = get_object_or_404(
        BankItem.objects.select_related("bank", "added_by", "approved_by", "exchange"), bank=name, pk=item_id
    )
    context = frame(request, found.bank)
    allowed = {"disputed"} if context["may_propose"] else set()
    if context["may_approve"]:
        allowed |= set(MOVES)
    own = found.added_by_id == request.user.pk and found.state == "quarantined" and found.bank.two_people
    context |= {
        "item": found,
        "own": own,
        "moves": [
            (activity, *MOVES[activity])
            for activity in MOVES
            if activity in ITEM.possible(found.state) and activity in allowed and not (activity == "activated" and own)
        ],
        "opinions": found.opinions.select_related("by", "write_back").order_by("-id")[:SHOWN],
        "hits": found.hits.order_by("-at")[:SHOWN],
        "hit_count": found.hits.count(),
        "frames": vpdq.read(found.frames) if found.frames else [],
        "done": ItemChange.objects.filter(item=found).select_related("change__by").order_by("-id")[:SHOWN],
    }
    return render(request, "console/bank_item.html", context)


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def exchanges(request: SignedInRequest) -> HttpResponse:
    """The exchanges: how each stands, what it brought, what it is still to be told."""
    found = list(Exchange.objects.select_related("bank").order_by("name"))
    unsent = dict(
        WriteBack.objects.filter(state="queued").order_by().values_list("exchange").annotate(Count("pk")).iterator()
    )
    dead = dict(
        WriteBack.objects.filter(state="dead").order_by().values_list("exchange").annotate(Count("pk")).iterator()
    )
    lines = [
        ExchangeLine(
            each, EXCHANGE_KINDS[each.kind].title if each.kind in EXCHANGE_KINDS else each.kind, unsent.get(each.pk, 0),
            dead.get(each.pk, 0),
        )
        for each in found
    ]  # fmt: skip
    context = {
        "lines": lines,
        "may_manage": request.user.may(Permission.MANAGE_WEBHOOKS),
        "fetching": any(each.standing == "fetching" for each in found),
    }
    template = "console/parts/exchange_rows.html" if request.headers.get("HX-Request") else "console/exchanges.html"
    return render(request, template, context)
