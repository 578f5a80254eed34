"""How far two services agree, by attribute, as the numbers that are kept say; for the console's page."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Avg, Case, Count, F, FloatField, Max, Q, Value, When
from django.db.models.functions import Abs

from safehold.desk.sidebyside.fitting import LEAST, THRESHOLD
from safehold.desk.sidebyside.models import Comparison


@dataclass(frozen=True)
class Standing:
    """One attribute and version of our model at one service. `difference` is the mean distance of the two scores, `same_side`
    the share on the same side of .7, both None where nothing was compared; `failed` counts comments that the other service
    gave no score."""

    service: str
    attribute: str
    model: str
    compared: int
    failed: int
    difference: float | None
    same_side: float | None
    newest: datetime

    @property
    def enough(self) -> bool:
        """Whether a calibration can be fitted."""
        return self.compared >= LEAST

    @property
    def lacking(self) -> int:
        return max(0, LEAST - self.compared)


def standings() -> list[Standing]:
    """Every attribute that was compared."""
    above = Q(ours__gte=THRESHOLD, theirs__gte=THRESHOLD) | Q(ours__lt=THRESHOLD, theirs__lt=THRESHOLD)
    good = Q(failed="")
    same = Case(When(above, then=Value(1.0)), default=Value(0.0), output_field=FloatField())
    rows = Comparison.objects.values("service", "attribute", "model").annotate(
        compared=Count("pk", filter=good),
        failures=Count("pk", filter=~good),
        difference=Avg(Abs(F("ours") - F("theirs")), filter=good),
        same_side=Avg(same, filter=good),
        newest=Max("at"),
    )
    names = ("service", "attribute", "model", "compared", "failures", "difference", "same_side", "newest")
    return [Standing(*row) for row in rows.order_by("service", "attribute", "model").values_list(*names)]


def failures() -> list[tuple[str, int]]:
    """Why the other service gave no score, and how often; the most frequent first."""
    rows = Comparison.objects.exclude(failed="").values("failed").annotate(count=Count("pk"))
    return list(rows.order_by("-count", "failed").values_list("failed", "count"))
