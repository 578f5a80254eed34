"""A model from the labels there are: read, trained, kept with its report. Called by a training run, which the shell and the
console start. Nothing that decides uses it before somebody has promoted it.
"""

import secrets
import time
from collections.abc import Callable, Iterator

import msgspec
import structlog
from django.db import connection
from django.db.models import Max

from safehold.accounts.models import User
from safehold.accounts.people import AT_THE_SHELL, Refused
from safehold.desk.learning.models import AuditShare, Label, LearnedModel, ModelFile
from safehold.desk.learning.readings import kept
from safehold.desk.learning.sources import SOURCES
from safehold.desk.learning.standing import taught
from safehold.record.recording import recording
from safehold.signals.community.model import Model, NotAModel, digest_of, read, write
from safehold.signals.community.training import AUDIT_SHARE, Example, Lessons, Share, train

log = structlog.get_logger("safehold.learning")

Progress = Callable[[str, int, int], None]


#: PostgreSQL's advisory lock of whoever adds or moves models: the first eight bytes of SHA-256("safehold models"), signed.
LOCK = -7205377760392376483


def lock() -> None:
    """One at a time until the transaction ends: which model leaves its place depends on which is in it. On SQLite BEGIN
    IMMEDIATE is the same lock."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))


def share_of(service: str) -> Share:
    """How a service's audit share is drawn."""
    row, _ = AuditShare.objects.get_or_create(
        service_id=service, defaults={"salt": secrets.token_hex(16), "share": AUDIT_SHARE}
    )
    return Share(row.salt, row.share)


def examples(service: str, until: int) -> Iterator[Example]:
    """Texts with what counts for them, weighted by the source."""
    for each in taught(service, until):
        yield Example(each.words, {name: (value, SOURCES[by].weight) for name, (value, by) in each.says.items()})


def train_now(
    by: User | None,
    service: str,
    *,
    seed: int = 0,
    fresh: bool = False,
    note: str = "",
    progress: Progress | None = None,
    hands: int = 1,
) -> LearnedModel:
    """Train on all labels that are there now, and keep the model. `fresh`: texts are read again that were read before; the model
    is the same. `hands`: so many threads read.

    Raises Refused where there are too few labels, or where nothing has changed since a model that is there.
    """
    begun = time.monotonic()
    until = Label.objects.filter(service=service).aggregate(last=Max("position"))["last"] or 0
    live = LearnedModel.objects.filter(state="live").first()
    beside = _read(live)
    packed, lessons = train(
        examples(service, until), share=share_of(service), seed=seed, live=beside, reader=kept(service, anew=fresh, hands=hands),
        progress=progress,
    )  # fmt: skip
    if not packed.heads:
        raise Refused(_too_few(lessons))
    content = write(packed)
    digest = digest_of(content)
    if same := LearnedModel.objects.filter(digest=digest).first():
        raise Refused(
            f"Nothing has changed since model {same.number}, which is {same.state}: it would be the same again."
        )
    with recording() as record:
        lock()
        number = (LearnedModel.objects.aggregate(last=Max("number"))["last"] or 0) + 1
        model = LearnedModel.objects.create(
            number=number, service_id=service, digest=digest, size=len(content), features=packed.features, seed=seed,
            until=until, taught=packed.taught, report=msgspec.to_builtins(lessons),
            seconds=round(time.monotonic() - begun, 1), note=note, trained_by=by,
        )  # fmt: skip
        ModelFile.objects.create(model=model, content=content)
        detail = {"number": number, "digest": digest, "taught": packed.taught, "texts": lessons.texts, "seed": seed}
        record.audit(
            "model.trained", "learned_model", model.pk, actor=by.pk if by else "",
            detail=detail if by else detail | AT_THE_SHELL,
        )  # fmt: skip
    return model


def lessons_of(model: LearnedModel) -> Lessons:
    """Its report."""
    return msgspec.convert(model.report, Lessons)


def loaded(model: LearnedModel) -> Model:
    """The model itself. Raises NotAModel where this version of Safehold can't use it."""
    file = ModelFile.objects.filter(model=model).first()
    if file is None:
        raise NotAModel("its file is not there")
    return read(bytes(file.content))


def _read(model: LearnedModel | None) -> Model | None:
    """None for one that another version trained: then there is nothing to compare with."""
    try:
        return loaded(model) if model is not None else None
    except NotAModel as error:
        log.warning("model_not_comparable", model=model and model.pk, why=str(error))
        return None


def _too_few(lessons: Lessons) -> str:
    if not lessons.attributes:
        return "There are no labels whose words are kept. They come from reviews, appeals, APIs, and `safehold labels import`."
    name, lesson = max(lessons.attributes.items(), key=lambda each: each[1].labels)
    return f"There are too few labels to learn from; the most are of {name} ({lesson.labels:,}). {lesson.why}"
