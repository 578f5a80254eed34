"""What models read of texts, kept beside them: reading takes some milliseconds a text, which is most of a training, and is the
same each time. Read by the worker some at a time, soon after labels have come, and by a training for what is then missing.
"""

from collections.abc import Iterator, Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef

from safehold.desk.learning.models import Reading, Text
from safehold.desk.learning.taking import digest_of
from safehold.signals.community import features
from safehold.signals.community.training import CHUNK, Reader

#: Texts that the worker reads in one look: a tenth of a core, while events are decided beside it.
AHEAD = 25


def kept(service: str, *, anew: bool = False, hands: int = 1) -> Reader:
    """Reads texts of a service's labels: what was read before is not read again, what is missing is read, by so many threads, and
    kept. `anew`: all are read again, and what is kept is made what it says then."""

    def reader(texts: Sequence[str]) -> list[features.Reading]:
        known = {} if anew else _known(service, texts)
        known |= _read(service, [text for text in dict.fromkeys(texts) if text not in known], hands)
        return [known[text] for text in texts]

    return reader


def read_ahead(at_most: int = AHEAD) -> int:
    """Read some texts that are not read yet, or were by another version; how many that was."""
    done = Reading.objects.filter(text=OuterRef("pk"), features=features.version())
    waiting = Text.objects.filter(~Exists(done)).order_by("pk").values_list("service_id", "words")[:at_most]
    by_service: dict[str, list[str]] = {}
    for service, words in waiting:
        by_service.setdefault(service, []).append(words)
    return sum(len(_read(service, texts)) for service, texts in by_service.items())


def _known(service: str, texts: Sequence[str]) -> dict[str, features.Reading]:
    words = {digest_of(text): text for text in texts}
    found: dict[str, features.Reading] = {}
    for some in _some(list(words)):
        rows = Reading.objects.filter(text__service=service, text__digest__in=some, features=features.version())
        for digest, content in rows.values_list("text__digest", "content"):
            found[words[digest]] = features.unpacked(bytes(content))
    return found


def _read(service: str, texts: Sequence[str], hands: int = 1) -> dict[str, features.Reading]:
    if not texts:
        return {}
    found = dict(zip(texts, features.readings(texts, hands), strict=True))
    digests = {digest_of(text): text for text in texts}
    for some in _some(list(digests)):
        with transaction.atomic():  # a text that goes meanwhile takes what was read of it with it
            there = Text.objects.select_for_update().filter(service=service, digest__in=some).order_by("pk")
            rows = [
                Reading(text_id=pk, features=features.version(), content=features.packed(found[digests[digest]]))
                for pk, digest in there.values_list("pk", "digest")
            ]
            Reading.objects.bulk_create(
                rows, update_conflicts=True, unique_fields=["text"], update_fields=["features", "content"]
            )
    return found


def _some(digests: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(digests), CHUNK):
        yield digests[first : first + CHUNK]
