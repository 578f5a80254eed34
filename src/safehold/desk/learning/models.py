"""Labels: that a text is, or is not, an attribute, by whose word. What was said stays as it was said; a correction is
another label, and `standing` says which of them counts.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from safehold.desk.entities.models import Service
from safehold.desk.learning.sources import SOURCES


class Text(models.Model):
    """The exact words that labels are about, kept for `SAFEHOLD_LABEL_DAYS` after the last label. Labels know them by their
    digest, so that what was said stays when the words go."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="+", db_index=False)
    digest = models.CharField(max_length=64)  # SHA-256 of the words in UTF-8
    words = models.TextField()
    kept_until = models.DateTimeField(null=True)  # None: for ever

    class Meta:
        constraints = (models.UniqueConstraint(fields=["service", "digest"], name="a_text_is_kept_once"),)
        indexes = (models.Index(fields=["kept_until"], condition=Q(kept_until__isnull=False), name="text_to_forget"),)

    def __str__(self) -> str:
        return self.digest[:12]


class Label(models.Model):
    """One word on one text. `reference` is what it came of: a decision's id, a client's own token; with it a source says the
    same thing once, and contradicts itself in a label of its own (`taking.submit`)."""

    position = models.BigAutoField(primary_key=True)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+", db_index=False)
    digest = models.CharField(max_length=64)
    attribute = models.CharField(max_length=40)
    value = models.FloatField()  # how much it is: 0 not at all, 1 wholly
    source = models.CharField(max_length=16, choices=[(source.name, source.label) for source in SOURCES.values()])
    reference = models.CharField(max_length=200, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )  # none: an API's, or from a file
    key = models.CharField(max_length=40, blank=True)  # the id of the API key that brought it
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["service", "digest", "attribute", "source", "reference"], name="a_source_says_a_thing_once"
            ),
            models.CheckConstraint(condition=Q(value__gte=0) & Q(value__lte=1), name="a_label_is_between_0_and_1"),
            models.CheckConstraint(condition=Q(source__in=list(SOURCES)), name="label_source_is_known"),
            models.CheckConstraint(condition=~Q(attribute=""), name="a_label_has_an_attribute"),
        )
        indexes = (
            models.Index(fields=["service", "source", "-position"], name="label_by_source"),
            models.Index(fields=["service", "attribute", "-position"], name="label_by_attribute"),
        )

    def __str__(self) -> str:
        return f"{self.attribute} {self.value:g} by {self.source}"
