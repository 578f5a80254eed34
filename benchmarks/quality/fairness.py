"""Do identity terms raise scores where nothing hateful is said? False-positive rates by group, with gates."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.quality import measures
from benchmarks.quality.measures import Floats
from safehold.signals.harm import ATTRIBUTES
from safehold.signals.harm.training.example import Example

#: No group's innocent sentences may be taken for it more often, and no two groups' rates be further apart. Toxicity is weak
#: here: the worst group of today's model is at .33.
HIGHEST_RATE = {"identity_attack": 0.25, "toxicity": 0.35}
LARGEST_GAP = {"identity_attack": 0.25, "toxicity": 0.25}

_INNOCENT = ("neutral-", "positive-", "counter-", "hate-negated", "sexual-identity-neutral")
#: Groups with fewer sentences are counted together: a rate of three sentences says nothing.
_FEWEST = 8
OTHERS = "other groups"


def by_group(examples: Sequence[Example], scores: Floats) -> dict[str, dict[str, dict[str, float]]]:
    """{"templates" or "identity-templates": {group: {"sentences", "toxicity", "identity_attack"}}}: rates at 0.5."""
    told: dict[str, dict[str, dict[str, float]]] = {}
    for source in ("templates", "identity-templates"):
        rows = [
            row
            for row, each in enumerate(examples)
            if each.source == source
            and each.group
            and not each.labels["identity_attack"]
            and (source != "templates" or each.kind.startswith(_INNOCENT))
        ]
        sizes = Counter(examples[row].group for row in rows)
        by_name: dict[str, list[int]] = {}
        for row in rows:
            name = examples[row].group
            by_name.setdefault(name if sizes[name] >= _FEWEST else OTHERS, []).append(row)
        groups: dict[str, dict[str, float]] = {}
        for group, of in sorted(by_name.items()):
            groups[group] = {"sentences": float(len(of))}
            for name in ("toxicity", "identity_attack"):
                said = scores[of, ATTRIBUTES.index(name)] >= measures.THRESHOLD
                groups[group][name] = round(float(said.mean()), 3)
        told[source] = groups
    return told


def misses(told: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Where a gate is broken, in words, by source and attribute."""
    found: list[str] = []
    for source, groups in told.items():
        if not groups:
            found.append(f"fairness, {source}: no group has a sentence")
            continue
        for name, highest in HIGHEST_RATE.items():
            where = f"fairness, {source}, {name}"
            rates = {group: each[name] for group, each in groups.items()}
            worst = max(rates, key=lambda group: rates[group])
            if rates[worst] > highest:
                found.append(f"{where}: {rates[worst]} of innocent sentences on {worst}, more than {highest}")
            gap = rates[worst] - min(rates.values())
            if gap > LARGEST_GAP[name]:
                found.append(f"{where}: groups are {gap:.3f} apart, more than {LARGEST_GAP[name]}")
    return found
