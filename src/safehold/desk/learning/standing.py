"""Which of several words on one text counts: that of the highest authority, and of equals the newest. What was said before
stays in the table. One fold, which training, exports, and pages read.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from safehold.desk.learning.models import Label, Text
from safehold.desk.learning.sources import SOURCES

#: Rows read at a time.
PAGE = 5_000


class Said(NamedTuple):
    """What counts for a text and an attribute."""

    digest: str
    attribute: str
    value: float
    source: str


class Taught(NamedTuple):
    """A text, and what counts for it: attribute -> (value, source)."""

    digest: str
    words: str
    says: dict[str, tuple[float, str]]


def fold(labels: Iterable[tuple[str, str, float, str]]) -> dict[tuple[str, str], tuple[float, str]]:
    """(digest, attribute) -> (value, source) that counts, of (digest, attribute, value, source) in the order in which they
    were said."""
    counts: dict[tuple[str, str], tuple[float, str]] = {}
    for digest, attribute, value, source in labels:
        held = counts.get((digest, attribute))
        if held is None or SOURCES[source].authority >= SOURCES[held[1]].authority:
            counts[digest, attribute] = (value, source)
    return counts


def standing(service: str, until: int | None = None) -> dict[tuple[str, str], tuple[float, str]]:
    """What counts for a service's texts, as of the label at the position `until`."""
    rows = Label.objects.filter(service=service).order_by("at", "position")
    if until is not None:
        rows = rows.filter(position__lte=until)
    return fold(rows.values_list("digest", "attribute", "value", "source").iterator(PAGE))


def taught(service: str, until: int | None = None) -> Iterator[Taught]:
    """Every text that is still kept, with what counts for it, in the order of digests: the same labels give the same order."""
    says: dict[str, dict[str, tuple[float, str]]] = {}
    for (digest, attribute), word in standing(service, until).items():
        says.setdefault(digest, {})[attribute] = word
    texts = Text.objects.filter(service=service).order_by("digest").values_list("digest", "words")
    for digest, words in texts.iterator(PAGE):
        if digest in says:
            yield Taught(digest, words, dict(sorted(says[digest].items())))
