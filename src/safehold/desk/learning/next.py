"""What to label next: the newest texts that nobody has labelled, of which the model is least sure, no two of them alike; and a
share drawn by lot from the texts that no model is trained on, so that figures stay true of all texts and not of hard ones.
Called by the console and by `safehold learn next`.
"""

import hashlib
from contextlib import suppress
from typing import NamedTuple

from safehold.desk.entities.models import Event
from safehold.desk.entities.subjects import text_of
from safehold.desk.learning.models import Asked, Label, LearnedModel
from safehold.desk.learning.taking import digest_of
from safehold.desk.learning.training import loaded, share_of
from safehold.signals.community.choosing import most_unsure
from safehold.signals.community.features import rows, same_as
from safehold.signals.community.model import Model, NotAModel

#: The newest events that are looked at, and texts of them that are scored.
LOOKED_AT, SCORED = 4_000, 1_000


class Pick(NamedTuple):
    """A text to label. `why` is `unsure` or `audit`; `probability` is what the model says, None without one."""

    event: Event
    words: str
    probability: float | None
    why: str


def picks(service: str, attribute: str, count: int) -> list[Pick]:
    """So many texts, in the order in which to label them; fewer where there are no more. Without a model that has learned the
    attribute, all are drawn by lot."""
    share = share_of(service)
    unlabelled = _unlabelled(service, attribute)
    audited = [each for each in unlabelled if share.has(each[1])]
    others = [each for each in unlabelled if not share.has(each[1])]
    for_audit = _by_lot(audited, share.salt)[: max(1, round(count * share.share))] if count else []
    wanted = count - len(for_audit)
    model = model_for(attribute)
    if model is None:
        found = [Pick(event, words, None, "unsure") for event, words in _by_lot(others, share.salt)[:wanted]]
    else:
        found = _unsure(model, attribute, others[:SCORED], wanted)
    drawn = [Pick(event, words, None, "audit") for event, words in for_audit]
    return _mixed(found, drawn)


def model_for(attribute: str) -> Model | None:
    """The live model, or else the newest there is, if it has learned the attribute."""
    for row in (
        LearnedModel.objects.filter(state="live").first(),
        LearnedModel.objects.exclude(state="rejected").order_by("-number").first(),
    ):
        with suppress(NotAModel):  # one that another version of Safehold trained can't say of what it is unsure
            if row is not None and attribute in (model := loaded(row)).attributes:
                return model
    return None


def _unsure(model: Model, attribute: str, texts: list[tuple[Event, str]], count: int) -> list[Pick]:
    if not texts:
        return []
    read = rows([words for _, words in texts])
    found = model.probabilities(read)[:, model.attributes.index(attribute)]
    places = most_unsure(read, found, model.thresholds[attribute], count)
    return [Pick(*texts[place], round(float(found[place]), 3), "unsure") for place in places]


def _unlabelled(service: str, attribute: str) -> list[tuple[Event, str]]:
    """The newest texts without a label of the attribute, of which nobody is asked; of copies the newest."""
    found: dict[str, tuple[Event, str]] = {}
    for event in Event.objects.filter(service=service).exclude(subject_kind="report").order_by("-position")[:LOOKED_AT]:
        if words := text_of(event).strip():
            found.setdefault(same_as(words), (event, words))
    digests = {digest_of(words) for _, words in found.values()}
    known = set(
        Label.objects.filter(service=service, attribute=attribute, digest__in=digests).values_list("digest", flat=True)
    )
    asked = Asked.objects.filter(service=service, attribute=attribute, digest__in=digests).exclude(answer="withdrawn")
    known |= set(asked.values_list("digest", flat=True))
    return [(event, words) for event, words in found.values() if digest_of(words) not in known]


def _by_lot(texts: list[tuple[Event, str]], salt: str) -> list[tuple[Event, str]]:
    """In an order that nobody chose: of a salted hash other than the one that draws the share."""
    return sorted(texts, key=lambda each: hashlib.sha256(f"next {salt} {each[1]}".encode("utf-8", "replace")).digest())


def _mixed(found: list[Pick], drawn: list[Pick]) -> list[Pick]:
    """Those drawn by lot spread evenly among the others, so that nobody can tell them by their place."""
    if not drawn:
        return found
    every = max(1, (len(found) + len(drawn)) // len(drawn))
    mixed, left, lots = [], list(found), list(drawn)
    while left or lots:
        mixed += left[: every - 1] + lots[:1]
        left, lots = left[every - 1 :] if every > 1 else left, lots[1:]
        if not lots:
            mixed, left = mixed + left, []
    return mixed
