"""A file shown to a hash bank in the console: dropped or chosen, looked at in the workers, and what came of it put into the bank
by a second step. What is kept between the two steps are hashes, in the session of who showed it, for an hour. The file is read
into memory and never gets a name on the disk. `safehold.desk.banks.files` looks, `changing` adds, as at the shell.
"""

import secrets
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import msgspec
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.people import Refused
from safehold.accounts.roles import Permission
from safehold.console.banks import frame
from safehold.desk.banks.changing import Busy, add_items
from safehold.desk.banks.files import Seen, held, look_at
from safehold.desk.banks.models import Bank
from safehold.signals.media.forms import VARIANTS
from safehold.signals.media.workers.ask import Unavailable

#: Seconds and files for which a session keeps what came of them.
KEPT_SECONDS, KEPT = 3600, 3
#: Bytes of a form around its file.
_AROUND = 64 << 10
_SESSION = "bank_files"
#: What is said of a group of variants: its name, and what it finds.
GROUPS = {
    "cropped": ("Cropped and without bars", "Without letter-box and caption bars, and 2, 5 and 10 % off every side."),
    "one_side": ("Cut at one side", "4 and 8 % off the left, right, top or bottom alone."),
    "turned": ("Turned a little", "By 2 and 4 degrees either way, with its corners and without."),
}


class Shown(forms.Form):
    file = forms.FileField(label="File", widget=forms.FileInput(attrs={"class": "drop-file"}))

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > settings.SAFEHOLD_MEDIA_UPLOAD_MB << 20:
            raise forms.ValidationError(too_large(file.size))
        return file


def too_large(size: int) -> str:
    most = settings.SAFEHOLD_MEDIA_UPLOAD_MB
    return f"It has {size / (1 << 20):,.1f} MB, more than {most:,} MB. SAFEHOLD_MEDIA_UPLOAD_MB is the limit."


class Chosen(forms.Form):
    """Which of the hashes go in, with which variants, and why."""

    hashes = forms.MultipleChoiceField(error_messages={"required": "Choose at least one hash."})
    variants = forms.MultipleChoiceField(required=False)
    source = forms.CharField(max_length=200, help_text="Where you have the file from: a report, a partner, a case.")
    reference = forms.CharField(max_length=500, required=False, help_text="A case or a ticket.")
    note = forms.CharField(
        max_length=2000, label="Why", widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Why it belongs in this bank. Who activates it reads this.",
    )  # fmt: skip

    def __init__(self, *arguments: Any, kinds: list[str], groups: list[str], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.fields["hashes"].choices = [(kind, kind) for kind in kinds]  # type: ignore[attr-defined]
        self.fields["variants"].choices = [(group, group) for group in groups]  # type: ignore[attr-defined]


class _InMemory(MemoryFileUploadHandler):
    """Keeps a file of the greatest size in memory. A larger one is read past and kept nowhere: its field stays empty."""

    def handle_raw_input(self, *arguments: Any, **more: Any) -> None:
        self.activated = arguments[2] <= (settings.SAFEHOLD_MEDIA_UPLOAD_MB << 20) + _AROUND


def in_memory(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Before anything reads the form, which checking its token does: so the view has `csrf_protect` of its own."""

    @wraps(view)
    def handled(request: HttpRequest, /, *arguments: Any, **named: Any) -> HttpResponse:
        request.upload_handlers = [_InMemory(request)]
        return view(request, *arguments, **named)

    return csrf_exempt(handled)


@in_memory
@require(Permission.PROPOSE_LISTS)
@never_cache
@csrf_protect
@require_http_methods(["GET", "POST"])
def show(request: SignedInRequest, name: str) -> HttpResponse:
    """Take a file, look at it, and go on to what came of it."""
    bank = get_object_or_404(Bank, pk=name)
    form = Shown(request.POST, request.FILES) if request.method == "POST" else Shown()
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            seen = look_at(file.read(), file.name or "")
        except Unavailable as reason:
            form.add_error("file", f"{reason}. Nothing is wrong with the file as far as anybody knows.")
        else:
            return redirect("bank-file-add", name, _keep(request, name, seen))
    elif (
        form.errors and (size := int(request.META.get("CONTENT_LENGTH") or 0)) > settings.SAFEHOLD_MEDIA_UPLOAD_MB << 20
    ):
        form.errors["file"] = form.error_class([too_large(size)])
    context = frame(request, bank) | {"form": form, "most": settings.SAFEHOLD_MEDIA_UPLOAD_MB}
    return render(request, "console/bank_file.html", context, status=422 if form.errors else 200)


@require(Permission.PROPOSE_LISTS)
@never_cache
@require_http_methods(["GET", "POST"])
def add(request: SignedInRequest, name: str, key: str) -> HttpResponse:
    """What came of a file, and what of it goes into the bank: all that was chosen, or none."""
    bank = get_object_or_404(Bank, pk=name)
    seen = _kept(request, name, key)
    if seen is None:
        messages.info(request, "What came of that file is not kept any more: show it again.")
        return redirect("bank-file", name)
    there = held(name, seen)
    new = [each for each in seen.hashes if each.kind not in there or there[each.kind].state == "retired"]
    forms_of = {group: [form for form in VARIANTS[group] if form in seen.variants] for group in VARIANTS}
    groups = [group for group, found in forms_of.items() if found and "pdq" not in there]
    form = Chosen(request.POST or None, kinds=[each.kind for each in new], groups=groups)
    if form.is_valid():
        said = form.cleaned_data
        hashes = [(each.kind, each.value) for each in new if each.kind in said["hashes"]]
        variants = {form: seen.variants[form] for group in said["variants"] for form in forms_of[group]}
        known = {name: said[name] for name in ("source", "reference", "note")}
        try:
            items = add_items(request.user, name, hashes, known, variants if "pdq" in said["hashes"] else None)
        except (Refused, Busy) as error:
            form.add_error(None, f"Nothing was added: {error}.")
        else:
            _forget(request, key)
            waits = any(item.state == "quarantined" for item in items)
            messages.success(request, _added(len(items), waits=waits))
            return redirect("bank-item", name, items[0].pk)
    chosen = set(form["hashes"].value() or ()) if form.is_bound else {each.kind for each in new if each.chosen}
    wanted = set(form["variants"].value() or ()) if form.is_bound else bank.indexes
    context = frame(request, bank) | {
        "form": form, "seen": seen, "new": bool(new),
        "rows": [(each, there.get(each.kind), each in new, each.kind in chosen) for each in seen.hashes],
        "groups": [(group, *GROUPS[group], forms_of[group], group in wanted) for group in groups],
    }  # fmt: skip
    return render(request, "console/bank_file_add.html", context, status=422 if form.errors else 200)


def _added(count: int, *, waits: bool) -> str:
    what = "1 hash is" if count == 1 else f"{count} hashes are"
    return (
        f"{what} in the bank, and {'waits' if count == 1 else 'wait'}: somebody else has to activate "
        + ("it." if count == 1 else "them.")
        if waits
        else f"{what} in the bank, and {'counts' if count == 1 else 'count'} within a second."
    )


def _keep(request: SignedInRequest, bank: str, seen: Seen) -> str:
    """Remember what came of a file, for its second step; the name it is remembered by."""
    key = secrets.token_urlsafe(9)
    kept = {**_all(request), key: {"bank": bank, "at": time.time(), "seen": msgspec.to_builtins(seen)}}
    request.session[_SESSION] = dict(list(kept.items())[-KEPT:])
    return key


def _kept(request: SignedInRequest, bank: str, key: str) -> Seen | None:
    found = _all(request).get(key)
    return msgspec.convert(found["seen"], Seen) if found is not None and found["bank"] == bank else None


def _forget(request: SignedInRequest, key: str) -> None:
    request.session[_SESSION] = {name: one for name, one in _all(request).items() if name != key}


def _all(request: SignedInRequest) -> dict[str, Any]:
    since = time.time() - KEPT_SECONDS
    return {key: one for key, one in request.session.get(_SESSION, {}).items() if one["at"] > since}
