"""How near each attribute is to being learned: texts that say yes and no, beside what a training needs. Called by the console,
and before a training is started from there.
"""

from typing import NamedTuple

from django.db.models import Count, Q

from safehold.desk.learning.models import Label, Text
from safehold.signals.community.attributes import ATTRIBUTES
from safehold.signals.community.training import LEAST

#: Texts that one attribute takes, half of them yes and half no.
NEEDED = 2 * LEAST


class Near(NamedTuple):
    """Texts, whose words are kept, that were said to be it (`yes`) and not to be it (`no`)."""

    attribute: str
    yes: int
    no: int

    @property
    def towards(self) -> int:
        """Of `NEEDED`: more of one kind doesn't make up for the other."""
        return min(self.yes, LEAST) + min(self.no, LEAST)

    @property
    def enough(self) -> bool:
        return self.towards == NEEDED


def near(service: str) -> list[Near]:
    """All attributes, the nearest first. The audit share takes 20 % of them away, so that a training may yet say that a few
    are lacking."""
    kept = Text.objects.filter(service=service).values("digest")
    rows = (
        Label.objects.filter(service=service, digest__in=kept)
        .order_by()
        .values("attribute")
        .annotate(
            yes=Count("digest", distinct=True, filter=Q(value__gte=0.5)),
            no=Count("digest", distinct=True, filter=Q(value__lt=0.5)),
        )
    )
    found = {row["attribute"]: Near(row["attribute"], row["yes"], row["no"]) for row in rows}
    every = [found.get(name, Near(name, 0, 0)) for name in ATTRIBUTES]
    return sorted(every, key=lambda each: (-each.towards, -each.yes - each.no))
