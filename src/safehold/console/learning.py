"""Models learned from this installation's moderators: what there is, how good each is, what one in shadow would do otherwise; put
in shadow, promoted, rolled back. And the labels they learn from.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, log_read, require
from safehold.accounts.people import Refused
from safehold.accounts.roles import Permission
from safehold.desk.entities.subjects import text_of
from safehold.desk.learning import promoting
from safehold.desk.learning.agreeing import agreed
from safehold.desk.learning.enough import NEEDED, near
from safehold.desk.learning.models import Asked, Label, LearnedModel, ShadowRun, TrainingRun
from safehold.desk.learning.runs import silent
from safehold.desk.learning.shadow import compared, disagreements
from safehold.desk.learning.sources import SOURCES
from safehold.desk.learning.training import lessons_of
from safehold.desk.moves import MovedMeanwhile
from safehold.desk.review.models import LABELLING, Queue
from safehold.signals.community.attributes import ATTRIBUTES
from safehold.signals.community.languages import LEAST as LEAST_SPOKEN
from safehold.signals.community.measures import Figure
from safehold.signals.community.model import NotAModel
from safehold.signals.community.training import LEAST, Lesson, Lessons, Spoken
from safehold.states import InvalidTransition
from safehold.web.plots import Dot, line_plot

#: Examples of disagreement on one page.
EXAMPLES = 8


class Line(NamedTuple):
    """An attribute of a model as its page shows it."""

    name: str
    lesson: Lesson
    figures: list[tuple[str, str, str]]
    better: tuple[str, str] | None
    curve: SafeString | None
    calibration: SafeString | None
    points: list[tuple[str, str, str, str, str, str, str]]


class Language(NamedTuple):
    """What a model was taught of an attribute in one language."""

    attribute: str
    language: str
    spoken: Spoken
    auc: tuple[str, str]


def words_of(attribute: str) -> str:
    """`self_harm` as people say it."""
    return attribute.replace("_", " ").capitalize()


@require(Permission.READ_POLICIES)
@require_GET
def model_list(request: SignedInRequest) -> HttpResponse:
    models = list(LearnedModel.objects.select_related("trained_by", "promoted_by").order_by("-number"))
    lines = [(model, lessons_of(model), _learned(model)) for model in models]
    live = next((model for model in models if model.state == "live"), None)
    nearest = near(settings.SAFEHOLD_SERVICE) if not models else []
    run = TrainingRun.objects.filter(service=settings.SAFEHOLD_SERVICE).order_by("-started_at").first()
    return render(
        request, "console/models.html",
        {"lines": lines, "live": live, "unusable": promoting.unusable(live) if live else "",
         "may_approve": request.user.may(Permission.APPROVE_POLICIES),
         "may_write": request.user.may(Permission.WRITE_POLICIES), "may_label": _may_label(request),
         "near": [(words_of(each.attribute), each) for each in nearest], "needed": NEEDED, "least": LEAST,
         "ready": bool(models) or any(each.enough for each in nearest), "run": run,
         "running": run is not None and run.state == "running" and not silent(run),
         "silent": run is not None and silent(run)},
    )  # fmt: skip


def _may_label(request: SignedInRequest) -> bool:
    return request.user.may(Permission.REVIEW) and request.user.may(Permission.READ_CONTENT)


def _learned(model: LearnedModel) -> list[tuple[str, str]]:
    """(attribute, AUC in words) of what it has learned."""
    lessons = lessons_of(model).attributes
    return [
        (words_of(name), _words(lesson.audit.auc)[0] if lesson.audit else "–")
        for name, lesson in lessons.items()
        if not lesson.why
    ]


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def model(request: SignedInRequest, number: int) -> HttpResponse:
    """One model. With `?reveal=1` the texts on which it and the live one disagree, which is noted as read."""
    found = get_object_or_404(
        LearnedModel.objects.select_related("trained_by", "promoted_by", "previous"), number=number
    )
    may_read = request.user.may(Permission.READ_CONTENT)
    apart: list[dict[str, Any]] = []
    reveal = may_read and "reveal" in request.GET
    if reveal:
        log_read(request, "learned_model", found.pk, what="disagreements")
        apart = [
            {"event": score.event, "text": text_of(score.event), "attribute": words_of(name), "own": own, "live": live}
            for score, name, own, live in disagreements(found, EXAMPLES)
        ]
    try:
        differences, unusable = compared(found), ""
    except NotAModel as error:
        differences, unusable = [], str(error)
    report = lessons_of(found)
    context = {
        "model": found, "report": report, "lines": [_line(name, lesson) for name, lesson in report.attributes.items()],
        "languages": _languages(report), "answers": settings.SAFEHOLD_ANSWERS_BY == "community", "enough": LEAST_SPOKEN,
        "differences": [(words_of(each.attribute), each) for each in differences], "unusable": unusable,
        "run": ShadowRun.objects.filter(model=found).first(), "apart": apart, "reveal": reveal, "may_read": may_read,
        "worse": [words_of(name) for name in promoting.worse_at(report)],
        "own": found.trained_by_id == request.user.pk,
        "may_write": request.user.may(Permission.WRITE_POLICIES),
        "may_approve": request.user.may(Permission.APPROVE_POLICIES),
    }  # fmt: skip
    return render(request, "console/model.html", context)


def _languages(report: Lessons) -> list[Language]:
    return [
        Language(words_of(name), _named(code), spoken, _words(spoken.auc))
        for name, lesson in report.attributes.items()
        for code, spoken in lesson.languages.items()
    ]


def _named(code: str) -> str:
    try:
        return str(get_language_info(code)["name"])
    except KeyError:
        return code


def _line(name: str, lesson: Lesson) -> Line:
    audit = lesson.audit
    if audit is None:
        return Line(words_of(name), lesson, [], None, None, None, [])
    figures = [
        ("AUC", audit.auc), ("F1", audit.f1), ("Precision", audit.precision), ("Recall", audit.recall),
        ("Calibration error", audit.calibration_error),
    ]  # fmt: skip
    return Line(
        words_of(name), lesson, [(words, *_words(figure)) for words, figure in figures],
        _words(lesson.better, signed=True) if lesson.better else None, _curve(lesson), _calibration(lesson),
        _curves_in_words(lesson),
    )  # fmt: skip


def _words(figure: Figure, signed: bool = False) -> tuple[str, str]:
    """(value, interval)."""
    if figure.value is None:
        return "unknown", ""
    sign = "+" if signed else ""
    interval = f"{figure.low:{sign}.2f} to {figure.high:{sign}.2f}" if figure.low is not None else ""
    return f"{figure.value:{sign}.2f}", interval


def _curve(lesson: Lesson) -> SafeString | None:
    points = [point for point in lesson.curve if point.auc.value is not None]
    if len(points) < 2:
        return None
    across = {point.labels: place / (len(points) - 1) for place, point in enumerate(points)}
    by_lot, chosen = (
        [
            Dot(across[point.labels], f"{point.labels:,} labels {how}, {point.positives:,} of them yes", point.auc.value or 0.0,
                point.auc.low, point.auc.high)
            for point in line if point.labels in across and point.auc.value is not None
        ]
        for line, how in ((points, "by lot"), (lesson.chosen, "chosen"))
    )  # fmt: skip
    most = f"{points[0].labels:,} to {points[-1].labels:,} labels, twice as many at each point"
    floor = 0.5 if all(dot.y >= 0.5 for dot in [*by_lot, *chosen]) else 0.0
    return line_plot(by_lot, "AUC by number of labels", most, floor=floor, beside=chosen)


def _curves_in_words(lesson: Lesson) -> list[tuple[str, str, str, str, str, str, str]]:
    """(labels, yes by lot, AUC by lot, interval, yes chosen, AUC chosen, interval) of each point that both have."""
    chosen = {point.labels: point for point in lesson.chosen}
    return [
        (f"{point.labels:,}", f"{point.positives:,}", *_words(point.auc), f"{chosen[point.labels].positives:,}",
         *_words(chosen[point.labels].auc))
        for point in lesson.curve if point.labels in chosen
    ]  # fmt: skip


def _calibration(lesson: Lesson) -> SafeString | None:
    if lesson.audit is None or len(lesson.audit.bins) < 2:
        return None
    dots = [
        Dot(each.predicted, f"Said {each.predicted:.2f} of {each.texts} texts", each.observed)
        for each in lesson.audit.bins
    ]
    return line_plot(
        dots, "Calibration: what people said, by what the model said", "probability that it gave", diagonal=True
    )


@require(Permission.READ_POLICIES)
@require_GET
def model_by_id(request: SignedInRequest, model_id: str) -> HttpResponse:
    return redirect("model", get_object_or_404(LearnedModel, pk=model_id).number)


_STEPS: dict[str, Callable[[SignedInRequest, LearnedModel], object]] = {
    "shadow": lambda request, model: promoting.watch(request.user, model.pk),
    "unshadow": lambda request, model: promoting.unwatch(request.user, model.pk),
    "promote": lambda request, model: promoting.promote(
        request.user, model.pk, note=_note(request), worse=request.POST.get("worse") == "yes"
    ),
    "reject": lambda request, model: promoting.reject(request.user, model.pk, note=_note(request)),
}
_DONE = {
    "shadow": "It scores what comes in from now on; nobody feels it.",
    "unshadow": "It is out of shadow.",
    "promote": "It is live: gateways take it within a second.",
    "reject": "It is rejected.",
}


@require(Permission.READ_POLICIES)
@require_POST
def model_step(request: SignedInRequest, number: int, step: str) -> HttpResponse:
    """Shadow, unshadow, promote, reject; what it takes is asked where it is done."""
    found = get_object_or_404(LearnedModel, number=number)
    if step not in _STEPS:
        raise Http404
    try:
        _STEPS[step](request, found)
        messages.success(request, _DONE[step])
    except (Refused, InvalidTransition, MovedMeanwhile) as refused:
        messages.error(request, str(refused))
    return redirect("model", number)


@require(Permission.APPROVE_POLICIES)
@require_POST
def models_rollback(request: SignedInRequest) -> HttpResponse:
    """Back to the model that was live before."""
    try:
        gone, now = promoting.roll_back(request.user, note=_note(request))
        words = f"model {now.number} is live again" if now else "no model is live"
        messages.success(request, f"Model {gone.number} is retired; {words}.")
    except (Refused, MovedMeanwhile) as refused:
        messages.error(request, str(refused))
    return redirect("models")


def _note(request: SignedInRequest) -> str:
    return request.POST.get("note", "").strip()[:2000]


@require(Permission.READ_POLICIES)
@require_GET
def labels(request: SignedInRequest) -> HttpResponse:
    """How many labels there are of what, from whom, and the newest of them without their words."""
    found = Label.objects.filter(service=settings.SAFEHOLD_SERVICE)
    by_source = {name: Count("position", filter=Q(source=name)) for name in SOURCES}
    counted = found.order_by("attribute").values("attribute").annotate(
        **by_source, positive=Count("position", filter=Q(value__gte=0.5)), all=Count("position")
    )  # fmt: skip
    rows = counted.values_list("attribute", *SOURCES, "positive", "all")
    table = [(words_of(name), counts[:-2], *counts[-2:]) for name, *counts in rows]
    agreement, people = agreed(settings.SAFEHOLD_SERVICE)
    waiting = Asked.objects.filter(service=settings.SAFEHOLD_SERVICE, answer="", task__closed_at=None)
    waits = waiting.order_by().values_list("attribute").annotate(count=Count("pk"))
    return render(
        request, "console/labels.html",
        {"table": table, "sources": SOURCES.values(), "may_label": _may_label(request),
         "may_write": request.user.may(Permission.WRITE_POLICIES), "options": [(name, words_of(name)) for name in ATTRIBUTES],
         "queue": Queue.objects.filter(pk=LABELLING).first(), "waits": [(name, words_of(name), count) for name, count in waits],
         "agreement": [(words_of(name), each.pairs, _words(each.same), _words(each.kappa))
                       for name, each in agreement.items()],
         "people": [(each.person, each.pairs, _words(each.same)) for each in people],
         "newest": [(words_of(label.attribute), label, SOURCES[label.source].label)
                    for label in found.select_related("person").order_by("-position")[:50]]},
    )  # fmt: skip
