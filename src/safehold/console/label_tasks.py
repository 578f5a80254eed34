"""A text to label as a task of the review queue: claimed, answered by one key, and the next one is there. Blind: the page tells
neither what rules, people or a model say of the text, nor why it was chosen. And the queue filled and emptied by who trains.
"""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.datastructures import MultiValueDictKeyError
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, log_read, require
from safehold.accounts.roles import Permission
from safehold.console.learning import words_of
from safehold.desk.entities.context import thread_around
from safehold.desk.entities.subjects import text_of
from safehold.desk.learning import asking
from safehold.desk.learning.models import ANSWERS, Asked
from safehold.desk.learning.taking import BadLabel
from safehold.desk.review.claims import MayNot, NotHeld
from safehold.desk.review.models import LABELLING
from safehold.desk.review.moves import StaleTask
from safehold.desk.review.pages.queues import counted, to_next
from safehold.desk.review.pages.task import holding
from safehold.signals.community.attributes import ATTRIBUTES

#: What to say yes to, so that people mean the same.
MEANS = {
    "toxicity": "Rude, disrespectful or unreasonable, so that people are likely to leave the conversation.",
    "severe_toxicity": "Very hateful or aggressive, so that people leave at once. Mild swearing is not.",
    "identity_attack": "Against somebody for what they are: origin, religion, sex, orientation, disability.",
    "insult": "Meant to demean the person it is said to or about.",
    "profanity": "Swear words and obscene language, whoever they are aimed at.",
    "threat": "Says that somebody will be hurt, or wishes it.",
    "sexual": "Sexual acts or bodies, described or asked for.",
    "self_harm": "The writer speaks of harming or killing themselves, or tells others to.",
    "spam": "Unwanted advertising, or the same thing sent to many.",
    "scam": "Means to get money or goods by a lie.",
    "phishing": "Means to get passwords, codes or card data by pretending to be somebody else.",
}


@require(Permission.REVIEW, Permission.READ_CONTENT)
@never_cache
@require_GET
def label_task(request: SignedInRequest, task_id: str) -> HttpResponse:
    """The text and what is asked of it; that it was shown is noted."""
    asked = _asked(task_id)
    log_read(request, "task", asked.pk, entity=asked.task.entity_id)
    [row] = counted([asked.task.queue])
    around = thread_around(asked.event)
    context = {
        "task": asked.task, "row": row, "words": text_of(asked.event).strip(), "event": asked.event,
        "attribute": words_of(asked.attribute).lower(), "means": MEANS[asked.attribute],
        "thread": [(each, text_of(each)) for each in around] if len(around) > 1 else [],
        "answer": asked.answer if asked.person_id == request.user.pk else "", **holding(request.user, asked.task),
    }  # fmt: skip
    return render(request, "console/label_task.html", context)


@require(Permission.REVIEW, Permission.READ_CONTENT)
@never_cache
@require_POST
def label_task_say(request: SignedInRequest, task_id: str) -> HttpResponse:
    """Yes, no, or that nobody could tell; and the next item of the queue."""
    asked, said = _asked(task_id), request.POST.get("answer", "")
    if said not in ANSWERS:
        raise Http404
    version = request.POST.get("version", "")
    try:
        asking.answer(request.user, asked.pk, said, int(version) if version.isdecimal() else None)
    except (NotHeld, MayNot, StaleTask) as refused:
        messages.error(request, str(refused))
        return redirect("label-task", asked.pk)
    except BadLabel as bad:  # its words can't be kept
        messages.error(request, f"It was not kept: skip it. {bad}")
        return redirect("label-task", asked.pk)
    told = {"yes": "Yes", "no": "No", "unclear": "Nobody can tell"}[said]
    messages.success(request, f"{told}: {words_of(asked.attribute).lower()}")
    return to_next(request, asked.task.queue)


@require(Permission.WRITE_POLICIES)
@require_POST
def labels_ask(request: SignedInRequest) -> HttpResponse:
    """Fill the queue with texts from which a model learns most, or take back what waits there."""
    try:
        attribute, given = request.POST["attribute"], request.POST.get("count", "")
    except MultiValueDictKeyError:
        raise Http404 from None
    if attribute not in ATTRIBUTES:
        raise Http404
    name = words_of(attribute).lower()
    if request.POST.get("withdraw"):
        gone = asking.withdraw(request.user, settings.SAFEHOLD_SERVICE, attribute)
        messages.success(request, f"{gone:,} tasks taken back ({name}).")
    elif not given.isdecimal() or not 1 <= int(given) <= asking.MOST:
        messages.error(request, f"How many: a number from 1 to {asking.MOST:,}.")
    elif opened := asking.ask(request.user, settings.SAFEHOLD_SERVICE, attribute, int(given)):
        messages.success(request, f"{opened:,} texts wait in the queue {asking.queue().title} ({name}).")
    else:
        messages.error(request, f"There is no text to ask about: every recent one is labelled or asked about ({name}).")
    return redirect("labels")


def _asked(task_id: str) -> Asked:
    found = Asked.objects.select_related("task__queue", "task__entity", "event")
    return get_object_or_404(found, pk=task_id, task__queue=LABELLING)
