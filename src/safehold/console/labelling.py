"""What to label next, one text at a time, by keyboard: yes, no, skip, and the next one is there. A round is a dozen texts, chosen
at once (`safehold.desk.learning.next`) and remembered in the session; each that is shown is noted as read, each answer audited.
"""

from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, log_read, require
from safehold.accounts.roles import Permission
from safehold.console.learning import words_of
from safehold.desk.entities.models import Event
from safehold.desk.entities.subjects import text_of
from safehold.desk.learning.models import Label
from safehold.desk.learning.next import picks
from safehold.desk.learning.taking import BadLabel, digest_of, say
from safehold.signals.community.attributes import ATTRIBUTES

#: Texts of a round, and skipped ones that are remembered.
ROUND, SKIPPED = 12, 200
_KEPT_IN = "labelling"


class Shown(NamedTuple):
    """The text to answer, and how far the round is: so many answered or skipped of so many."""

    event: Event
    words: str
    done: int
    of: int


@require(Permission.REVIEW, Permission.READ_CONTENT)
@never_cache
@require_GET
def labels_next(request: SignedInRequest) -> HttpResponse:
    """The text from which a model learns most, of those that nobody has labelled. That it was shown is noted."""
    attribute = _attribute(request.GET.get("attribute", "toxicity"))
    options = [(name, words_of(name)) for name in ATTRIBUTES]
    return render(request, "console/labels_next.html", {**_context(request, attribute), "options": options})


@require(Permission.REVIEW, Permission.READ_CONTENT)
@require_POST
def label_say(request: SignedInRequest) -> HttpResponse:
    """Yes or no to one text, or another text; the next one comes back."""
    attribute, answer = _attribute(request.POST.get("attribute", "")), request.POST.get("answer", "")
    event = get_object_or_404(Event, id=request.POST.get("event", ""), service=settings.SAFEHOLD_SERVICE)
    if answer not in ("yes", "no", "skip"):
        raise Http404
    problem = ""
    if answer != "skip":
        words, value = text_of(event).strip(), float(answer == "yes")
        try:
            say(request.user, event.service_id, words, attribute, value, event.id, timezone.now())
        except BadLabel as error:
            problem = f"It was not kept. {error}"
    _over(request, attribute, event.id, skipped=answer == "skip" or bool(problem))
    told = {"skip": "Skipped", "yes": "Kept: yes", "no": "Kept: no"}[answer]
    if getattr(request, "htmx", None):
        context = {**_context(request, attribute), "problem": problem, "told": "" if problem else told}
        return render(request, "console/parts/label_next.html", context)
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, told)
    return redirect(f"{request.path.removesuffix('say/')}?attribute={attribute}")


def _attribute(given: str) -> str:
    if given not in ATTRIBUTES:
        raise Http404("There is no such attribute.")
    return given


def _context(request: SignedInRequest, attribute: str) -> dict[str, Any]:
    shown = _next(request, attribute)
    if shown is not None:
        log_read(request, "labels_next", attribute, events=[shown.event.id])
    said = Label.objects.filter(service=settings.SAFEHOLD_SERVICE, attribute=attribute)
    return {
        "shown": shown, "attribute": attribute, "words": words_of(attribute).lower(),
        "yes": said.filter(value__gte=0.5).count(), "no": said.filter(value__lt=0.5).count(),
    }  # fmt: skip


def _round(request: SignedInRequest, attribute: str) -> dict[str, Any]:
    """What the session knows of the round: `waiting` events, `skipped` ones, how many are `done`, `of` how many."""
    found: dict[str, Any] | None = request.session.get(_KEPT_IN)
    if found is None or found["attribute"] != attribute:
        found = {"attribute": attribute, "waiting": [], "skipped": [], "done": 0, "of": 0}
    return found


def _next(request: SignedInRequest, attribute: str) -> Shown | None:
    """The first of the round that nobody has labelled meanwhile, or the first of a new round; None if there is none."""
    kept = _round(request, attribute)
    found = _first(kept)
    if found is None:
        skipped = set(kept["skipped"])
        fresh = picks(settings.SAFEHOLD_SERVICE, attribute, ROUND + len(skipped))
        kept["waiting"] = [pick.event.id for pick in fresh if pick.event.id not in skipped][:ROUND]
        kept |= {"done": 0, "of": len(kept["waiting"])}
        found = _first(kept)
    request.session[_KEPT_IN] = kept
    return Shown(*found, kept["done"], kept["of"]) if found is not None else None


def _first(kept: dict[str, Any]) -> tuple[Event, str] | None:
    while kept["waiting"]:
        event = Event.objects.filter(id=kept["waiting"][0], service=settings.SAFEHOLD_SERVICE).first()
        words = text_of(event).strip() if event is not None else ""
        if event is not None and words and not _labelled(words, kept["attribute"]):
            return event, words
        kept["waiting"].pop(0)  # labelled by somebody else, or erased
        kept["done"] += 1
    return None


def _labelled(words: str, attribute: str) -> bool:
    said = Label.objects.filter(service=settings.SAFEHOLD_SERVICE, attribute=attribute, digest=digest_of(words))
    return said.exists()


def _over(request: SignedInRequest, attribute: str, event: str, *, skipped: bool) -> None:
    kept = _round(request, attribute)
    if event in kept["waiting"]:
        kept["waiting"].remove(event)
        kept["done"] += 1
    if skipped and event not in kept["skipped"]:
        kept["skipped"] = [*kept["skipped"], event][-SKIPPED:]
    request.session[_KEPT_IN] = kept
