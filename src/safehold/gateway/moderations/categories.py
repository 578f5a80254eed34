"""OpenAI's categories of harm, and which of Safehold's attributes tell of them: the one table from which the answers, the
thresholds and the reference page (docs/reference/openai-moderation.md, a test compares them) are made. Who calls: `moderations`.

A category whose definition joins two things has the lesser of their probabilities, which the probability of both can't be
above; one that is either of several things has the greatest, which it can't be below. A category that nothing measures is
said to be so (`MEASURED_BY` has no attribute for it): its score is 0.0 because the type demands a number, no input type was
applied to it, and the answer names it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Category(NamedTuple):
    """`any_of` and `all_of` are attributes of the text model; `image` the attribute of an image that tells of it too. `fit`
    says how their meaning relates to OpenAI's definition: `exact`, `narrower` (we find less), `broader` (we find more)."""

    name: str
    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    image: str = ""
    fit: str = ""
    #: Only in the answers of the omni-moderation models.
    omni: bool = False

    @property
    def attributes(self) -> tuple[str, ...]:
        return self.any_of + self.all_of


CATEGORIES: tuple[Category, ...] = (
    Category("harassment", any_of=("insult", "threat"), fit="exact"),
    Category("harassment/threatening", any_of=("threat",), fit="exact"),
    Category("hate", any_of=("identity_attack",), fit="exact"),
    Category("hate/threatening", all_of=("identity_attack", "threat"), fit="narrower"),
    Category("illicit", omni=True),
    Category("illicit/violent", omni=True),
    Category("self-harm", any_of=("self_harm",), fit="narrower"),
    Category("self-harm/instructions"),
    Category("self-harm/intent", any_of=("self_harm",), fit="broader"),
    Category("sexual", any_of=("sexual",), image="nudity", fit="exact"),
    Category("sexual/minors"),
    Category("violence", any_of=("threat",), fit="narrower"),
    Category("violence/graphic"),
)
NAMES = tuple(category.name for category in CATEGORIES)

#: From which score on a category is flagged, unless SAFEHOLD_MODERATION_THRESHOLDS says otherwise: the scores are calibrated
#: probabilities, and what is more likely than not is flagged.
THRESHOLD = 0.5


_OF_TEXT = tuple(
    (category.name, category.attributes, min if category.all_of else max)
    for category in CATEGORIES
    if category.attributes
)


def of_text(scores: Mapping[str, float]) -> dict[str, float]:
    """The score of each category that the text model measures, from its attributes' scores (0 to 1)."""
    return {
        name: fold([scores[attribute] for attribute in attributes])
        for name, attributes, fold in _OF_TEXT
        if all(attribute in scores for attribute in attributes)
    }


def of_image(scores: Mapping[str, float]) -> dict[str, float]:
    """The same of an image."""
    return {category.name: scores[category.image] for category in CATEGORIES if category.image in scores}


def greatest(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Of several parts of one input the greatest score of each category."""
    found: dict[str, float] = {}
    for part in parts:
        for name, score in part.items():
            found[name] = max(score, found.get(name, 0.0))
    return found


def read_thresholds(said: str) -> dict[str, float]:
    """`self-harm=0.3, harassment=0.7` as thresholds of all categories. Raises ValueError, which names what is wrong."""
    thresholds = dict.fromkeys(NAMES, THRESHOLD)
    for part in filter(None, (part.strip() for part in said.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in thresholds:
            raise ValueError(f"`{name}` is no category; there are {', '.join(NAMES)}")
        try:
            threshold = float(value)
        except ValueError:
            threshold = -1.0
        if not equals or not 0 < threshold <= 1:
            raise ValueError(f"{name}: write a number above 0 and up to 1 behind the equals sign")
        thresholds[name] = threshold
    return thresholds
