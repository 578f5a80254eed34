"""Labels come in: by an API, from a file, from what people decide. The one place that writes them.

A source that says the same of the same text under the same reference has said it already. One that says something else has
changed its mind: that is a label of its own, with `#2` behind its reference, and the first one stays as history.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

import msgspec
from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from safehold.accounts.models import User
from safehold.desk.entities.models import Service
from safehold.desk.learning.models import Label, Text
from safehold.desk.learning.sources import SOURCES
from safehold.gateway.store import LabelSubmission
from safehold.record.recording import Record, recording
from safehold.signals.community.attributes import ATTRIBUTES

#: Labels of one transaction: some tens of milliseconds in which nobody else writes (SQLite).
CHUNK = 1_000
#: How often a chunk is tried again that met another writer's labels of the same texts.
TRIES = 3

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_Key = tuple[str, str, str, str]  # digest, attribute, source, reference


class BadLabel(ValueError):
    """It can't be a label. `field` names what is wrong; the message says what to do, and never repeats the text."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(f"{field}: {message}")


def digest_of(words: str) -> str:
    """By what labels know a text."""
    return hashlib.sha256(words.encode()).hexdigest()


def check(wanted: LabelSubmission) -> None:
    """Raises BadLabel."""
    if not wanted.text.strip():
        raise BadLabel("text", "is empty; a label is about what somebody wrote")
    if _UNSTORABLE.search(wanted.text):
        raise BadLabel("text", "has a character that can't be stored (NUL, or half of a surrogate pair)")
    if wanted.attribute not in ATTRIBUTES:
        raise BadLabel("attribute", f"`{wanted.attribute[:40]}` is none; there are {', '.join(ATTRIBUTES)}")
    if not 0.0 <= wanted.value <= 1.0:
        raise BadLabel("value", f"{wanted.value:g} is not between 0 (not at all) and 1 (wholly)")
    if wanted.source not in SOURCES:
        raise BadLabel("source", f"`{wanted.source[:40]}` is none; there are {', '.join(SOURCES)}")
    if len(wanted.reference) > 190:
        raise BadLabel("reference", f"has {len(wanted.reference)} characters; at most 190 are kept")


def submit_labels(service: str, submissions: Sequence[LabelSubmission]) -> int:
    """What the gateway's store does: keep labels that an API brought; how many of them are new. All or none.

    Raises BadLabel, which names the field.
    """
    for each in submissions:
        check(each)
    for left in range(TRIES - 1, -1, -1):
        try:
            with recording() as record:
                return _taken(record, service, submissions)
        except IntegrityError:  # another writer brought the same label between our look and our insert
            if not left:
                raise
    raise AssertionError("unreachable")


def submit_many(service: str, submissions: Iterable[LabelSubmission]) -> Iterator[tuple[int, int]]:
    """The same for a great many that are checked already, in transactions of their own: (labels, new ones) after each. What
    was interrupted may be brought again; what is there then is not kept twice."""
    waiting = iter(submissions)
    while chunk := list(islice(waiting, CHUNK)):
        yield len(chunk), submit_labels(service, chunk)


def take(record: Record, service: str, submissions: Sequence[LabelSubmission], person: str) -> int:
    """Labels that come of what a person decided, in the transaction of the decision, which is what the ledger has of it."""
    return _write(service, submissions, person)


def _taken(record: Record, service: str, submissions: Sequence[LabelSubmission]) -> int:
    new = _write(service, submissions)
    if new:
        said = [[digest_of(each.text), each.attribute, each.value, each.source, each.reference] for each in submissions]
        first = submissions[0]
        record.audit(
            "labels.brought", "service", service, actor=first.key,
            detail={"labels": len(submissions), "new": new, "source": first.source,
                    "digest": hashlib.sha256(msgspec.json.encode(said)).hexdigest()},
        )  # fmt: skip
    return new


def _write(service: str, submissions: Sequence[LabelSubmission], person: str = "") -> int:
    digests = {each.text: digest_of(each.text) for each in submissions}
    known = _known(service, set(digests.values()))
    labels = []
    for each in submissions:
        key = (digests[each.text], each.attribute, each.source, each.reference)
        if (reference := _reference(known, key, each.value)) is None:
            continue
        known[(*key[:3], reference)] = each.value
        labels.append(
            Label(
                service_id=service,
                digest=key[0],
                attribute=each.attribute,
                value=each.value,
                source=each.source,
                reference=reference,
                person_id=person or None,
                key=each.key,
                at=each.at,
            )
        )
    _keep(service, digests, max((each.at for each in submissions), default=timezone.now()))
    Label.objects.bulk_create(labels)
    return len(labels)


def _known(service: str, digests: set[str]) -> dict[_Key, float]:
    rows = Label.objects.filter(service=service, digest__in=digests)
    return {
        (digest, attribute, source, reference): value
        for digest, attribute, source, reference, value in rows.values_list(
            "digest", "attribute", "source", "reference", "value"
        )
    }


def _reference(known: dict[_Key, float], key: _Key, value: float) -> str | None:
    """Under which reference this word is kept; None if it is the source's last word on it already."""
    number, reference = 1, key[3]
    while (said := known.get((*key[:3], reference))) is not None:
        number += 1
        following = f"{key[3]}#{number}"
        if (*key[:3], following) not in known and said == value:
            return None
        reference = following
    return reference


def _keep(service: str, digests: dict[str, str], at: datetime) -> None:
    """The words, for as long as they are kept from the last label on."""
    days = settings.SAFEHOLD_LABEL_DAYS
    until = max(at, timezone.now()) + timedelta(days=days) if days else None
    rows = [Text(service_id=service, digest=digest, words=words, kept_until=until) for words, digest in digests.items()]
    Text.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["service", "digest"], update_fields=["kept_until"]
    )


def forget(now: datetime | None = None) -> int:
    """Let go of the words that have been kept for long enough, and of what was read of them; how many texts that was. Labels
    stay, by their digest."""
    _, gone = Text.objects.filter(kept_until__lte=now or timezone.now()).delete()
    return gone.get("learning.Text", 0)


def services() -> list[str]:
    """The services that labels can be of."""
    return list(Service.objects.order_by("slug").values_list("slug", flat=True))


def say(person: User, service: str, words: str, attribute: str, value: float, reference: str, at: datetime) -> int:
    """What somebody said of one text where it was shown to be labelled; 1 if that is new. Raises BadLabel."""
    with recording() as record:
        return say_in(record, person, service, words, attribute, value, reference, at)


def say_in(
    record: Record, person: User, service: str, words: str, attribute: str, value: float, reference: str, at: datetime
) -> int:
    """The same in the caller's transaction."""
    label = LabelSubmission(text=words, attribute=attribute, value=value, source="manual", at=at, reference=reference)
    check(label)
    new = _write(service, [label], person.pk)
    if new:
        detail = {"attribute": attribute, "value": value, "reference": reference}
        record.audit("label.said", "service", service, actor=person.pk, detail=detail)
    return new
