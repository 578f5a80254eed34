"""Trainings that people start from the console: each in a thread, its progress in the database, so that every process can show
it and anybody who may can stop it. One at a time for a service, by the database's own word.
"""

import threading
import time
from datetime import timedelta

import structlog
from django.db import connection, transaction
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import Refused
from safehold.desk.learning.enough import NEEDED, near
from safehold.desk.learning.models import LearnedModel, TrainingRun
from safehold.desk.learning.states import TRAINING
from safehold.desk.learning.training import Progress, lock, train_now
from safehold.desk.moves import MovedMeanwhile, move
from safehold.record.recording import Record, recording
from safehold.states import InvalidTransition

log = structlog.get_logger("safehold.learning")

#: A training that has not said anything for so long has died with its process. The longest step is one attribute's.
SILENT = timedelta(minutes=10)
_SAY_SECONDS = 0.5


class Cancelled(Exception):
    """Somebody asked for the end of a training, or it was given up for lost."""


def start(by: User, service: str) -> TrainingRun:
    """Begin a training in a thread of this process.

    Raises Refused while another one runs, and where no attribute has enough labels.
    """
    with recording() as record:
        lock()
        running = TrainingRun.objects.filter(service=service, state="running").first()
        if running is not None and not silent(running):
            raise Refused("A model is being trained already: wait for it, or cancel it.")
        if not any(each.enough for each in near(service)):
            raise Refused(f"No attribute has {NEEDED} labels yet, half of them yes and half no.")
        if running is not None:
            _end(record, running, "lost")
        run = TrainingRun.objects.create(service_id=service, started_by=by)
        record.audit("training.started", "training_run", run.pk, actor=by.pk, detail={"service": service})
        transaction.on_commit(threading.Thread(target=_thread, args=(run.pk,), name="training", daemon=True).start)
    return run


def cancel(by: User, run_id: str) -> None:
    """Ask for the end of a training: it ends at its next step and leaves nothing behind. One whose process has died ends here.

    Raises Refused where it has ended.
    """
    with recording() as record:
        lock()
        run = TrainingRun.objects.select_for_update(of=("self",)).get(pk=run_id)
        if run.state != "running":
            raise Refused(f"It has ended: it is {run.state}.")
        TrainingRun.objects.filter(pk=run.pk).update(cancel_asked=True)
        if silent(run):
            _end(record, run, "lost", by=by.pk)
        record.audit("training.cancelled", "training_run", run.pk, actor=by.pk, detail={})


def silent(run: TrainingRun) -> bool:
    """Whether it says that it runs, and doesn't."""
    return run.state == "running" and timezone.now() - run.said_at > SILENT


def work(run_id: str) -> None:
    """Train, and whatever happens, say so."""
    run = TrainingRun.objects.select_related("started_by").get(pk=run_id)
    try:
        model = train_now(run.started_by, run.service_id, progress=_telling(run_id))
        _ended(run, "finished", model=model)
    except Cancelled:
        _ended(run, "cancelled")
    except Refused as refused:
        _ended(run, "failed", error=str(refused))
    except Exception as error:
        log.error("training_failed", run=run_id, exc_info=error)
        _ended(run, "failed", error=f"{type(error).__name__}: {error}")


def _thread(run_id: str) -> None:
    try:
        work(run_id)
    finally:
        connection.close()


def _telling(run_id: str) -> Progress:
    """Say how far it is, twice a second at most, and hear whether it is to go on."""
    said, last = 0.0, ""

    def tell(step: str, done: int, total: int) -> None:
        nonlocal said, last
        if step == last and time.monotonic() - said < _SAY_SECONDS:
            return
        said, last = time.monotonic(), step
        going_on = TrainingRun.objects.filter(pk=run_id, state="running", cancel_asked=False)
        if not going_on.update(step=step[:100], done=done, total=total, said_at=timezone.now()):
            raise Cancelled

    return tell


def _ended(run: TrainingRun, activity: str, *, model: LearnedModel | None = None, error: str = "") -> None:
    try:
        with recording() as record:
            _end(record, run, activity, model=model, error=error)
    except (InvalidTransition, MovedMeanwhile):  # given up for lost meanwhile: the model, if there is one, stays
        log.warning("training_was_given_up", run=run.pk, activity=activity)


def _end(
    record: Record, run: TrainingRun, activity: str, *, by: str = "", model: LearnedModel | None = None, error: str = ""
) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(model=model, error=error, said_at=timezone.now())
    move(record, run, TRAINING, activity, by=by)
