"""Where labels come from, and what each word is worth: which of two that contradict counts, and how much a model that learns
gives for it. One table, read by training, by the pages and by the documentation.
"""

from typing import NamedTuple


class Source(NamedTuple):
    """`authority`: of two words on one text, that of the higher counts, and of equals the newer. `weight` is what a label
    counts for in training; a person who looked at the item in its context is 1."""

    name: str
    label: str
    authority: int
    weight: float


SOURCES = {
    source.name: source
    for source in (
        Source("appeal", "Appeal", 50, 1.5),  # looked at again, by somebody who had no part in it
        Source("review", "Review", 40, 1.0),
        Source("manual", "Labelled", 30, 1.0),
        Source("akismet", "Akismet submission", 20, 0.5),
        Source("suggestscore", "Suggested score", 10, 0.3),
    )
}
