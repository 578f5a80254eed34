"""Comparisons are written, read and forgotten here. Who calls: the gateway's threads that ask the other service,
`safehold perspective`, and the worker that forgets what has been kept for long enough.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import close_old_connections, transaction
from django.db.models.query import QuerySet
from django.utils import timezone

from safehold.desk.sidebyside.fitting import Pairs
from safehold.desk.sidebyside.models import ComparedText, Comparison
from safehold.gateway.perspective.upstream import ScorePair
from safehold.record.models import AuditEvent
from safehold.record.recording import recording

#: The newest comparisons of an attribute that a map is fitted to.
MOST_FITTED = 100_000
#: Rows that are deleted in one transaction: some tens of milliseconds in which nobody else writes (SQLite).
CHUNK = 1_000


def keep_comparisons(service: str, pairs: Sequence[ScorePair], text: str, model: str) -> None:
    """Write what two services said of a comment; and the comment itself, if SAFEHOLD_COMPARISON_TEXT_DAYS says for how long."""
    close_old_connections()
    days = settings.SAFEHOLD_COMPARISON_TEXT_DAYS
    with transaction.atomic():
        kept = None
        if days and pairs:
            until = timezone.now() + timedelta(days=days)
            words = text.replace("\0", "\ufffd")  # PostgreSQL has no U+0000
            kept = ComparedText.objects.create(service_id=service, words=words, kept_until=until)
        Comparison.objects.bulk_create(
            Comparison(
                service_id=service,
                attribute=pair.attribute,
                ours=pair.ours,
                theirs=pair.theirs,
                failed=pair.failed[:60],
                language=pair.language[:35],
                size=pair.size,
                model=model,
                text=kept,
            )
            for pair in pairs
        )
    close_old_connections()


def say_that_texts_are_kept() -> None:
    """Put into the audit trail for how many days comments are kept from now on, if that is not what it was last."""
    days = settings.SAFEHOLD_COMPARISON_TEXT_DAYS
    with recording() as record:
        last = AuditEvent.objects.filter(verb="comparisons.texts_kept").order_by("-at", "-pk").first()
        if (last.detail["days"] if last else 0) != days:
            record.audit("comparisons.texts_kept", "setting", "comparison_text_days", detail={"days": days})


def pairs_by_attribute(service: str, model: str) -> dict[str, Pairs]:
    """The newest comparisons of this version of our model, by attribute: another version's scores mean something else."""
    known = Comparison.objects.filter(service=service, model=model, theirs__isnull=False)
    found: dict[str, Pairs] = defaultdict(list)
    for attribute in known.order_by("attribute").values_list("attribute", flat=True).distinct():
        newest = known.filter(attribute=attribute).order_by("-position").values_list("ours", "theirs")
        found[attribute] = [(ours, theirs) for ours, theirs in newest[:MOST_FITTED] if theirs is not None]
    return dict(found)


def forget_comparisons(service: str, days: int) -> int:
    """Delete what is older than so many days; how many that were."""
    with recording() as record:
        gone, _ = Comparison.objects.filter(service=service, at__lt=timezone.now() - timedelta(days=days)).delete()
        record.audit("comparisons.forgotten", "service", service, detail={"count": gone, "kept_days": days})
    return gone


def texts_to_label(service: str, by: str = "") -> Iterator[dict[str, Any]]:
    """The comments that are kept, each with what both services said of it, the newest first. That they were read is in the
    audit trail, by `by` or at the shell."""
    found = ComparedText.objects.filter(service=service).order_by("-position")
    with recording() as record:
        record.audit("comparisons.texts_read", "service", service, actor=by, detail={"count": found.count()})
    for text in found.prefetch_related("comparisons").iterator(500):
        scores = {one.attribute: {"ours": one.ours, "theirs": one.theirs} for one in text.comparisons.all()}
        yield {"text": text.words, "scores": scores}


def forget_old(now: datetime | None = None) -> tuple[int, int]:
    """Delete comparisons and comments whose time is over, some thousand a transaction: (comparisons, comments)."""
    now = now or timezone.now()
    days = settings.SAFEHOLD_COMPARISON_DAYS
    old = Comparison.objects.filter(at__lt=now - timedelta(days=days)) if days else Comparison.objects.none()
    texts = ComparedText.objects.filter(kept_until__lte=now)
    return _forgotten(old, "comparisons"), _forgotten(texts, "compared_texts")


def _forgotten(old: QuerySet[Any], what: str) -> int:
    gone = 0
    while chunk := list(old.order_by("position").values_list("position", flat=True)[:CHUNK]):
        with recording() as record:
            deleted, _ = old.model._default_manager.filter(position__in=chunk).delete()
            if deleted:  # else another process was quicker
                record.audit(f"{what}.forgotten", "setting", "retention", detail={"count": deleted})
        gone += deleted
    return gone
