"""Do identity terms raise scores where nothing hateful is said? False-positive rates by group, with a gate."""

from collections.abc import Sequence

from benchmarks.quality import measures
from benchmarks.quality.measures import Floats
from safehold.signals.harm import ATTRIBUTES
from safehold.signals.harm.training.example import Example

#: No group's innocent sentences may be taken for attacks more often, and no two groups' rates be further apart.
HIGHEST_RATE = 0.25
LARGEST_GAP = 0.25

_INNOCENT = ("neutral-", "positive-", "counter-", "hate-negated", "sexual-identity-neutral")
_FEWEST = 8


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
        groups: dict[str, dict[str, float]] = {}
        for group in sorted({examples[row].group for row in rows}):
            of = [row for row in rows if examples[row].group == group]
            if len(of) < _FEWEST:
                continue
            groups[group] = {"sentences": float(len(of))}
            for name in ("toxicity", "identity_attack"):
                said = scores[of, ATTRIBUTES.index(name)] >= measures.THRESHOLD
                groups[group][name] = round(float(said.mean()), 3)
        told[source] = groups
    return told


def misses(told: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Where the gate is broken, in words: `identity_attack` by group."""
    found: list[str] = []
    for source, groups in told.items():
        rates = {group: each["identity_attack"] for group, each in groups.items()}
        if not rates:
            found.append(f"fairness, {source}: no group has enough sentences")
            continue
        worst = max(rates, key=lambda group: rates[group])
        if rates[worst] > HIGHEST_RATE:
            found.append(
                f"fairness, {source}: {rates[worst]} of innocent sentences on {worst}, more than {HIGHEST_RATE}"
            )
        gap = rates[worst] - min(rates.values())
        if gap > LARGEST_GAP:
            found.append(f"fairness, {source}: groups are {gap:.3f} apart, more than {LARGEST_GAP}")
    return found
