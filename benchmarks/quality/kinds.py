"""What each kind of held-back template asks of the model, and the least share it must answer rightly."""

from collections.abc import Sequence

import numpy as np

from benchmarks.quality import measures
from benchmarks.quality.measures import Floats
from safehold.signals.harm import ATTRIBUTES
from safehold.signals.harm.training.example import Example

#: Attributes that a kind is about, by the beginning of its name; the rest must not be toxic.
_ABOUT = (
    (("hate-of-things", "profanity-harmless", "self-deprecation", "kind-talk"), ("toxicity", "identity_attack")),
    (("hate-", "neutral-", "positive-", "reclaimed", "counter-"), ("identity_attack",)),
    (("insult-",), ("insult",)),
    (("threat-",), ("threat",)),
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
    *("self-deprecation", "kind-talk"),
)

#: The whole suite must reach these, each kind FLOOR or what is written here.
TARGETS = {"macro_f1": 0.75, "auc": 0.82, "non_hate_accuracy": 0.65}
FLOOR = 0.5
#: Weak today, and said so in the card: these only notice when it gets worse. Veiled threats are not found at all.
FLOORS = {"hate-implicit": 0.3, "insult-unprotected": 0.35, "threat-veiled": 0.0}


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
