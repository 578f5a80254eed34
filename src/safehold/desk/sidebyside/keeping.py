"""Comparisons are written, read and forgotten here. Who calls: the gateway's threads that ask the other service, and
`safehold perspective`.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from django.db import close_old_connections
from django.utils import timezone

from safehold.desk.sidebyside.fitting import Pairs
from safehold.desk.sidebyside.models import Comparison
from safehold.gateway.perspective.upstream import ScorePair
from safehold.record.recording import recording

#: The newest comparisons of an attribute that a map is fitted to.
MOST_FITTED = 100_000


def keep_comparisons(service: str, pairs: Sequence[ScorePair], model: str) -> None:
    """Write what two services said of a comment."""
    close_old_connections()
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
        )
        for pair in pairs
    )
    close_old_connections()


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
