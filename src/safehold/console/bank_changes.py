"""Changing hash banks in the console: made, set, filled, items moved on, opinions said, exchanges asked. Each asks the functions
of `safehold.desk.banks`, which the shell asks too.
"""

import json
from contextlib import suppress
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.people import Refused
from safehold.accounts.roles import Permission
from safehold.console.banks import MOVES, frame
from safehold.desk.banks import importing
from safehold.desk.banks.changing import Busy, add_item, add_items, change_bank, create_bank, move_item, say
from safehold.desk.banks.exchanges.managing import NoSuchExchange, fetch_soon, switch, try_connection
from safehold.desk.banks.exchanges.trying import NoAnswer
from safehold.desk.banks.exchanges.writing_back import retry
from safehold.desk.banks.models import Bank, BankItem, Belief, Sign
from safehold.desk.decisions.models import Decision
from safehold.gateway.hma.media import hashes_and_variants
from safehold.gateway.problems import Refusal
from safehold.signals.hashes.kinds import KINDS, BadHash, key_of, normal
from safehold.signals.hashes.signal import video_of
from safehold.signals.media import vpdq
from safehold.signals.media.named import here
from safehold.states import InvalidTransition

KIND_CHOICES = [(kind.name, kind.title) for kind in KINDS.values()]


class NewItem(forms.Form):
    kind = forms.ChoiceField(choices=KIND_CHOICES, label="Type")
    value = forms.CharField(
        max_length=500_000, label="Hash", widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Of a text only a digest is kept. A video is a JSON array of HASH,QUALITY,SECONDS.",
    )  # fmt: skip
    source = forms.CharField(max_length=200, required=False, help_text="Where you know it from.")
    reference = forms.CharField(max_length=500, required=False, help_text="A case or a ticket.")
    note = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))


class BankSettings(forms.Form):
    enabled_ratio = forms.FloatField(min_value=0, max_value=1, label="Share that counts", help_text="0 to 1.")
    pdq_distance = forms.IntegerField(
        min_value=0, max_value=31, label="PDQ distance", help_text="Bits of 256, 0 to 31."
    )
    video_query_share = forms.FloatField(
        min_value=0, max_value=1, label="Share of a video", help_text="How much of it must be in an item, 0 to 1."
    )
    video_item_share = forms.FloatField(
        min_value=0, max_value=1, label="Share of a video's item",
        help_text="How much of the item must be in the video: 0 finds an excerpt too.",
    )  # fmt: skip
    variants = forms.BooleanField(
        required=False, label="Also cropped and unbarred",
        help_text="Index these forms of a picture with it, where the picture itself is at hand when it is added.",
    )  # fmt: skip
    one_side = forms.BooleanField(
        required=False, label="Also cut at one side", help_text="4 and 8 % off one side: eight forms more."
    )
    turned = forms.BooleanField(
        required=False, label="Also turned a little", help_text="By 2 and 4 degrees either way: eight forms more."
    )


class NewBank(forms.Form):
    name = forms.RegexField(r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=60, help_text="Letters, digits, _ . and -.")
    title = forms.CharField(max_length=120, required=False)
    description = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2}), help_text="What belongs in it."
    )
    sign = forms.ChoiceField(choices=Sign.choices, label="What it has")
    categories = forms.CharField(required=False, help_text="What policies read, with commas: csam, terrorism.")


@require(Permission.APPROVE_LISTS)
@never_cache
@require_http_methods(["GET", "POST"])
def make(request: SignedInRequest) -> HttpResponse:
    form = NewBank(request.POST or None)
    if form.is_valid():
        known = dict(form.cleaned_data)
        categories = [part.strip() for part in known.pop("categories").split(",") if part.strip()]
        try:
            bank = create_bank(request.user, known.pop("name"), known.pop("sign"), categories=categories, **known)
        except (Refused, ValidationError) as error:
            form.add_error("name", str(error))
        else:
            return redirect("bank", bank.name)
    return render(request, "console/bank_make.html", {"form": form}, status=422 if form.errors else 200)


@require(Permission.PROPOSE_LISTS)
@never_cache
@require_http_methods(["GET", "POST"])
def add(request: SignedInRequest, name: str) -> HttpResponse:
    bank = get_object_or_404(Bank, pk=name)
    form = NewItem(request.POST or None)
    if form.is_valid():
        known = dict(form.cleaned_data)
        try:
            item = add_item(request.user, name, known.pop("kind"), known.pop("value"), **known)
        except (BadHash, Refused, Busy) as error:
            form.add_error("value", str(error))
        else:
            messages.success(request, _added(item))
            return redirect("bank-item", name, item.pk)
    return render(
        request, "console/bank_add.html", frame(request, bank) | {"form": form}, status=422 if form.errors else 200
    )


def _added(item: BankItem) -> str:
    return "It counts now." if item.state == "active" else "It waits: somebody else has to activate it."


@dataclass(frozen=True)
class Brought:
    """A hash that a decision's event brought, with the digest of the file it is of, where that is known."""

    kind: str
    value: str
    sha256: str

    @property
    def name(self) -> str:
        """As a form says which was chosen."""
        return f"{self.kind} {key_of(self.kind, self.value)}"

    @property
    def title(self) -> str:
        return f"vpdq, {len(vpdq.read(self.value)):,} frames" if self.kind == "vpdq" else f"{self.kind} {self.value}"


def hashes_of(decision: Decision) -> list[Brought]:
    """The hashes of the media that a decision's event brought."""
    media = (json.loads(decision.event.body).get("data") or {}).get("media")
    found: dict[str, Brought] = {}
    for entry in media if isinstance(media, list) else ():
        if not isinstance(entry, dict):
            continue
        said = {kind: entry[kind] for kind in KINDS if isinstance(entry.get(kind), str)}
        if isinstance(entry.get("frames"), list):
            with suppress(BadHash):  # frames of which none can be matched
                said["vpdq"] = video_of(entry["frames"])
        for kind, value in said.items():
            with suppress(BadHash):  # nobody could keep it
                brought = Brought(kind, normal(kind, value), str(entry.get("sha256", "")))
                found.setdefault(brought.name, brought)
    return list(found.values())


@require(Permission.PROPOSE_LISTS)
@never_cache
@require_http_methods(["GET", "POST"])
def add_from_decision(request: SignedInRequest, decision_id: str) -> HttpResponse:
    """Put hashes of what was decided on into a bank: all that were chosen, or none."""
    decision = get_object_or_404(Decision.objects.select_related("event"), pk=decision_id)
    hashes = {each.name: each for each in hashes_of(decision)}
    choices = [(name, each.title) for name, each in hashes.items()]

    class Chosen(forms.Form):
        bank = forms.ModelChoiceField(Bank.objects.order_by("name"), empty_label=None)
        hashes = forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple, label="Hashes")
        note = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))

    form = Chosen(request.POST or None)
    if form.is_valid():
        bank = form.cleaned_data["bank"]
        chosen = [hashes[name] for name in form.cleaned_data["hashes"]]
        known = {"source": "A decision", "reference": decision.pk, "note": form.cleaned_data["note"]}
        try:
            add_items(
                request.user, bank.name, [(each.kind, each.value) for each in chosen], known, _variants(bank, chosen)
            )
        except (Refused, Busy) as error:
            form.add_error("hashes", f"Nothing was added: {error}.")
        else:
            messages.success(request, "They are in the bank; what waits has to be activated by somebody else.")
            return redirect("bank", bank.name)
    context = {"form": form, "decision": decision, "hashes": hashes}
    return render(request, "console/bank_from_decision.html", context, status=422 if form.errors else 200)


def _variants(bank: Bank, chosen: list[Brought]) -> dict[str, str]:
    """Other forms of the one picture among them, if the bank wants these and the picture is still kept here."""
    pictures = {each.sha256 for each in chosen if each.kind == "pdq"}
    data = here().data(*pictures) if bank.indexes and len(pictures) == 1 else None
    if data is None:
        return {}
    with suppress(Refusal):  # it can't be opened any more: its hash goes in alone
        return hashes_and_variants(data, bank.indexes)[1]
    return {}


@require(Permission.PROPOSE_LISTS)
@require_POST
def move(request: SignedInRequest, name: str, item_id: int) -> HttpResponse:
    get_object_or_404(BankItem, bank=name, pk=item_id)
    activity = request.POST.get("activity", "")
    try:
        if activity not in MOVES or not (request.user.may(Permission.APPROVE_LISTS) or activity == "disputed"):
            raise Refused("You may not do this to an item.")
        move_item(request.user, item_id, activity, request.POST.get("note", "").strip()[:2000])
    except (Refused, Busy, InvalidTransition) as error:
        messages.error(request, str(error))
    return redirect("bank-item", name, item_id)


@require(Permission.PROPOSE_LISTS)
@require_POST
def opine(request: SignedInRequest, name: str, item_id: int) -> HttpResponse:
    get_object_or_404(BankItem, bank=name, pk=item_id)
    belief = request.POST.get("belief", "")
    if belief in (Belief.POSITIVE, Belief.NEGATIVE, Belief.SEED):
        say(request.user, item_id, belief, request.POST.get("note", "").strip()[:2000])
    return redirect("bank-item", name, item_id)


@require(Permission.APPROVE_LISTS)
@never_cache
@require_http_methods(["GET", "POST"])
def settings(request: SignedInRequest, name: str) -> HttpResponse:
    bank = get_object_or_404(Bank, pk=name)
    initial = {field: getattr(bank, field) for field in BankSettings.base_fields}
    form = BankSettings(request.POST or None, initial=initial)
    if form.is_valid():
        try:
            change_bank(request.user, name, **form.cleaned_data)
        except (Busy, ValidationError) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "It is so within a second.")
            return redirect("bank", name)
    return render(
        request, "console/bank_settings.html", frame(request, bank) | {"form": form}, status=422 if form.errors else 200
    )


@require(Permission.APPROVE_LISTS)
@require_POST
def activate(request: SignedInRequest, name: str, number: int) -> HttpResponse:
    """Activate all that one import or fetch brought."""
    try:
        change = importing.activate_all(request.user, name, number)
    except (Refused, Busy, LookupError) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{change.counts['activated']:,} items are active.")
    return redirect("bank-change", name, number)


@require(Permission.MANAGE_WEBHOOKS)
@require_POST
def exchange_act(request: SignedInRequest, name: str) -> HttpResponse:
    """Fetch now, test, switch off or on, send again what was given up."""
    act = request.POST.get("act", "")
    try:
        if act == "fetch":
            fetch_soon(request.user, name)
            messages.success(request, "It is fetched as soon as a worker is free.")
        elif act == "test":
            found = try_connection(request.user, name)
            messages.success(request, f"{name} answers: {found:,} records on its first page. Nothing was taken.")
        elif act in ("on", "off"):
            switch(request.user, name, enabled=act == "on")
        elif act == "retry":
            messages.success(request, f"{retry(request.user, name):,} opinions are queued again.")
    except NoAnswer as error:
        messages.error(request, f"{name} does not answer: {error}.")
    except (Refused, NoSuchExchange) as error:
        messages.error(request, str(error))
    return redirect("exchanges")
