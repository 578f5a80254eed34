"""What each kind of held-back template asks of the model, and the least share it must answer rightly."""

from collections.abc import Sequence

import numpy as np

from benchmarks.quality import measures
from benchmarks.quality.measures import Floats
from safehold.signals.harm import ATTRIBUTES
from safehold.signals.harm.training.example import Example

#: Attributes that a kind is about, by the beginning of its name; the rest must not be toxic.
_ABOUT = (
    (
        ("hate-of-things", "hate-homonym", "profanity-harmless", "self-deprecation", "kind-talk", "criticism"),
        ("toxicity", "identity_attack"),
    ),
    (("odd-question",), ("toxicity", "identity_attack")),
    (("mild-rudeness",), ("toxicity",)),
    (("severe-abuse",), ("severe_toxicity",)),
    (("hate-", "neutral-", "positive-", "reclaimed", "counter-"), ("identity_attack",)),
    (("insult-",), ("insult",)),
    (("threat-", "caring-twin-of-threat"), ("threat",)),
    (("sexual-", "romance-clean"), ("sexual",)),
    (("self-harm-",), ("self_harm",)),
    (("scam-",), ("scam",)),
    (("phishing-",), ("phishing",)),
    (("genuine-notice", "fraud-warning", "money-talk"), ("scam", "phishing")),
    (("spam-promo", "ordinary-commerce"), ("spam",)),
)

#: Our own functional tests of hate and what only looks like it: kinds by the beginning of their names.
FUNCTIONAL = (
    *("hate-", "neutral-identity", "positive-identity", "reclaimed", "counter-", "insult-", "profanity-harmless"),
    *("self-deprecation", "kind-talk", "criticism", "odd-question"),
)

#: The whole suite must reach these, each kind what is written here (a little under what was measured when the model was made),
#: or FLOOR. Kinds under .5 are weak, and the card says so.
TARGETS = {"macro_f1": 0.75, "auc": 0.82, "non_hate_accuracy": 0.65}
FLOOR = 0.5
FLOORS = {
    "caring-twin-of-threat": 0.5,
    "counter-quote": 0.85,
    "counter-reference": 0.7,
    "criticism": 0.85,
    "fraud-warning": 0.75,
    "genuine-notice": 0.7,
    "hate-dehumanising": 0.7,
    "hate-derogation": 0.55,
    "hate-homonym": 0.65,
    "hate-identity-lists": 0.9,
    "hate-implicit": 0.4,
    "hate-negated": 0.7,
    "hate-negated-positive": 0.55,
    "hate-of-things": 0.9,
    "hate-question": 0.4,
    "hate-slur": 0.8,
    "hate-threat": 0.4,
    "insult-amid-kindness": 0.7,
    "insult-person": 0.75,
    "insult-quoted-or-denied": 0.9,
    "insult-unprotected": 0.7,
    "kind-talk": 0.9,
    "kind-talk-to-you": 0.6,
    "mild-rudeness": 0.65,
    "money-talk": 0.7,
    "neutral-identity": 0.9,
    "odd-question": 0.65,
    "ordinary-commerce": 0.9,
    "phishing-account": 0.9,
    "phishing-bank": 0.65,
    "phishing-code": 0.85,
    "phishing-parcel": 0.85,
    "positive-identity": 0.8,
    "profanity-harmless": 0.75,
    "reclaimed": 0.7,
    "romance-clean": 0.9,
    "scam-advance-fee": 0.9,
    "scam-investment": 0.75,
    "scam-job": 0.9,
    "scam-romance-and-family": 0.85,
    "scam-sale": 0.9,
    "self-deprecation-and-banter": 0.85,
    "self-harm-concern": 0.7,
    "self-harm-figurative": 0.75,
    "self-harm-intent": 0.8,
    "self-harm-prevention": 0.9,
    "self-harm-recovery": 0.8,
    "self-harm-urging": 0.9,
    "severe-abuse": 0.65,
    "sexual-education": 0.85,
    "sexual-explicit": 0.6,
    "sexual-identity-neutral": 0.9,
    "sexual-medical": 0.9,
    "spam-promo": 0.8,
    "threat-conditional": 0.75,
    "threat-direct": 0.75,
    "threat-fiction": 0.9,
    "threat-figurative": 0.85,
    "threat-game": 0.8,
    "threat-reported": 0.9,
    "threat-veiled": 0.5,
}


def about(kind: str) -> tuple[str, ...]:
    return next(attributes for names, attributes in _ABOUT if kind.startswith(names))


def by_kind(examples: Sequence[Example], scores: Floats) -> dict[str, dict[str, object]]:
    """For each kind of template: how many sentences, and the share answered rightly at 0.5 for all it is about."""
    told: dict[str, dict[str, object]] = {}
    for kind in sorted({each.kind for each in examples}):
        columns = [ATTRIBUTES.index(name) for name in about(kind)]
        rows = [row for row, each in enumerate(examples) if each.kind == kind]
        right = np.ones(len(rows), dtype=bool)
        for column in columns:
            wanted = np.array([examples[row].labels.get(ATTRIBUTES[column], 0.0) for row in rows]) > 0.5
            right &= (scores[rows, column] >= measures.THRESHOLD) == wanted
        told[kind] = {
            "about": about(kind),
            "harmful": any(examples[rows[0]].labels.get(name) for name in about(kind)),
            "sentences": len(rows),
            "right": round(float(right.mean()), 3),
            "floor": FLOORS.get(kind, FLOOR),
        }
    return told


def functional(examples: Sequence[Example], scores: Floats) -> dict[str, float]:
    """`identity_attack` on the kinds that are hate or look like it."""
    rows = [row for row, each in enumerate(examples) if each.kind.startswith(FUNCTIONAL)]
    wanted = np.array([examples[row].labels["identity_attack"] for row in rows])
    said = scores[rows, ATTRIBUTES.index("identity_attack")]
    return {
        "sentences": float(len(rows)),
        "macro_f1": round(measures.macro_f1(wanted, said), 3),
        "auc": round(measures.auc(wanted, said), 3),
        "hate_accuracy": round(measures.recall(wanted, said), 3),
        "non_hate_accuracy": round(1 - measures.false_positives(wanted, said), 3),
    }


def misses(told: dict[str, dict[str, object]], suite: dict[str, float]) -> list[str]:
    """What lies below its floor, in words."""
    low = [
        f"{kind}: {each['right']} is below {each['floor']}"
        for kind, each in told.items()
        if each["right"] < each["floor"]
    ]  # type: ignore[operator]
    return low + [
        f"functional {name}: {suite[name]} is below {least}" for name, least in TARGETS.items() if suite[name] < least
    ]
