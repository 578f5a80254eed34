"""Adding and configuring exchanges of hashes in the console. Credentials are typed in, sealed, and shown to nobody again. Each
asks the functions of `safehold.desk.banks.exchanges.managing`, which the shell asks too.
"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.people import Refused
from safehold.accounts.roles import Permission
from safehold.desk.banks.changing import NoSuchBank
from safehold.desk.banks.exchanges.kinds import KINDS, BadConfig
from safehold.desk.banks.exchanges.managing import LEAST_MINUTES, add_exchange, change_exchange, check_change, check_new
from safehold.desk.banks.exchanges.trying import NoAnswer, try_out
from safehold.desk.banks.models import Bank, Exchange
from safehold.desk.banks.reading import FORMATS
from safehold.desk.decisions.sealing import CannotOpen
from safehold.signals.hashes.kinds import KINDS as HASHES
from safehold.web.forms import RadioCards

#: What NCMEC calls the lists that it shares.
_ENVIRONMENTS = (
    "Industry", "Industry_Exploitative", "LawEnforcement", "NGO", "Exploitative", "NGO_Generative_AI",
    "NGO_Generative_AI_Exploitative", "test_Industry", "test_Industry_Exploitative", "test_LawEnforcement", "test_NGO",
    "test_Exploitative", "test_NGO_Generative_AI", "test_NGO_Generative_AI_Exploitative",
)  # fmt: skip
_CHOICES: dict[str, list[tuple[str, str]]] = {
    "environment": [("", "Industry (the usual)"), *((name, name.replace("_", " ")) for name in _ENVIRONMENTS[1:])],
    "format": [("", "By its address"), *((name, name) for name in FORMATS)],
    "type": [("", "Each row says"), *((kind.name, kind.title) for kind in HASHES.values())],
}
_LABELS = {
    "url": "Address", "base_url": "Address", "bank": "Its bank", "only_esp_ids": "Only these members", "key": "API key",
    "user": "User name", "username": "User name", "api_token": "API token", "type": "Type of hashes",
}  # fmt: skip
_HELP = {
    "url": "https://…", "base_url": "Only if it is elsewhere than usual.", "bank": "The name of the bank there.",
    "only_esp_ids": "Numbers, with commas. Empty: all.", "key": "Scopes there: banks:read, banks:write for opinions.",
    "privacy_group": "Its number.", "feedback_function_key": "To tell it what we think.",
}  # fmt: skip


class Settings(forms.Form):
    """What one kind of exchange has to be told: `config_…` and `secret_…`, by its entry in `kinds`."""

    arrives = forms.ChoiceField(
        choices=[("quarantined", "Quarantined"), ("active", "Active")], initial="quarantined", label="Items arrive",
        widget=RadioCards(
            keys=False, columns=True,
            notes={"quarantined": "They wait for somebody to activate them.", "active": "They count at once."},
        ),
    )  # fmt: skip
    write_back = forms.BooleanField(
        required=False, label="Tell it what we think", help_text="Opinions of your people and of appeals go back to it."
    )
    every_minutes = forms.IntegerField(
        min_value=LEAST_MINUTES, max_value=10_080, initial=60, label="Minutes between fetches"
    )
    test = forms.BooleanField(
        required=False,
        initial=True,
        label="Test the connection first",
        help_text="Nothing is kept if it does not answer.",
    )

    def __init__(self, kind: str, exchange: Exchange | None, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.kind, self.exchange, known = kind, exchange, KINDS[kind]
        own = dict(self.fields)
        self.fields.clear()
        if exchange is None:
            self.fields["name"] = forms.RegexField(
                r"^[a-z][a-z0-9_.-]*$", max_length=60, help_text="Small letters, digits, _ . and -."
            )
            self.fields["into"] = forms.ModelChoiceField(
                Bank.objects.order_by("name"), empty_label=None, label="Bank", help_text="Its hashes go into it."
            )
        for name in (*known.config, *known.may):
            self.fields[f"config_{name}"] = _config_field(name, required=name in known.config)
        for name in (*known.secrets, *known.may_secret):
            self.fields[f"secret_{name}"] = _secret_field(
                name, required=exchange is None and name in known.secrets, there=bool(exchange and exchange.secret)
            )
        self.fields |= {name: field for name, field in own.items() if name != "write_back" or known.opinions}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        given = self.given("secret_")
        if given and (missing := [name for name in KINDS[self.kind].secrets if name not in given]):
            for name in missing:
                if not self.has_error(f"secret_{name}"):
                    self.add_error(f"secret_{name}", "Put all of the credentials in, or none to keep those there are.")
        return cleaned

    def given(self, what: str) -> dict[str, Any]:
        """What was filled in of `config_` or `secret_`, by the names that `kinds` has."""
        found = {name.removeprefix(what): value for name, value in self.cleaned_data.items() if name.startswith(what)}
        return {name: value for name, value in found.items() if value}

    def rhythm(self) -> dict[str, Any]:
        """Whether opinions go back, and how often it is asked."""
        return {
            "write_back": self.cleaned_data.get("write_back", False),
            "every_minutes": self.cleaned_data["every_minutes"],
        }

    def config(self) -> dict[str, Any]:
        """As the shell would put it."""
        told = self.given("config_")
        if "only_esp_ids" in told:
            told["only_esp_ids"] = [number.strip() for number in told["only_esp_ids"].split(",")]
        return told


def _config_field(name: str, *, required: bool) -> forms.Field:
    label = _LABELS.get(name, name.replace("_", " ").capitalize())
    more: dict[str, Any] = {"required": required, "label": label, "help_text": _HELP.get(name, "")}
    if name in _CHOICES:
        return forms.ChoiceField(choices=_CHOICES[name], **more)
    attrs = {"autocomplete": "off", "spellcheck": "false"}
    if name == "base_url":
        more["validators"] = [URLValidator(schemes=["https", "http"])]
    if name == "privacy_group":
        return forms.RegexField(r"^\d+$", max_length=30, error_messages={"invalid": "It is a number."}, **more)
    if name == "only_esp_ids":
        wrong = {"invalid": "Write numbers with commas: 42, 77."}
        return forms.RegexField(r"^\s*\d+(\s*,\s*\d+)*\s*$", max_length=2000, error_messages=wrong, **more)
    return forms.CharField(max_length=500, widget=forms.TextInput(attrs=attrs), **more)


def _secret_field(name: str, *, required: bool, there: bool) -> forms.Field:
    label = _LABELS.get(name, name.replace("_", " ").capitalize())
    said = "Empty: the one that is kept." if there else _HELP.get(name, "Sealed, and never shown again.")
    return forms.CharField(
        max_length=2000, required=required, label=label, help_text=said, strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip


@require(Permission.MANAGE_WEBHOOKS)
@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def add(request: SignedInRequest) -> HttpResponse:
    """Choose a kind; then say what it has to be told."""
    kind = request.GET.get("kind", "")
    if kind not in KINDS or not Bank.objects.exists():
        context = {"kinds": [(name, known) for name, known in KINDS.items()], "banks": Bank.objects.exists()}
        return render(request, "console/exchange_kinds.html", context)
    form = Settings(kind, None, request.POST or None)
    if form.is_valid():
        asked, config, secret = form.cleaned_data, form.config(), form.given("secret_")
        try:
            check_new(request.user, kind, config, secret, **form.rhythm())
            _test(request, form, config, secret)
            made = add_exchange(
                request.user, asked["name"], kind, asked["into"].name, config, secret,
                arrive_active=_active(request, form), **form.rhythm(),
            )  # fmt: skip
        except (BadConfig, NoAnswer, NoSuchBank, Refused, ValidationError) as error:
            form.add_error(None, _words(error))
        else:
            messages.success(request, f"{made.name} is fetched as soon as a worker is free.")
            return redirect("exchanges")
    context = {"form": form, "kind": KINDS[kind]}
    return render(request, "console/exchange_add.html", context, status=422 if form.errors else 200)


@require(Permission.MANAGE_WEBHOOKS)
@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def configure(request: SignedInRequest, name: str) -> HttpResponse:
    """Other settings, or other credentials; those that are kept stay hidden."""
    exchange = get_object_or_404(Exchange, pk=name)
    initial: dict[str, Any] = {
        "arrives": "active" if exchange.arrive_active else "quarantined", "write_back": exchange.write_back,
        "every_minutes": exchange.every_minutes, "test": False,
    }  # fmt: skip
    for key, value in exchange.config.items():
        initial[f"config_{key}"] = ", ".join(map(str, value)) if isinstance(value, list) else value
    form = Settings(exchange.kind, exchange, request.POST or None, initial=initial)
    if form.is_valid():
        config, secret = form.config(), form.given("secret_") or None
        try:
            # Before anything is sent: kept credentials go to no other address.
            used = check_change(request.user, exchange, config, secret, **form.rhythm())
            _test(request, form, config, used)
            change_exchange(
                request.user, name, config, secret, arrive_active=_active(request, form, exchange), **form.rhythm()
            )
        except (BadConfig, NoAnswer, Refused, CannotOpen) as error:
            form.add_error(None, _words(error))
        else:
            messages.success(request, f"{name} is fetched so as soon as a worker is free.")
            return redirect("exchanges")
    context = {"form": form, "exchange": exchange, "kind": KINDS[exchange.kind]}
    return render(request, "console/exchange.html", context, status=422 if form.errors else 200)


def _test(request: SignedInRequest, form: Settings, config: dict[str, Any], secret: Mapping[str, str]) -> None:
    """Raises NoAnswer."""
    if form.cleaned_data["test"]:
        found = try_out(form.kind, config, secret)
        messages.info(request, f"It answers: {found:,} records on its first page.")


def _active(request: SignedInRequest, form: Settings, exchange: Exchange | None = None) -> bool:
    """Whether items arrive active; whoever makes it so must be one who may activate. Raises Refused."""
    active = bool(form.cleaned_data["arrives"] == "active")
    before = exchange is not None and exchange.arrive_active
    if active and not before and not request.user.may(Permission.APPROVE_LISTS):
        raise Refused("Only somebody who may activate items can let them arrive active.")
    return active


def _words(error: Exception) -> str:
    """What went wrong, as a sentence."""
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    said = {NoAnswer: "It does not answer, so nothing was kept: ", CannotOpen: "Put the credentials in again: "}
    words = said.get(type(error), "") + str(error)
    return words if words.endswith(".") else f"{words}."
