"""What the platform's events are about: services, events, entities and immutable snapshots of them."""

from django.db import models
from django.utils import timezone

from safehold.ids import new_id
from safehold.record.registry import recorded, salt_field


def new_event_id() -> str:
    return new_id("evt")


def new_entity_id() -> str:
    return new_id("ent")


def new_version_id() -> str:
    return new_id("ver")


class Service(models.Model):
    """An online service this organisation runs; under the DSA each reports for itself."""

    slug = models.SlugField(primary_key=True, max_length=60)
    name = models.CharField(max_length=120)
    jurisdictions = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.name


@recorded("event", at="received_at", public=("service_id", "type"))
class Event(models.Model):
    """One CloudEvent, as it came. Append-only; `position` is its place in the record, assigned once."""

    position = models.BigAutoField(primary_key=True)
    id = models.CharField(max_length=40, unique=True, default=new_event_id, editable=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=512)
    source_id = models.CharField(max_length=256)  # the CloudEvents id: unique within its source
    type = models.CharField(max_length=120)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=256)
    account_id = models.CharField(max_length=256, blank=True)  # the platform's id of who did it
    thread_id = models.CharField(max_length=256, blank=True)
    body = models.TextField()  # the CloudEvent, byte for byte
    salt = salt_field()

    RECORDED = ("id", "service_id", "source", "source_id", "type", "occurred_at", "received_at", "body")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["service", "source", "source_id"], name="an_event_is_taken_once"),
        )
        indexes = (
            models.Index(fields=["service", "account_id", "-position"], name="event_of_account"),
            models.Index(fields=["service", "thread_id", "-position"], name="event_of_thread"),
            models.Index(fields=["service", "subject_kind", "subject_id", "-position"], name="event_of_subject"),
            models.Index(fields=["received_at"], name="event_received"),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.source_id}"


class Entity(models.Model):
    """Something on the platform that decisions are about: an account, a post, a message, a listing."""

    id = models.CharField(primary_key=True, max_length=40, default=new_entity_id, editable=False)
    service = models.ForeignKey(Service, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    external_id = models.CharField(max_length=256)
    owner = models.ForeignKey("self", models.PROTECT, null=True, related_name="owned")
    first_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["service", "kind", "external_id"], name="one_entity_an_external_id"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id}"


class EntityVersion(models.Model):
    """What an entity was when an event told of it. Immutable: what the reviewer saw is what is stored."""

    id = models.CharField(primary_key=True, max_length=40, default=new_version_id, editable=False)
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="versions")
    event = models.ForeignKey(Event, models.PROTECT, to_field="id", related_name="versions")
    snapshot = models.JSONField()
    captured_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["entity", "event"], name="one_version_an_event"),)
        indexes = (models.Index(fields=["entity", "-captured_at"], name="version_of_entity"),)

    def __str__(self) -> str:
        return f"{self.entity} at {self.captured_at:%Y-%m-%d %H:%M}"
