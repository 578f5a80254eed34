"""The sample of a backtest in a queue of its own, so that people say what they think of it.

Tasks are blind to the backtest: the queue tells neither which rule hit nor on which side. Their decisions are people's
decisions like any other, and so the next backtest's truth.
"""

from collections.abc import Iterable

from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Entity
from safehold.desk.review.models import BLIND, Queue, TaskKind
from safehold.desk.review.tasks import open_task
from safehold.record.recording import recording
from safehold.replay.report import Sampled

_ABOUT = (
    "A sample of events that a rule on trial would treat otherwise. Decide what you see; no rule's answer is right."
)


def queue() -> Queue:
    """The queue, made when it is first needed."""
    wanted = {"title": "Backtest", "description": _ABOUT, "max_wait_seconds": 7 * 86_400, "order": 900}
    return Queue.objects.get_or_create(slug=BLIND, defaults=wanted)[0]


def send_to_review(sample: Iterable[Sampled]) -> int:
    """Open a task for each event of the sample; one that people have decided, or that has an open task, is left out."""
    target = queue()
    return sum(_open(target, each) for each in sample)


def _open(target: Queue, each: Sampled) -> bool:
    decision = Decision.objects.filter(pk=each.decision).first()
    if decision is None or Decision.objects.filter(root=decision.root, person__isnull=False).exists():
        return False
    entity = Entity.objects.filter(
        service_id=decision.service_id, kind=decision.subject_kind, external_id=decision.subject_id
    ).first()
    if entity is None or entity.tasks.filter(closed_at=None).exclude(kind=TaskKind.LABEL).exists():
        return False
    with recording() as record:
        return open_task(record, entity=entity, kind=TaskKind.REVIEW, queue=target, decision=decision)[1]
