"""The model in shadow: it follows the record some seconds behind, scores the texts of the same events as the live one, and what
both say is kept apart from verdicts. Nothing that decides waits for it. `compared` says where rules would do something else.

Who calls: the worker of this room, and the page of a model.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from django.db import transaction
from django.db.models import Max

from safehold.desk.decisions.models import PolicyVersion
from safehold.desk.entities.models import Event
from safehold.desk.entities.subjects import text_of
from safehold.desk.learning.models import LearnedModel, ShadowRun, ShadowScore
from safehold.desk.learning.training import loaded
from safehold.signals.community.features import Rows, rows
from safehold.signals.community.model import Model

#: Events of one look, and how far behind the record it may be before it passes events over.
LOOK, BEHIND = 200, 5_000
#: Scores that are kept of a model, the newest.
KEPT = 20_000
#: Where a rule compares the signal with a constant: (attribute, threshold).
_ASKED = re.compile(r"signals\.community\.(\w+)\s*[<>]=?\s*(\d*\.?\d+)")


class Difference(NamedTuple):
    """What would be otherwise at one threshold: how many texts were scored by both, on how many both are on the same side, and
    those that only one of them puts at or above it. `rule` is who asks; empty for the model's own threshold."""

    attribute: str
    threshold: float
    rule: str
    texts: int
    same: int
    newly: int
    no_longer: int

    @property
    def agreement(self) -> float | None:
        return self.same / self.texts if self.texts else None


def follow() -> int:
    """Score the next events of the record with the model in shadow; how many events that was.

    Nothing is locked while texts are scored; of two processes that did the same, the one that is done first keeps it.
    """
    model = LearnedModel.objects.filter(state="shadow").first()
    if model is None:
        return 0
    last = Event.objects.aggregate(last=Max("position"))["last"] or 0
    run, _ = ShadowRun.objects.get_or_create(model=model, defaults={"position": max(0, last - LOOK)})
    passed = max(0, last - run.position - BEHIND)
    events = list(Event.objects.filter(position__gt=run.position + passed).order_by("position")[:LOOK])
    if not events:
        return 0
    live = LearnedModel.objects.filter(state="live").first()
    scores = _scored(model, live, events)
    with transaction.atomic():
        mine = ShadowRun.objects.filter(pk=run.pk, position=run.position).update(
            position=events[-1].position, passed_over=run.passed_over + passed
        )
        if mine:
            ShadowScore.objects.bulk_create(scores)
    newest = ShadowScore.objects.filter(model=model).order_by("-position").values_list("position", flat=True)
    if oldest := newest[KEPT : KEPT + 1].first():
        ShadowScore.objects.filter(model=model, position__lte=oldest).delete()
    return len(events)


_loaded: dict[str, Model] = {}


def _model(row: LearnedModel) -> Model:
    """Read once in this process; the two that are asked."""
    if row.digest not in _loaded:
        while len(_loaded) > 1:
            _loaded.pop(next(iter(_loaded)))
        _loaded[row.digest] = loaded(row)
    return _loaded[row.digest]


def _scored(model: LearnedModel, live: LearnedModel | None, events: Iterable[Event]) -> list[ShadowScore]:
    spoken = [(event, text) for event in events if (text := text_of(event).strip())]
    if not spoken:
        return []
    read = rows([text for _, text in spoken])
    own = _probabilities(model, read)
    other: list[dict[str, float]] = _probabilities(live, read) if live is not None else [{} for _ in spoken]
    return [
        ShadowScore(model=model, live=live, event=event, said=own[place], live_said=other[place])
        for place, (event, _) in enumerate(spoken)
    ]


def _probabilities(row: LearnedModel, read: Rows) -> list[dict[str, float]]:
    model = _model(row)
    found = model.probabilities(read)
    return [
        {name: round(float(score), 4) for name, score in zip(model.attributes, line, strict=True)} for line in found
    ]


def thresholds() -> list[tuple[str, float, str]]:
    """(attribute, threshold, rule) for each rule in force that compares the community signal with a number."""
    found = []
    for key, spec in PolicyVersion.objects.filter(effective_to=None).order_by("key").values_list("key", "spec"):
        for rule in spec.get("rules", []):
            for attribute, number in _ASKED.findall(rule.get("when", "")):
                found.append((attribute, float(number), f"{key}/{rule['id']}"))
    return found


def compared(model: LearnedModel) -> list[Difference]:
    """Where rules would do something else with this model, on the events that it was run on beside the live one; at the model's
    own thresholds for attributes that no rule asks for."""
    said = list(ShadowScore.objects.filter(model=model).order_by("-position").values_list("said", "live_said")[:KEPT])
    asked = thresholds()
    own = [
        (name, threshold, "")
        for name, threshold in loaded(model).thresholds.items()
        if name not in {attribute for attribute, _, _ in asked}
    ]
    return [_difference(said, *each) for each in [*asked, *own]]


def _difference(
    said: Iterable[tuple[dict[str, float], dict[str, float]]], attribute: str, threshold: float, rule: str
) -> Difference:
    texts = same = newly = no_longer = 0
    for own, live in said:
        if attribute in own and attribute in live:
            here, there = own[attribute] >= threshold, live[attribute] >= threshold
            texts += 1
            same += here == there
            newly += here and not there
            no_longer += there and not here
    return Difference(attribute, threshold, rule, texts, same, newly, no_longer)


def disagreements(model: LearnedModel, limit: int) -> list[tuple[ShadowScore, str, float, float]]:
    """(score, attribute, what this model says, what the live one says) of the newest texts of which they say most different
    things, one attribute a text."""
    found = []
    for score in ShadowScore.objects.filter(model=model).select_related("event").order_by("-position")[:1_000]:
        apart = [
            (abs(value - score.live_said[name]), name, value, score.live_said[name])
            for name, value in score.said.items()
            if name in score.live_said
        ]
        if apart and max(apart)[0] >= 0.1:
            _, name, own, live = max(apart)
            found.append((score, name, own, live))
    return sorted(found, key=lambda each: -abs(each[2] - each[3]))[:limit]
