"""Thresholds of the starter packs' rules that read `signals.harm`: chosen on the calibration split, checked on the held-back one.

`python -m benchmarks quality --thresholds` prints a table, which docs/how-to/adapt-a-starter-pack.md keeps. For each rule: of the
texts that its other conditions meet, the lowest threshold of a grid from which on the precision is high enough.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.quality.measures import Floats
from safehold.signals.harm import ATTRIBUTES, score_texts
from safehold.signals.harm.training.example import Example
from safehold.signals.lexicon.lists import Term, shipped
from safehold.signals.lexicon.match import Matcher
from safehold.signals.text.normalise import normalise

GRID = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99)

#: Fewer texts above a threshold than this say nothing about it.
FEWEST = 5

_YOU = re.compile(r"\b(you|u|ur|your|youre|you're)\b")
_I = re.compile(r"\b(i|i'm|im|i've|ive|i'll|me|my|myself)\b")

Condition = Callable[[str, Sequence[Term]], bool]


class Rule(NamedTuple):
    """A rule, the attribute it reads, what else it asks (of the normalised text and the listed words in it), and how much of
    what it meets must be right (more, where a text waits for the person); `real`: measured on real texts only.
    """

    name: str
    attribute: str
    also: Condition
    precision: float
    real: bool = True


def _without(*beginnings: str) -> Condition:
    return lambda text, terms: not any(term.category.startswith(beginnings) for term in terms)


def _spoken_to(text: str, terms: Sequence[Term]) -> bool:
    mild = all(term.severity < 2 for term in terms)
    return mild and 3 <= len(text.split()) <= 60 and _YOU.search(text) is not None


def _in_need(text: str, terms: Sequence[Term]) -> bool:
    return _I.search(text) is not None and _without("self-harm-", "worried-about-someone")(text, terms)


RULES = (
    Rule("abuse.hate: reads-as-hate", "identity_attack", _without("slur-", "dehumanising"), 0.85),
    Rule("abuse.harassment: reads-as-an-attack", "toxicity", _spoken_to, 0.85),
    Rule("abuse.threats: reads-as-a-threat", "threat", _without("threat", "mass-threat"), 0.5),
    Rule("care.self-harm: reads-as-need", "self_harm", _in_need, 0.7, real=False),
    Rule("scams.money: reads-as-a-scam", "scam", _without(), 0.85, real=False),
    Rule("spam.comments: likely-spam", "spam", _without(), 0.95),
    Rule("spam.comments: likely-fraud", "phishing", _without(), 0.95, real=False),
)


def choose(examples: Sequence[Example]) -> list[dict[str, object]]:
    """For each rule its threshold (None where no one is good enough) and what it meets: {"met", "right"} by split."""
    used = [each for each in examples if each.split in ("calibrate", "test")]
    scores = np.array([[e.scores.get(name, 0.0) for name in ATTRIBUTES] for e in score_texts([e.text for e in used])])
    matcher = Matcher([each for each in shipped() if each.language in ("en", "*")])
    plain = [normalise(each.text[:2000]) for each in used]
    terms = [[match.entry.term for match in matcher.find(each)] for each in plain]
    told: list[dict[str, object]] = []
    for rule in RULES:
        rows = [
            row
            for row, each in enumerate(used)
            if rule.attribute in each.labels
            and each.source != "identity-templates"
            and not (rule.real and each.source == "templates")
            and rule.also(plain[row].text, terms[row])
        ]
        said = scores[rows, ATTRIBUTES.index(rule.attribute)]
        wanted = np.array([used[row].labels[rule.attribute] for row in rows])
        calibration = np.array([used[row].split == "calibrate" for row in rows])
        threshold = _lowest(wanted[calibration], said[calibration], rule.precision)
        told.append(
            {
                "rule": rule.name,
                "attribute": rule.attribute,
                "precision wanted": rule.precision,
                "threshold": threshold,
                "calibration": _met(wanted[calibration], said[calibration], threshold),
                "held back": _met(wanted[~calibration], said[~calibration], threshold),
            }
        )
    return told


def _lowest(wanted: Floats, said: Floats, precision: float) -> float | None:
    """The lowest threshold of GRID from which on every one of it that meets FEWEST texts is right often enough."""
    good = None
    for threshold in reversed(GRID):
        met = said >= threshold
        if met.sum() >= FEWEST:
            if wanted[met].mean() < precision:
                break
            good = threshold
    return good


def _met(wanted: Floats, said: Floats, threshold: float | None) -> dict[str, int]:
    met = said >= (2.0 if threshold is None else threshold)
    return {"texts": len(said), "met": int(met.sum()), "right": int((wanted[met] > 0.5).sum())}


def table(told: Sequence[dict[str, object]]) -> str:
    """The choice in Markdown."""
    head = "| rule | reads | asked for | threshold | calibration: met, right | held back: met, right |\n|---|---|---|---|---|---|"
    rows = [
        f"| {each['rule']} | `{each['attribute']}` | {each['precision wanted']} | {each['threshold']} "
        f"| {_shown(each['calibration'])} | {_shown(each['held back'])} |"
        for each in told
    ]
    return "\n".join([head, *rows])


def _shown(split: object) -> str:
    counts = dict(split)  # type: ignore[call-overload]
    return f"{counts['met']}, {counts['right']} of {counts['texts']:,}"
