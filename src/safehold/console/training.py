"""Training a model from the console: started, watched, cancelled. A finished one leads to the page of its model. The thread that
trains is `safehold.desk.learning.runs`.
"""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from safehold.accounts.access import SignedInRequest, require
from safehold.accounts.people import Refused
from safehold.accounts.roles import Permission
from safehold.desk.learning import runs
from safehold.desk.learning.models import TrainingRun


@require(Permission.WRITE_POLICIES)
@require_POST
def training_start(request: SignedInRequest) -> HttpResponse:
    try:
        return redirect("training", runs.start(request.user, settings.SAFEHOLD_SERVICE).pk)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("models")


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def training(request: SignedInRequest, run_id: str) -> HttpResponse:
    """How far it is, or why it failed; the model that came of it opens at once."""
    run = _run(run_id)
    if run.model is not None:
        return redirect("model", run.model.number)
    context = {"run": run, "silent": runs.silent(run), "may_write": request.user.may(Permission.WRITE_POLICIES)}
    return render(request, "console/training.html", context)


@require(Permission.READ_POLICIES)
@never_cache
@require_GET
def training_progress(request: SignedInRequest, run_id: str) -> HttpResponse:
    run = _run(run_id)
    response = render(request, "console/parts/training_progress.html", {"run": run, "silent": runs.silent(run)})
    if run.state != "running" or runs.silent(run):
        response["HX-Refresh"] = "true"
    return response


@require(Permission.WRITE_POLICIES)
@require_POST
def training_cancel(request: SignedInRequest, run_id: str) -> HttpResponse:
    run = _run(run_id)
    try:
        runs.cancel(request.user, run.pk)
        messages.success(request, "It ends at its next step; no model comes of it.")
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("training", run.pk)


def _run(run_id: str) -> TrainingRun:
    return get_object_or_404(TrainingRun.objects.select_related("model", "started_by"), pk=run_id)
