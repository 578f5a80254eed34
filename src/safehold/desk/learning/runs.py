"""Trainings that people start: from the console, each in a thread, or at the shell. Their progress is in the database, so that
every process can show it and anybody who may can stop it. One at a time for a service, by the database's own word.
"""

import os
import threading
import time
from datetime import timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL, Refused
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
        if not any(each.enough for each in near(service)):
            raise Refused(f"No attribute has {NEEDED} labels yet, half of them yes and half no.")
        run = _begun(record, by, service)
        transaction.on_commit(threading.Thread(target=_thread, args=(run.pk,), name="training", daemon=True).start)
    return run


def train_here(service: str, *, seed: int, fresh: bool, note: str, progress: Progress) -> LearnedModel:
    """Train at the shell, as one of the trainings of which there is one at a time. It reads with every core that it may have,
    which one in a server does not: that has others to answer. Raises Refused, and Cancelled where somebody asked for its end from
    elsewhere."""
    with recording() as record:
        run = _begun(record, None, service)
    telling = _telling(run.pk)

    def tell(step: str, done: int, total: int) -> None:
        telling(step, done, total)
        progress(step, done, total)

    return _through(run, seed=seed, fresh=fresh, note=note, progress=tell, hands=os.cpu_count() or 1)


def running(service: str) -> TrainingRun | None:
    """The training of a service that runs now."""
    return TrainingRun.objects.select_related("started_by").filter(service=service, state="running").first()


def cancel(by: User | None, run_id: str) -> None:
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
            _end(record, run, "lost", by=by.pk if by else "")
        record.audit(
            "training.cancelled", "training_run", run.pk, actor=by.pk if by else "", detail={} if by else AT_THE_SHELL
        )


def _begun(record: Record, by: User | None, service: str) -> TrainingRun:
    """A row that says that it runs. Raises Refused while another one does, with who began that one, and how far it is."""
    lock()
    other = running(service)
    if other is not None and not silent(other):
        who = f"{other.started_by.name} began it" if other.started_by else "it was begun at the shell"
        far = f"{other.step}, {other.done:,} of {other.total:,}" if other.total else other.step
        raise Refused(
            f"A model is being trained already: {who} at {other.started_at:%H:%M} UTC ({far}). Wait for it, or cancel it: on its"
            " page, or with `safehold learn cancel`."
        )
    if other is not None:
        _end(record, other, "lost")
    run = TrainingRun.objects.create(service_id=service, started_by=by)
    detail = {"service": service} if by else {"service": service} | AT_THE_SHELL
    record.audit("training.started", "training_run", run.pk, actor=by.pk if by else "", detail=detail)
    return run


def silent(run: TrainingRun) -> bool:
    """Whether it says that it runs, and doesn't."""
    return run.state == "running" and timezone.now() - run.said_at > SILENT


def work(run_id: str) -> None:
    """Train, and whatever happens, say so."""
    run = TrainingRun.objects.select_related("started_by").get(pk=run_id)
    try:
        _through(run, progress=_telling(run_id))
    except (Cancelled, Refused):
        pass  # its row says so
    except Exception as error:
        log.error("training_failed", run=run_id, exc_info=error)


def _through(run: TrainingRun, **how: Any) -> LearnedModel:
    """Train, say in the row what became of it, and raise what was raised."""
    try:
        model = train_now(run.started_by, run.service_id, **how)
    except (Cancelled, KeyboardInterrupt):
        _ended(run, "cancelled")
        raise
    except Refused as refused:
        _ended(run, "failed", error=str(refused))
        raise
    except Exception as error:
        _ended(run, "failed", error=f"{type(error).__name__}: {error}")
        raise
    _ended(run, "finished", model=model)
    return model


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
