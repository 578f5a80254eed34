"""Changing hash banks in the console: made, set, filled, items moved on, opinions said, exchanges asked. Each asks the functions
of `safehold.desk.banks`, which the shell asks too.
"""

import json
from typing import Any

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
from safehold.desk.banks.changing import Busy, add_item, change_bank, create_bank, move_item, say
from safehold.desk.banks.exchanges.managing import NoSuchExchange, fetch_soon, switch, try_connection
from safehold.desk.banks.exchanges.trying import NoAnswer
from safehold.desk.banks.exchanges.writing_back import retry
from safehold.desk.banks.models import Bank, BankItem, Belief, Sign
from safehold.desk.decisions.models import Decision
from safehold.signals.hashes.kinds import KINDS, BadHash
from safehold.states import InvalidTransition

KIND_CHOICES = [(kind.name, kind.title) for kind in KINDS.values()]


class NewItem(forms.Form):
    kind = forms.ChoiceField(choices=KIND_CHOICES, label="Type")
    value = forms.CharField(
        max_length=2000, label="Hash", widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Of a text only a digest is kept.",
    )  # fmt: skip
    source = forms.CharField(max_length=200, required=False, help_text="Where you know it from.")
    reference = forms.CharField(max_length=500, required=False, help_text="A case or a ticket.")
    note = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))


class BankSettings(forms.Form):
    enabled_ratio = forms.FloatField(min_value=0, max_value=1, label="Share that counts", help_text="0 to 1.")
    pdq_distance = forms.IntegerField(
        min_value=0, max_value=31, label="PDQ distance", help_text="Bits of 256, 0 to 31."
    )


class NewBank(forms.Form):
    name = forms.RegexField(r"^[a-z][a-z0-9_.-]*$", max_length=60, help_text="Small letters, digits, _ . and -.")
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


def hashes_of(decision: Decision) -> list[tuple[str, str]]:
    """(kind, value) of the media that a decision's event brought."""
    media = (json.loads(decision.event.body).get("data") or {}).get("media")
    found = [
        (kind, str(entry[kind]))
        for entry in (media if isinstance(media, list) else ())
        if isinstance(entry, dict)
        for kind in KINDS
        if isinstance(entry.get(kind), str)
    ]
    return list(dict.fromkeys(found))


@require(Permission.PROPOSE_LISTS)
@never_cache
@require_http_methods(["GET", "POST"])
def add_from_decision(request: SignedInRequest, decision_id: str) -> HttpResponse:
    """Put hashes of what was decided on into a bank."""
    decision = get_object_or_404(Decision.objects.select_related("event"), pk=decision_id)
    hashes = hashes_of(decision)
    choices = [(f"{kind} {value}", f"{kind} {value}") for kind, value in hashes]

    class Chosen(forms.Form):
        bank = forms.ModelChoiceField(Bank.objects.order_by("name"), empty_label=None)
        hashes = forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple, label="Hashes")
        note = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))

    form = Chosen(request.POST or None)
    if form.is_valid():
        bank = form.cleaned_data["bank"]
        for chosen in form.cleaned_data["hashes"]:
            kind, _, value = chosen.partition(" ")
            try:
                add_item(
                    request.user, bank.name, kind, value, source="A decision", reference=decision.pk,
                    note=form.cleaned_data["note"],
                )  # fmt: skip
            except (BadHash, Refused, Busy) as error:
                form.add_error("hashes", f"{kind}: {error}")
        if not form.errors:
            messages.success(request, "They are in the bank; what waits has to be activated by somebody else.")
            return redirect("bank", bank.name)
    context = {"form": form, "decision": decision, "hashes": hashes}
    return render(request, "console/bank_from_decision.html", context, status=422 if form.errors else 200)


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
    initial: dict[str, Any] = {"enabled_ratio": bank.enabled_ratio, "pdq_distance": bank.pdq_distance}
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
