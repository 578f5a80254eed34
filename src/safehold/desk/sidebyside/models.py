"""What two services said of the same comment. Numbers only, unless SAFEHOLD_COMPARISON_TEXT_DAYS says to keep comments to be
labelled: otherwise the comment isn't kept, and can't be found from here.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from safehold.desk.entities.models import Service


class ComparedText(models.Model):
    """A comment that was compared, kept to be labelled until a day that was set when it came."""

    position = models.BigAutoField(primary_key=True)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+", db_index=False)
    words = models.TextField()
    kept_until = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=["kept_until"], name="compared_text_to_forget"),)

    def __str__(self) -> str:
        return f"text {self.position}"


class Comparison(models.Model):
    """One attribute of one comment: our model's own score and the other service's; none where it failed, and then why."""

    position = models.BigAutoField(primary_key=True)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(default=timezone.now)
    attribute = models.CharField(max_length=64, blank=True)
    ours = models.FloatField()
    theirs = models.FloatField(null=True)
    failed = models.CharField(max_length=60, blank=True)
    language = models.CharField(max_length=35, blank=True)
    size = models.PositiveIntegerField(default=0)  # bytes of UTF-8
    model = models.CharField(max_length=80, blank=True)  # the version of ours
    text = models.ForeignKey(ComparedText, models.SET_NULL, null=True, related_name="comparisons")

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(ours__gte=0) & Q(ours__lte=1), name="ours_is_a_score"),
            models.CheckConstraint(
                condition=Q(theirs__isnull=True) | (Q(theirs__gte=0) & Q(theirs__lte=1)), name="theirs_is_a_score"
            ),
            models.CheckConstraint(
                condition=Q(theirs__isnull=True, failed__gt="") | Q(theirs__isnull=False, failed=""),
                name="no_score_without_a_reason",
            ),
        )
        indexes = (
            models.Index(fields=["service", "attribute", "-position"], name="comparison_by_attribute"),
            models.Index(fields=["at"], name="comparison_by_age"),
        )

    def __str__(self) -> str:
        return f"{self.attribute} {self.position}"
