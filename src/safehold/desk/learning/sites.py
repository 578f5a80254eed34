"""What each site had checked through Akismet's API, and where its moderators disagreed: counted from the record and the labels,
so that the figures are those of the decisions. Who calls: the gateway's store, for `key-sites` and `usage-limit`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Count, F, TextField
from django.db.models.expressions import Func
from django.db.models.query import QuerySet

from safehold.desk.decisions.models import Decision
from safehold.desk.entities.models import Event
from safehold.desk.learning.models import Label
from safehold.gateway.akismet.comment import CHECK, site_of
from safehold.gateway.akismet.verdict import WITHHELD
from safehold.gateway.store import SiteActivity

#: Contents that are looked for at once.
_CHUNK = 500


def sites(service: str, begin: datetime, end: datetime) -> list[SiteActivity]:
    """Every site that had a comment checked from `begin` on and before `end`, in no order.

    A check is spam if rules withheld the comment. A submission counts with the site whose check it is about; one of a comment
    that was never checked here, or was not recorded, has none.
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)
    # The first decision on each event: what the client was answered. What people decide later doesn't change that.
    answered = Decision.objects.filter(
        automation="fully", root=F("id"), event__received_at__gte=begin, event__received_at__lt=end,
        **{f"event__{name}": value for name, value in _checks(service).items()},
    )  # fmt: skip
    rows = answered.annotate(site=_community("event__body")).values("site", "action").annotate(count=Count("pk"))
    for site, action, count in rows.order_by().values_list("site", "action", "count"):
        found[site_of(site or "")]["spam" if action in WITHHELD else "ham"] += count
    for site, value in _submitted(service, begin, end):
        if site in found:
            found[site]["missed_spam" if value >= 0.5 else "false_positives"] += 1
    return [SiteActivity(site=site, **counts) for site, counts in found.items()]


def _checks(service: str) -> dict[str, Any]:
    return {"service": service, "type": "content.checked", "source__endswith": CHECK}


def _submitted(service: str, begin: datetime, end: datetime) -> Iterator[tuple[str, float]]:
    """(site, what was said) of each submission about a comment that was checked."""
    labels = Label.objects.filter(service=service, source="akismet", at__gte=begin, at__lt=end)
    rows = labels.order_by("position").values_list("reference", "value").iterator()
    while chunk := list(islice(rows, _CHUNK)):
        # A change of mind has a number behind its reference.
        said = [(reference.partition("#")[0], value) for reference, value in chunk]
        events: QuerySet[Any] = Event.objects.filter(
            subject_kind="content", subject_id__in={content for content, _ in said}, **_checks(service)
        )
        communities = events.annotate(site=_community("body")).values_list("subject_id", "site")
        site_by_content = {content: site_of(site or "") for content, site in communities}
        yield from ((site_by_content[content], value) for content, value in said if content in site_by_content)


def _community(body: str) -> Func:
    """`data.community` of an event's body."""
    if connection.vendor == "postgresql":
        template = "(%(expressions)s::json #>> '{data,community}')"
    else:
        template = "json_extract(%(expressions)s, '$.data.community')"
    return Func(F(body), template=template, output_field=TextField())
